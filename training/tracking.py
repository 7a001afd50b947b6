"""Runs and versions in MLflow: the only importer of MLflow.

Default: an SQLite file and an artefact folder under `CHURN_RISK_HOME`; a server when `MLFLOW_TRACKING_URI` names one.
(When that names a database instead, the artefacts still go under the home folder.)
A version is made in one order, so that a crash leaves the champion as it was: the run with everything in it, then the
registered version, then, and only then, the alias.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from io import StringIO
from pathlib import Path
from subprocess import CalledProcessError, run
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, Schema, TensorSpec

from features.errors import NoModel
from features.signal import all_signals
from training.bundle import Bundle, Manifest, load_bundle, stamp_version, write_bundle
from training.pipeline import Trained
from training.plots import draw_plots
from training.settings import CHAMPION, MODEL_NAME, Environment
from training.verdict import MODEL

#: What MLflow says when there is no such model, version or alias; anything else is a failure, not an absence.
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
#: What the logged model's code imports.
REQUIRED = (
    "duckdb", "ibis-framework", "lightgbm", "numpy", "pandas", "pyarrow", "pydantic", "pydantic-settings",
    "scikit-learn", "scipy", "sqlglot",
)  # fmt: skip
ROOT = Path(__file__).parent.parent
PYFUNC = Path(__file__).with_name("pyfunc.py")
#: Addresses behind which no server keeps the artefacts: they go under the home folder.
DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")


@dataclass(frozen=True)
class Registered:
    """A version in the registry and whether it is the champion now."""

    version: str
    run_id: str
    champion: bool
    tracking_uri: str


def tracking_uri(environment: Environment) -> str:
    """Return where runs are kept: `MLFLOW_TRACKING_URI`, else an SQLite file under the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{environment.home.absolute() / 'mlflow.db'}"


@contextmanager
def connected(environment: Environment) -> Iterator[MlflowClient]:
    """Point MLflow at the environment's store for the length of a block, and yield a client.

    MLflow keeps addresses in the process environment too, and makes `./mlruns` for a database unless told where
    artefacts go; all of it is put back afterwards.
    """
    uri = tracking_uri(environment)
    environment.home.mkdir(parents=True, exist_ok=True)
    wanted = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_REGISTRY_URI": uri,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    if uri.startswith(DATABASES):
        wanted["_MLFLOW_SERVER_ARTIFACT_ROOT"] = _artifacts(environment)
    before = {name: os.environ.get(name) for name in wanted}
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.update(wanted)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield MlflowClient(uri, uri)
    finally:
        mlflow.set_tracking_uri("")
        mlflow.set_registry_uri("")
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _artifacts(environment: Environment) -> str:
    return (environment.home.absolute() / "mlruns").as_uri()


def register(trained: Trained, environment: Environment, source: str) -> tuple[Registered, Manifest]:
    """Log a run with everything that is to be known of it, register the version, make the first one champion."""
    with connected(environment) as client, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        manifest = write_bundle(folder, trained, datetime.now(UTC).isoformat(timespec="seconds"), code_version())
        plots = draw_plots(trained, Path(scratch) / "plots")
        with mlflow.start_run(experiment_id=_experiment(client, environment)) as active:
            _log_run(trained, manifest, source)
            for plot in plots:
                mlflow.log_artifact(str(plot), "plots")
            model = _log_model(trained, folder)
        with redirect_stderr(StringIO()):
            made = mlflow.register_model(model.model_uri, MODEL_NAME)
        first = _aliased(client) is None
        if first:
            client.set_registered_model_alias(MODEL_NAME, CHAMPION, made.version)
        return Registered(str(made.version), active.info.run_id, first, tracking_uri(environment)), manifest


def fetch_bundle(environment: Environment, version: str | None = None) -> Path:
    """Return a local folder with the bundle of a version (default: the champion), fetched once.

    Raises
    ------
    NoModel
        When there is no such version, or none at all.
    """
    with connected(environment) as client:
        found = _version(client, version)
        folder = environment.home / "bundles" / f"{found.run_id}-{found.version}"
        if not folder.is_dir():
            _download(client, found, folder)
    return folder


def fetch(environment: Environment, version: str | None = None) -> Bundle:
    """Load the bundle of a version, by default the champion; raises NoModel, BundleDamaged or SignalsDiffer."""
    return load_bundle(fetch_bundle(environment, version))


def _download(client: MlflowClient, found: ModelVersion, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        uri = client.get_model_version_download_uri(MODEL_NAME, found.version)
        local = Path(mlflow.artifacts.download_artifacts(f"{uri}/artifacts/bundle", dst_path=scratch))
        stamp_version(local, str(found.version))
        try:
            local.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _version(client: MlflowClient, version: str | None) -> ModelVersion:
    if version is None:
        champion = _aliased(client)
        if champion is None:
            raise NoModel(
                f"there is no champion yet: run `churn-risk train SOURCE` first ({mlflow.get_tracking_uri()})"
            )
        return champion
    try:
        return client.get_model_version(MODEL_NAME, version)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        raise NoModel(f"there is no version {version!r} of {MODEL_NAME} in {mlflow.get_tracking_uri()}") from error


def _aliased(client: MlflowClient) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def _experiment(client: MlflowClient, environment: Environment) -> str:
    found = client.get_experiment_by_name(MODEL_NAME)
    if found is not None:
        return str(found.experiment_id)
    local = "_MLFLOW_SERVER_ARTIFACT_ROOT" in os.environ
    artifacts = _artifacts(environment) if local else None
    return str(client.create_experiment(MODEL_NAME, artifact_location=artifacts))


def _log_run(trained: Trained, manifest: Manifest, source: str) -> None:
    settings = asdict(trained.settings)
    flat = {
        f"{group}.{name}": value for group in ("rule", "fit", "economics") for name, value in settings[group].items()
    }
    flat |= {name: value for name, value in settings.items() if not isinstance(value, dict)}
    mlflow.log_params(
        {
            **flat,
            "rounds": trained.choice.rounds,
            "weighting": trained.choice.weighting,
            "rows": len(trained.data),
            "judged": trained.judged_how,
        }
    )
    mlflow.set_tags(
        {
            "source": source,
            "code_version": manifest.code_version,
            "data_fingerprint": manifest.data_fingerprint,
            "grade": trained.verdict.grade,
        }
    )
    for name, metrics in trained.verdict.metrics.items():
        prefix = "" if name == MODEL else f"{name.replace(', ', ' ').replace(':', '')}/"
        mlflow.log_metrics({f"{prefix}{key}": value for key, value in metrics.as_dict().items() if value is not None})
    mlflow.log_dict(trained.verdict.as_dict(), "verdict.json")
    mlflow.log_dict({"signals": [_described(item) for item in all_signals()]}, "signals.json")


def _described(item: Any) -> dict[str, Any]:
    keys = ("name", "theme", "unit", "en", "de", "riskier", "actionable", "needs", "history_days")
    return {key: getattr(item, key) for key in keys}


def _log_model(trained: Trained, bundle: Path) -> Any:
    example = trained.data.matrix.signals.tail(3).reset_index(drop=True)
    probability = trained.calibrator(trained.trees.margin(trained.data.matrix.take(_last(trained, 3))))
    output = pd.DataFrame({"churn_probability": probability})
    numeric = example.astype({item.name: "str" if item.is_text else "float64" for item in all_signals()})
    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string" if item.is_text else "double", item.name, required=False) for item in all_signals()
    ]
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(PYFUNC),
        artifacts={"bundle": str(bundle)},
        code_paths=[str(ROOT / "features"), str(ROOT / "training")],
        signature=ModelSignature(Schema(columns), infer_signature(numeric, output).outputs),
        input_example=numeric,
        pip_requirements=[f"{name}=={installed(name)}" for name in REQUIRED],
    )


def _last(trained: Trained, count: int) -> Any:
    return pd.RangeIndex(len(trained.data)).to_numpy()[-count:]


def code_version() -> str:
    """Return the package's version, with the git commit, and whether the code was changed since, in a checkout."""
    version = installed("churn-risk")
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return version
    try:
        found = run([git, "describe", "--always"], cwd=ROOT, check=True, capture_output=True, text=True)
    except CalledProcessError:
        return version
    changed = run([git, "diff", "--quiet", "HEAD", "--", "*.py", "*.toml", "*.lock"], cwd=ROOT, check=False).returncode
    return f"{version}+{found.stdout.strip()}{'-dirty' if changed else ''}"
