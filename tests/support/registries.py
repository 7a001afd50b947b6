"""What the tests of the registry share: one with a champion, to which versions can be added at no cost."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.served import registered_home
from training.judge.champion_gate import Gate
from training.making.pipeline import Trained
from training.registry.champion import Move, current_version, moves
from training.registry.tracking import connected
from training.settings import MODEL_NAME, Environment


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


def registry_of(trained: Trained, book: Path, environment: Environment, factory: pytest.TempPathFactory) -> Registry:
    """Return a copy of the session's registry under the environment's home, which must not be there yet."""
    shutil.copytree(registered_home(trained, book, factory), environment.home)
    return Registry(environment)
