"""The one place that points MLflow at a store: an environment goes in, a client for the length of a block comes out.

The default store is an SQLite file and an artefact folder under `CHURN_RISK_HOME`. `MLFLOW_TRACKING_URI` may name a
server instead. It may also name a database: then the artefacts still go under the home folder.
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
from training.private_files import make_home, make_private_file
from training.settings import Environment

SQLITE = "sqlite:///"
#: MLflow's database under the home folder.
DATABASE = "mlflow.db"
#: Prefixes of addresses without a server that keeps artefacts: the artefacts go under the home folder.
DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")


def tracking_uri(environment: Environment) -> str:
    """Return the address of the store of runs: `MLFLOW_TRACKING_URI`, else an SQLite file under the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _own(environment)


def _own(environment: Environment) -> str:
    return f"{SQLITE}{environment.home.absolute() / DATABASE}"


@contextmanager
def connected(environment: Environment, reading: bool = False) -> Iterator[MlflowClient]:
    """Point MLflow at the environment's store for the length of a block, and yield a client; blocks do not nest.

    With `reading`, a missing SQLite file is not created; NoModel is raised instead.

    MLflow also keeps addresses in the process environment. It makes `./mlruns` for a database unless it knows where
    artefacts go, and it prints a server's addresses to standard output, where results go. The block sets the variables
    that prevent this, and restores the old values at its end.
    """
    uri = tracking_uri(environment)
    if reading and uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise NoModel(f"there is no model yet: run `churn-risk train SOURCE` first ({uri})")
    make_home(environment.home)
    if uri == _own(environment):
        make_private_file(environment.home / DATABASE)
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
    """Return the folder of artefacts that no server keeps, as a `file:` address."""
    return (environment.home.absolute() / "mlruns").as_uri()
