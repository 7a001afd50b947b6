"""What the tests of the registry share: one with a champion, to which versions can be added at no cost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from training.judge.champion_gate import Gate
from training.making.pipeline import Trained
from training.registry.champion import Move, current_version, moves
from training.registry.tracking import connected
from training.settings import MODEL_NAME, Environment

#: Where MLflow writes down the addresses of artefacts.
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Registry:
    """A registry of the test's own, in which version 1 is the champion, and what a test asks it."""

    environment: Environment

    def add(self, gate: str | None, bundle: Path | None = None) -> str:
        """Register one more version of the same model, or of `MODEL/artifacts/bundle`, with what the gate said."""
        with connected(self.environment) as client:
            like = client.get_model_version(MODEL_NAME, "1")
            source = like.source if bundle is None else bundle.parent.parent.as_uri()
            tags = {} if gate is None else {"gate": gate}
            return str(client.create_model_version(MODEL_NAME, source, like.run_id, tags).version)

    def delete(self, version: str) -> None:
        with connected(self.environment) as client:
            client.delete_model_version(MODEL_NAME, version)

    @property
    def champion(self) -> str | None:
        with connected(self.environment) as client:
            return current_version(client)

    @property
    def moves(self) -> list[Move]:
        with connected(self.environment) as client:
            return moves(client)


def at_gate(trained: Trained, decision: str, why: str = "as the test says") -> Trained:
    """Return a trained model of which the gate decided so."""
    return replace(trained, gate=Gate(decision, why))


def copy_home(registered_home: Path, home: Path) -> None:
    """Copy a home to where nothing is yet; what its registry names lies in the copy then.

    The code that MLflow keeps with a model is most of a home's files; nobody changes it, so the copy leads to it.
    """

    def code(folder: str, _: list[str]) -> list[str]:
        return ["code"] if Path(folder).name == "artifacts" else []

    shutil.copytree(registered_home, home, ignore=code)
    for folder in registered_home.glob("mlruns/models/*/artifacts/code"):
        (home / folder.relative_to(registered_home)).symlink_to(folder)
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        for table, column in PLACES:
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(change, (registered_home.as_uri(), home.absolute().as_uri()))
        database.commit()
