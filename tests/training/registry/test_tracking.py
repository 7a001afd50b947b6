"""Runs and versions: everything of a run is kept, a version comes back as it went, the champion survives a crash."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from support.registries import at_gate

import training.registry.tracking as tracking
from features.errors import BundleDamaged, NoModel
from features.signal import all_signals, signal_names
from training.bundle.bundle import FILES, Manifest, load_bundle
from training.judge.champion_gate import WON
from training.making.pipeline import Trained
from training.registry.champion import moves
from training.registry.promotion import look_up
from training.registry.run_records import book_name
from training.registry.tracking import Registered, connected, fetch, fetch_bundle, register, tracking_uri
from training.settings import CHAMPION, MODEL_NAME, Environment

SOURCE = "/somebody/s/place/a folder of tables"


@dataclass(frozen=True)
class Home:
    """An environment in which a first version, of grade D, has been registered."""

    environment: Environment
    trained: Trained
    registered: Registered
    manifest: Manifest
    working: Path


@pytest.fixture(scope="module")
def home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Home:
    environment = Environment(home=tmp_path_factory.mktemp("tracking") / "home")
    working = tmp_path_factory.mktemp("working")
    poor = replace(trained, verdict=replace(trained.verdict, grade="D"))
    before = Path.cwd()
    os.chdir(working)
    try:
        registered, manifest = register(poor, environment, SOURCE)
    finally:
        os.chdir(before)
    return Home(environment, poor, registered, manifest, working)


@pytest.fixture
def run(home: Home) -> Any:
    with connected(home.environment) as client:
        return client.get_run(home.registered.run_id)


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "draw_plots", lambda trained, folder: [])


def champion(environment: Environment) -> str | None:
    with connected(environment) as client:
        found = client.search_model_versions(f"name='{MODEL_NAME}'")
        aliased = [version.version for version in found if CHAMPION in (version.aliases or [])]
        try:
            return str(client.get_model_version_by_alias(MODEL_NAME, CHAMPION).version)
        except mlflow.exceptions.MlflowException:
            assert not aliased
            return None


def test_the_first_version_is_champion_whatever_its_grade(home: Home) -> None:
    assert home.registered.champion
    assert home.registered.version == "1"
    assert champion(home.environment) == "1"


def test_a_run_has_its_parameters(home: Home, run: Any) -> None:
    parameters, settings = run.data.params, home.trained.settings
    assert parameters["rule.horizon_days"] == "180"
    assert parameters["fit.num_leaves"] == str(settings.fit.num_leaves)
    assert parameters["economics.actions.offer.success_rate"] == "0.3"
    assert parameters["seed"] == "0"
    assert parameters["rounds"] == str(home.trained.choice.rounds)
    assert parameters["weighting"] == home.trained.choice.weighting
    assert parameters["rows"] == str(len(home.trained.data))
    assert parameters["judged"] == home.trained.judged_how


def test_a_run_has_every_metric_of_the_model_and_its_rivals(home: Home, run: Any) -> None:
    ours = home.trained.verdict.metrics["model"].as_dict()
    for name, value in ours.items():
        assert run.data.metrics[name] == pytest.approx(value)
    assert run.data.metrics["recency alone/roc_auc"] == home.trained.verdict.metrics["recency alone"].roc_auc
    assert len(run.data.metrics) == len(ours) * len(home.trained.verdict.metrics)
    with connected(home.environment) as client:
        (model,) = client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id='{run.info.run_id}'"
        )
    assert {metric.key: metric.value for metric in model.metrics} == run.data.metrics


def test_no_metric_s_history_is_asked_for(home: Home, without_plots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's `log_model` asks for each metric that its run has already; of a server that is a request each."""
    monkeypatch.setattr(mlflow.MlflowClient, "get_metric_history", crash)
    register(home.trained, home.environment, SOURCE)


def test_a_run_says_what_of_and_how_good(home: Home, run: Any) -> None:
    tags = run.data.tags
    assert tags["book"] == "a folder of tables"
    assert tags["data_fingerprint"] == home.manifest.data_fingerprint
    assert tags["code_version"] == home.manifest.code_version
    assert tags["grade"] == "D"


def test_a_run_is_named_by_book_end_of_data_and_version_and_tells_no_place(home: Home, run: Any) -> None:
    assert run.info.run_name == f"a folder of tables {home.trained.prepared.end} v{home.registered.version}"
    assert run.data.tags["model_version"] == home.registered.version
    told = [*run.data.tags.values(), *run.data.params.values(), run.info.run_name]
    assert not [text for text in told if "/" in text.replace("and/or", "") and Path(text.split()[0]).is_absolute()]
    assert "somebody" not in " ".join(told)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("my-book/", "my-book"),
        ("/data/crm", "crm"),
        ("duckdb:///data/book.duckdb", "book"),
        ("postgresql://user:secret@host:5432/sales?options=x", "sales"),
        ("postgresql://user:secret@host", "book"),
    ],
)
def test_a_book_is_named_without_its_place_and_without_a_password(source: str, name: str) -> None:
    assert book_name(source) == name


def test_a_run_has_plots_signals_and_verdict(home: Home) -> None:
    with connected(home.environment) as client:
        plots = {item.path: item.file_size for item in client.list_artifacts(home.registered.run_id, "plots")}
        signals = mlflow.artifacts.load_dict(f"runs:/{home.registered.run_id}/signals.json")["signals"]
        verdict = mlflow.artifacts.load_dict(f"runs:/{home.registered.run_id}/verdict.json")
    assert set(plots) == {"plots/calibration.png", "plots/revenue_gain.png", "plots/shap_summary.png"}
    assert min(plots.values()) > 5000
    assert [signal["name"] for signal in signals] == list(signal_names())
    assert all(signal["en"] and signal["de"] and signal["theme"] for signal in signals)
    assert verdict == home.trained.verdict.as_dict()


def test_a_version_comes_back_as_it_went(home: Home) -> None:
    bundle, matrix = fetch(home.environment), home.trained.data.matrix
    assert bundle.version == "1"
    assert bundle.manifest == home.manifest
    assert (bundle.margin(matrix) == home.trained.fitted.margin(matrix)).all()
    assert bundle.calibrator == home.trained.calibrator
    assert fetch(home.environment, "1").manifest == bundle.manifest


def test_a_bundle_is_fetched_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch_bundle(home.environment)
    monkeypatch.setattr(tracking, "download", None)
    assert fetch_bundle(home.environment) == folder
    assert folder.is_relative_to(home.environment.home)
    names = {path.name for path in folder.iterdir()}
    assert {"manifest.json", "model.txt", "version.json"} <= names <= set(FILES)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "and leaves nothing half done"


@pytest.fixture
def pyfunc(home: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with connected(home.environment):
        return mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@{CHAMPION}")


def as_input(signals: pd.DataFrame) -> pd.DataFrame:
    return signals.astype({item.name: "str" if item.is_text else "float64" for item in all_signals()})


def test_mlflow_s_own_users_get_the_same_probabilities(home: Home, pyfunc: Any) -> None:
    bundle, matrix = load_bundle(fetch_bundle(home.environment)), home.trained.data.matrix.take(np.arange(100))
    matrix = matrix.without_tables([["surveys"], [], ["contacts", "tickets"], []] * 25)
    expected = bundle.calibrator(bundle.margin(matrix))
    found = pyfunc.predict(as_input(matrix.signals))
    assert list(found.columns) == ["churn_probability", "grade"] and set(found["grade"]) == {"D"}
    assert found["churn_probability"].to_numpy() == pytest.approx(expected, abs=1e-12)


def test_the_pyfunc_tells_its_answer_its_columns_and_an_example(home: Home, pyfunc: Any) -> None:
    metadata = pyfunc.metadata
    assert metadata.get_input_schema() is None, "with one MLflow drops columns that it does not know"
    assert metadata.get_output_schema().input_names() == ["churn_probability", "grade"]
    assert set(metadata.metadata["columns"]) == {"account_id", "as_of", *signal_names()}
    assert set(metadata.metadata["columns"].values()) == {"text", "date", "number"}
    example = pyfunc.input_example
    assert list(example.columns) == list(signal_names())
    matrix = home.trained.data.matrix
    last = matrix.take(np.arange(len(matrix) - 3, len(matrix)))
    expected = home.trained.calibrator(home.trained.fitted.margin(last))
    assert pyfunc.predict(example)["churn_probability"].to_numpy() == pytest.approx(expected, abs=1e-12)


def test_the_logged_model_holds_no_pickle(home: Home) -> None:
    root = home.environment.home / "mlruns"
    files = [path for path in root.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"model.txt", "manifest.json", "pyfunc.py", "MLmodel", "signals.json"}
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".joblib")]
    code = {path.relative_to(path.parents[1]).parts[0] for path in files if "code" in path.parts}
    assert "serving" not in code


def test_a_run_has_the_rows_judged(home: Home, tmp_path: Path) -> None:
    judged = home.trained.judged
    with connected(home.environment) as client:
        frame = pd.read_parquet(client.download_artifacts(home.registered.run_id, "judged.parquet", str(tmp_path)))
    assert list(frame.columns) == ["account_id", "as_of", "churned", "revenue_365d", "value", "probability"]
    assert (frame["account_id"] == judged.data.accounts).all() and (frame["as_of"] == judged.data.as_of).all()
    assert (frame["churned"] == judged.data.churned).all()
    assert (frame["revenue_365d"] == judged.data.matrix.facts["revenue_365d"].to_numpy()).all()
    assert (frame["value"] == judged.data.matrix.value).all()
    assert (frame["probability"] == judged.probabilities["model"]).all()


@pytest.mark.parametrize(("decision", "kept"), [("undecided", "undecided"), ("lost", "lost"), ("first", "undecided")])
def test_the_second_version_stays_a_candidate(home: Home, without_plots: None, decision: str, kept: str) -> None:
    better = at_gate(replace(home.trained, verdict=replace(home.trained.verdict, grade="A")), decision)
    registered, manifest = register(better, home.environment, SOURCE)
    assert not registered.champion and registered.how is None
    assert manifest.gate == asdict(registered.gate) and registered.gate.decision == kept
    assert look_up(home.environment, registered.version).gate == kept, "the tag says what the model card says"
    assert int(registered.version) > 1
    assert champion(home.environment) == "1"
    assert fetch(home.environment).version == "1"
    assert fetch(home.environment, registered.version).version == registered.version


def test_a_win_at_the_gate_moves_the_alias_if_it_was_against_the_champion(
    trained: Trained, environment: Environment, without_plots: None
) -> None:
    first, _ = register(at_gate(trained, WON), environment, SOURCE)
    assert (first.champion, first.how) == (True, "first")
    assert look_up(environment, "1").gate == "first", "there was nobody to win against"
    second, _ = register(at_gate(trained, WON, "+.02 ROC AUC"), environment, SOURCE, against="1")
    assert (second.champion, second.how) == (True, "gate")
    late, _ = register(at_gate(trained, WON), environment, SOURCE, against="1")
    assert not late.champion, "version 1 is not the champion any more"
    assert champion(environment) == "2"
    with connected(environment) as client:
        recorded = moves(client)
    assert [(move.from_version, move.version, move.how, move.reason) for move in recorded] == [
        (None, "1", "first", "there was no champion"),
        ("1", "2", "gate", "+.02 ROC AUC"),
    ]
    assert not any(move.override for move in recorded)


class Crash(RuntimeError):
    pass


def crash(*_: object, **__: object) -> Any:
    raise Crash


#: Each step of `register`, in its order, and how it is made to fail.
STAGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "write_bundle": lambda patch: patch.setattr(tracking, "write_bundle", crash),
    "draw_plots": lambda patch: patch.setattr(tracking, "draw_plots", crash),
    "write_judged": lambda patch: patch.setattr(tracking, "write_judged", crash),
    "experiment": lambda patch: patch.setattr(tracking, "_experiment", crash),
    "start_run": lambda patch: patch.setattr(mlflow, "start_run", crash),
    "log_params": lambda patch: patch.setattr(mlflow, "log_params", crash),
    "log_metrics": lambda patch: patch.setattr(mlflow, "log_metrics", crash),
    "log_dict": lambda patch: patch.setattr(mlflow, "log_dict", crash),
    "log_model": lambda patch: patch.setattr(mlflow.pyfunc, "log_model", crash),
    "register_model": lambda patch: patch.setattr(mlflow, "register_model", crash),
    "move_champion": lambda patch: patch.setattr(tracking, "move_champion", crash),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_crash_leaves_the_champion(
    home: Home, stage: str, without_plots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        STAGES[stage](patch)
        with pytest.raises(Crash):
            register(at_gate(home.trained, WON), home.environment, SOURCE)
    assert champion(home.environment) == "1"
    assert fetch(home.environment).version == "1"
    assert mlflow.active_run() is None


def test_a_crash_before_the_first_alias_leaves_none(
    trained: Trained, environment: Environment, without_plots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", crash)
        with pytest.raises(Crash):
            register(trained, environment, SOURCE)
    assert champion(environment) is None
    with pytest.raises(NoModel, match="there is no champion yet"):
        fetch(environment)
    assert register(trained, environment, SOURCE)[0].champion, "the next one is the first"


def test_no_model_at_all_says_what_to_do(environment: Environment) -> None:
    with pytest.raises(NoModel, match="there is no model yet: run `churn-risk train SOURCE` first"):
        fetch(environment)
    assert not environment.home.exists(), "to look is not to make"


@pytest.mark.parametrize("version", ["99", "latest", "", "1; DROP TABLE"])
def test_an_unknown_version_is_no_model(home: Home, version: str) -> None:
    with pytest.raises(NoModel, match="there is no version"):
        fetch(home.environment, version)


def test_a_version_whose_files_are_gone_says_so(
    trained: Trained, environment: Environment, without_plots: None
) -> None:
    register(trained, environment, SOURCE)
    shutil.rmtree(environment.home / "mlruns")
    with pytest.raises(BundleDamaged, match="version 1: its bundle cannot be fetched from"):
        fetch(environment)
    assert not list((environment.home / "bundles").iterdir()), "and leaves nothing half done"


def test_runs_go_where_mlflow_is_told(
    trained: Trained, environment: Environment, tmp_path: Path, without_plots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri(environment) == uri
    registered, _ = register(trained, environment, SOURCE)
    assert registered.tracking_uri == uri
    assert (tmp_path / "elsewhere.db").is_file()
    assert not (environment.home / "mlflow.db").exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == uri
    monkeypatch.chdir(tmp_path)
    assert fetch(environment).version == "1", "from any working directory"
    assert not (tmp_path / "mlruns").exists()


def test_a_server_keeps_its_own_artefacts(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    made: dict[str, Any] = {}
    client = SimpleNamespace(
        get_experiment_by_name=lambda name: None,
        create_experiment=lambda name, artifact_location: made.update(location=artifact_location) or "1",
    )
    with connected(environment):
        assert tracking._experiment(client, environment) == "1"
    assert made == {"location": None}


def test_nothing_but_a_result_goes_to_standard_output(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of a run MLflow prints addresses of a server there, unless it is told not to."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    silent = mlflow.environment_variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
    with connected(environment):
        assert silent.get()
    assert not silent.is_set()


@pytest.fixture(autouse=True)
def nothing_in_the_working_directory(request: pytest.FixtureRequest) -> Any:
    """No test of this file may leave anything where it was started; nor may the first registration."""
    working = Path.cwd()
    before = dict(os.environ)
    yield
    assert not list(working.iterdir())
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    assert {name for name in changed if "MLFLOW" in name} <= {"MLFLOW_TRACKING_URI"}
    if "home" in request.fixturenames:
        assert not list(request.getfixturevalue("home").working.iterdir())
