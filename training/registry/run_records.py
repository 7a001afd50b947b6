"""What an MLflow run keeps of a training: settings, metrics of the model and its rivals, judged rows, plots, the model.

The functions write into the active run, which `training.registry.tracking` opens. Only the model card comes later: it
names the version, so it is written after the version is registered.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path, PurePath
from subprocess import CalledProcessError, run
from typing import Any
from urllib.parse import urlsplit

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_SOURCE_NAME

from features.signal import all_signals
from features.spark.catalog_address import is_spark, read_address
from training.bundle.bundle import Manifest
from training.bundle.seal import TAG, Seal
from training.card.card import card_of
from training.card.card_html import html_of, markdown_of, summary_of
from training.judge.verdict import MODEL
from training.making.pipeline import Judged, Trained
from training.settings import MODEL_NAME
from training.tuning.trials import Trial
from training.tuning.tuning import Tuning

#: The libraries that the logged model's code imports.
REQUIRED = (
    "duckdb", "ibis-framework", "lightgbm", "numpy", "pandas", "pyarrow", "pydantic", "pydantic-settings",
    "scikit-learn", "scipy", "sqlglot",
)  # fmt: skip
ROOT = Path(__file__).parents[2]
PYFUNC = ROOT / "training" / "bundle" / "pyfunc.py"
JUDGED = "judged.parquet"
FIGURES = "figures.json"
#: Most characters of a version's description that a database keeps.
LONGEST_DESCRIPTION = 5000
#: A trial's state -> the status of its run in MLflow.
ENDED = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
#: Tags of a run from its start; without the first MLflow would keep the path of the program on this machine.
OURS = {MLFLOW_SOURCE_NAME: "churn-risk train"}
#: Characters that MLflow refuses in the name of a metric.
NO_METRIC_NAME = re.compile(r"[^\w\-. ]")


def book_name(source: str) -> str:
    """Return the name of a book: the last part of its SOURCE, without where it lies and without a password.

    Examples
    --------
    >>> [book_name(source) for source in ("/data/crm/", "duckdb:///data/book.duckdb", "postgresql://u:p@h/sales?x=1")]
    ['crm', 'book', 'sales']
    >>> book_name("spark://lake.crm?book=book.toml")
    'crm'
    """
    if is_spark(source):
        return read_address(source).names[-1]
    if "://" in source:
        return PurePath(urlsplit(source).path).stem or "book"
    return Path(source).resolve().name or "book"


def run_name(source: str, trained: Trained) -> str:
    """Return the name of a run whose version is not known yet: the book, and the end of the data learnt from."""
    return f"{book_name(source)} {trained.prepared.end}"


def name_version(client: MlflowClient, run_id: str, name: str, version: str) -> None:
    """Complete the name of a run with the version that was registered, and tag the run with it."""
    client.update_run(run_id, name=f"{name} v{version}")
    client.set_tag(run_id, "model_version", version)


def log_run(trained: Trained, manifest: Manifest, source: str) -> None:
    """Log parameters, tags, verdict and signals."""
    mlflow.log_params(
        {
            **_flat(asdict(trained.settings)),
            "rounds": trained.choice.rounds,
            "weighting": trained.choice.weighting,
            "rows": len(trained.data),
            "judged": trained.judged_how,
        }
    )
    mlflow.set_tags(
        {
            "book": book_name(source),
            "code_version": manifest.code_version,
            "data_fingerprint": manifest.data_fingerprint,
            "grade": trained.verdict.grade,
        }
    )
    mlflow.log_dict(trained.verdict.as_dict(), "verdict.json")
    mlflow.log_dict({"signals": [_described(signal) for signal in all_signals()]}, "signals.json")


def log_metrics(trained: Trained, figures: dict[str, Any] | None, model_id: str) -> None:
    """Log what the model and its rivals reached, and the known figures of the book, for the run and its model.

    They are logged after the model: `log_model` asks the server for the history of each metric that is there before.

    Parameters
    ----------
    figures : dict or None
        A record of `features.figures.records`; it is kept as a file too.
    """
    reached: dict[str, Any] = {}
    for name, metrics in trained.verdict.metrics.items():
        prefix = "" if name == MODEL else f"{NO_METRIC_NAME.sub('', name)}/"
        reached |= {f"{prefix}{key}": value for key, value in metrics.as_dict().items()}
    if figures is not None:
        mlflow.log_dict(figures, FIGURES)
        reached |= {f"figures/{name}": figure["value"] for name, figure in figures["figures"].items()}
    known = {name: value for name, value in reached.items() if value is not None}
    mlflow.log_metrics(known, model_id=model_id)


def log_card(client: MlflowClient, run_id: str, version: str, manifest: Manifest) -> None:
    """Keep a version's model card with its run, and the top of the card as the version's description.

    Parameters
    ----------
    client : MlflowClient
    run_id : str
        The run that gets the files `card.html` and `card.md`.
    version : str
        Its number in the registry.
    manifest : Manifest
    """
    card = card_of(manifest, version)
    client.log_text(run_id, html_of(card), "card.html")
    client.log_text(run_id, markdown_of(card), "card.md")
    summary = summary_of(card)
    cut = summary if len(summary) <= LONGEST_DESCRIPTION else f"{summary[: LONGEST_DESCRIPTION - 1]}…"
    client.update_model_version(MODEL_NAME, version, description=cut)


def log_files(plots: Iterable[Path], judged: Path) -> None:
    """Log the plots and the judged rows."""
    for plot in plots:
        mlflow.log_artifact(str(plot), "plots")
    mlflow.log_artifact(str(judged))


def write_judged(judged: Judged, folder: Path) -> Path:
    """Write the judged rows and the model's probabilities, so that versions can be compared on common rows.

    Columns: account_id, as_of, churned, revenue_365d (signed), value, probability (0-1).
    """
    matrix = judged.data.matrix
    frame = pd.DataFrame(
        {
            "account_id": judged.data.accounts,
            "as_of": judged.data.as_of,
            "churned": judged.data.churned,
            "revenue_365d": matrix.facts["revenue_365d"].to_numpy(float),
            "value": matrix.value,
            "probability": judged.probabilities[MODEL],
        }
    )
    path = folder / JUDGED
    frame.to_parquet(path, index=False)
    return path


def log_tuning(client: MlflowClient, parent: mlflow.ActiveRun, tuning: Tuning) -> None:
    """Log the result of tuning into the active run, and each trial as a run nested in it.

    The run of a trial has its parameters, what it reached after each of its folds, and its state as a tag.
    """
    mlflow.log_dict(tuning.as_dict(), "tuning.json")
    mlflow.set_tags({"study": tuning.study, "tuning": tuning.why})
    for trial in tuning.trials:
        tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, MLFLOW_RUN_NAME: f"trial {trial.number}"}
        nested = client.create_run(parent.info.experiment_id, start_time=_milliseconds(trial.started_at), tags=tags)
        _log_trial(client, nested.info.run_id, trial)
        client.set_terminated(nested.info.run_id, ENDED[trial.state], _milliseconds(trial.ended_at))


def _log_trial(client: MlflowClient, run_id: str, trial: Trial) -> None:
    at = _milliseconds(trial.ended_at)
    metrics = [
        Metric(name, value, at, step) for step, fold in enumerate(trial.folds) for name, value in asdict(fold).items()
    ]
    parameters = [Param(name, str(value)) for name, value in trial.parameters.items()]
    tags = [RunTag("state", trial.state)] + ([RunTag("why", trial.why)] if trial.why else [])
    client.log_batch(run_id, metrics, parameters, tags)


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def log_model(trained: Trained, bundle: Path, seal: Seal) -> tuple[str, str]:
    """Log the bundle as a pyfunc with example, columns and answer; return the model's address and id in MLflow.

    Its signature declares the answer and the parameter only; `training.bundle.pyfunc` says why.
    """
    last = np.arange(len(trained.data))[-3:]
    example = trained.data.matrix.signals.iloc[last].reset_index(drop=True)
    answer = Schema([ColSpec("double", "churn_probability"), ColSpec("string", "grade", required=False)])
    columns = {"account_id": "text", "as_of": "date"} | {
        signal.name: "text" if signal.is_text else "number" for signal in all_signals()
    }
    logged = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(PYFUNC),
        artifacts={"bundle": str(bundle)},
        code_paths=[str(ROOT / "features"), str(ROOT / "training")],
        signature=ModelSignature(outputs=answer, params=ParamSchema([ParamSpec("reasons", DataType.long, 0)])),
        input_example=example,
        metadata={"columns": columns, "grade": trained.verdict.grade},
        model_config={TAG: str(seal)},
        pip_requirements=[f"{name}=={installed(name)}" for name in REQUIRED],
    )
    return str(logged.model_uri), str(logged.model_id)


def code_version() -> str:
    """Return the package's version; in a git checkout with the commit, and `-dirty` if the code was changed since."""
    version = installed("churn-risk")
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return version
    try:
        described = run([git, "describe", "--always"], cwd=ROOT, check=True, capture_output=True, text=True)
    except CalledProcessError:
        return version
    changed = run([git, "diff", "--quiet", "HEAD", "--", "*.py", "*.toml", "*.lock"], cwd=ROOT, check=False).returncode
    return f"{version}+{described.stdout.strip()}{'-dirty' if changed else ''}"


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return groups of settings as `group.name`, groups in groups as `group.group.name`."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        inner = _flat(value) if isinstance(value, dict) else {}
        flat |= {f"{name}.{key}": figure for key, figure in inner.items()} or {name: value}
    return flat


def _described(signal: Any) -> dict[str, Any]:
    keys = ("name", "theme", "unit", "en", "de", "riskier", "actionable", "needs", "history_days")
    return {key: getattr(signal, key) for key in keys}
