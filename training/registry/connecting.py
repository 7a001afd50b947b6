"""The one place that points MLflow at a store, for the length of a block.

Default: an SQLite file and an artefact folder under `CHURN_RISK_HOME`; a server when `MLFLOW_TRACKING_URI` names one.
(When that names a database instead, the artefacts still go under the home folder.)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow.tracking import MlflowClient

from features.errors import NoModel
from training.settings import Environment

SQLITE = "sqlite:///"
#: Addresses behind which no server keeps the artefacts: they go under the home folder.
DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")


def tracking_uri(environment: Environment) -> str:
    """Return where runs are kept: `MLFLOW_TRACKING_URI`, else an SQLite file under the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{environment.home.absolute() / 'mlflow.db'}"


@contextmanager
def connected(environment: Environment, reading: bool = False) -> Iterator[MlflowClient]:
    """Point MLflow at the environment's store for the length of a block, and yield a client; blocks do not nest.

    With `reading`, an SQLite file that is not there is not made: NoModel is raised instead.

    MLflow keeps addresses in the process environment too, makes `./mlruns` for a database unless told where artefacts
    go, and prints a server's addresses where results go; all of it is put back afterwards.
    """
    uri = tracking_uri(environment)
    if reading and uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise NoModel(f"there is no model yet: run `churn-risk train SOURCE` first ({uri})")
    environment.home.mkdir(parents=True, exist_ok=True)
    variables = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_REGISTRY_URI": uri,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    if uri.startswith(DATABASES):
        variables["_MLFLOW_SERVER_ARTIFACT_ROOT"] = artifact_root(environment)
    before = {name: os.environ.get(name) for name in variables}
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.update(variables)
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


def artifact_root(environment: Environment) -> str:
    """Return where artefacts go when no server keeps them, as a `file:` address."""
    return (environment.home.absolute() / "mlruns").as_uri()
