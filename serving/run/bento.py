"""Builds the Bento: puts a bundle into BentoML's model store, labelled with its version, then runs `bentoml build`.

    python -m serving.run.bento

The bundle is the one that `CHURN_RISK_BUNDLE` names, else the champion's. The Bento carries the bundle (text, no
pickle) and the three packages, and serves without MLflow.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import bentoml

from features.console import printable, say
from features.errors import ChurnRiskError
from serving.run.service import MODEL_TAG
from training.bundle.bundle import FILES, load_bundle
from training.bundle.publishing import bundle_in
from training.bundle.seal import TAG, seal_of
from training.registry.tracking import fetch_bundle
from training.settings import Environment

ROOT = Path(__file__).parents[2]


def import_bundle(folder: Path) -> str:
    """Put a bundle into BentoML's model store, labelled with its version, and return its tag."""
    bundle = load_bundle(folder)
    name = MODEL_TAG.partition(":")[0]
    facts = {
        "model_version": bundle.version,
        "data_fingerprint": bundle.manifest.data_fingerprint,
        TAG: str(seal_of(folder)),
    }
    with bentoml.models.create(name, labels={"model_version": bundle.version}, metadata=facts) as model:
        for file in FILES:
            if (folder / file).is_file():
                shutil.copy(folder / file, model.path_of(file))
    return str(model.tag)


def build() -> str:
    """Import the configured bundle, by default the champion's, build the Bento and return its tag."""
    environment = Environment()
    tag = import_bundle(fetch_bundle(environment) if environment.bundle is None else bundle_in(environment.bundle))
    bento = bentoml.bentos.build_bentofile(str(ROOT / "bentofile.yaml"), build_ctx=str(ROOT))
    say(f"{bento.tag} carries {tag}\nserve it with: bentoml serve {bento.tag}")
    return str(bento.tag)


if __name__ == "__main__":
    try:
        build()
    except ChurnRiskError as error:
        raise SystemExit(printable(f"error: {error}")) from None
