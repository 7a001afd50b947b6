"""train and evaluate: the first model, the second, and what cannot be trained on or judged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.commands import Command, versions
from support.served import changed_book, free_port

from training.bundle.bundle import Bundle
from training.making.pipeline import Trained
from training.registry.connecting import connected
from training.settings import Environment


@pytest.fixture
def trained_at_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train` take the tests' model instead of growing one; all else it does as ever."""
    monkeypatch.setattr("training.making.pipeline.train", lambda *_: trained)


@pytest.mark.usefixtures("trained_at_once")
def test_from_the_first_model_to_the_second(
    churn_risk: Command, book_folder: Path, environment: Environment, as_of: date
) -> None:
    """Without a champion there is nothing to score with; the first model becomes it, the second a candidate."""
    for arguments in (
        ("score", book_folder, "--as-of", as_of),
        ("evaluate", book_folder, "--as-of", as_of),
        ("serve", "--port", free_port()),
    ):
        done = churn_risk(*arguments)
        assert done.code == 1 and done.out == "" and "run `churn-risk train SOURCE` first" in done.err
    first = churn_risk("train", book_folder, "--json")
    assert first.code == 0
    assert first.result["model_version"] == "1" and first.result["champion"] is True
    assert first.result["metrics"] == first.result["verdict"]["metrics"]["model"]
    assert first.result["grade"] in "ABCD" and first.result["metrics"]["roc_auc"] > 0
    second = churn_risk("train", book_folder, "--no-figures")
    assert second.code == 0 and second.out == ""
    assert (
        "version 2" in second.err
        and "a candidate: " in second.err
        and "`churn-risk promote` moves it by hand" in second.err
    )
    assert "ROC AUC" in second.err and "lost revenue captured, top 10 %" in second.err
    assert_keeps_figures(environment, first.result["run_id"], churn_risk, book_folder)
    assert versions(environment.home) == ["1", "2"] and not list(Path.cwd().iterdir())


def assert_keeps_figures(environment: Environment, run_id: str, churn_risk: Command, book_folder: Path) -> None:
    """Demand that a run keeps just what `churn-risk figures` says of the book at the end of its data."""
    with connected(environment, reading=True) as client:
        with TemporaryDirectory() as scratch:
            kept = json.loads(Path(client.download_artifacts(run_id, "figures.json", scratch)).read_text())
        metrics = client.get_run(run_id).data.metrics
    shown = churn_risk("figures", book_folder, "--as-of", kept["as_of"], "--json").result["values"]
    # DuckDB's threads add up in any order, so the last digits differ from run to run.
    assert {one["figure"]: one["value"] for one in shown} == {
        name: None if figure["value"] is None else pytest.approx(figure["value"], rel=1e-9, abs=1e-9)
        for name, figure in kept["figures"].items()
    }
    known = {name: figure["value"] for name, figure in kept["figures"].items() if figure["value"] is not None}
    assert len(known) > 40 and known == {
        name.removeprefix("figures/"): value for name, value in metrics.items() if name.startswith("figures/")
    }
    assert all(figure["reason"] for name, figure in kept["figures"].items() if name not in known)


@pytest.mark.parametrize(
    ("absent", "options", "says"),
    [
        ((), ("--silence-days", "90"), "--silence-days is for books without a churns table"),
        (("churns",), (), "there is no churns table"),
    ],
)
def test_the_rule_must_fit_the_book(
    churn_risk: Command, book_folder: Path, tmp_path: Path, absent: tuple[str, ...], options: tuple[str, ...], says: str
) -> None:
    done = churn_risk("train", changed_book(book_folder, tmp_path / "book", absent=absent), *options)
    assert done.code == 2 and says in done.err and "Traceback" not in done.err


def test_too_short_a_book_is_a_failure(churn_risk: Command, book_folder: Path, environment: Environment) -> None:
    done = churn_risk("train", book_folder, "--until", "2023-06-01")
    assert done.code == 1 and done.err.startswith("error: the invoices begin on") and done.out == ""
    assert not environment.home.exists()


def test_evaluate_at_a_date_that_was_learnt_is_refused(churn_risk: Command, home: Path, book_folder: Path) -> None:
    for options in ((), ("--json",)):
        done = churn_risk("evaluate", book_folder, "--as-of", "2025-06-01", *options)
        assert done.code == 2 and done.err.startswith("error: --as-of 2025-06-01: version 1 has learnt what came after")
        assert "ROC AUC" not in done.err and "this book has none: they begin on" in done.err
    assert done.result["seen"] is True and done.result["forward"] is None and "metrics" not in done.result
    assert done.result["model_version"] == "1" and done.result["as_of"] == "2025-06-01"
    assert versions(home) == ["1"]


@pytest.mark.usefixtures("home")
def test_what_was_learnt_is_shown_on_demand_under_a_warning(churn_risk: Command, book_folder: Path) -> None:
    done = churn_risk("evaluate", book_folder, "--as-of", "2025-06-01", "--learnt-dates")
    assert done.code == 0 and done.err.startswith("warning: version 1 has learnt what came after 2025-06-01")
    assert "FLATTERED" in done.err and "better" not in done.err and "recency alone" not in done.err
    done = churn_risk("evaluate", book_folder, "--as-of", "2025-06-01", "--learnt-dates", "--json")
    assert done.code == 0 and done.result["seen"] is True and done.result["verdict"]["grade"] is None
    assert list(done.result["verdict"]["metrics"]) == ["model"] and 0 <= done.result["metrics"]["roc_auc"] <= 1


def test_evaluate_forward(
    churn_risk: Command, book_folder: Path, bundle: Bundle, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that had learnt nothing after a date is judged at it beside its rivals, as in training."""
    last, reach = bundle.manifest.slices[-1], timedelta(days=180)
    slices = [day for day in bundle.manifest.slices if day + reach <= last]
    early = replace(bundle, manifest=bundle.manifest.model_copy(update={"slices": slices}))
    monkeypatch.setattr("training.registry.tracking.fetch", lambda *_: early)
    done = churn_risk("evaluate", book_folder, "--as-of", last, "--json")
    assert done.code == 0, done.err
    assert done.result["seen"] is False
    assert done.result["forward"] == {"from": str(slices[-1] + reach), "to": str(trained.prepared.end - reach)}
    assert set(done.result["verdict"]["metrics"]) >= {"model", "recency alone", "revenue alone", "logistic regression"}
    assert done.result["verdict"]["grade"] in "ABCD"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--as-of", "2025-12-01"), 2, "what came after is not known yet"),
        (("--as-of", "2025-06-01", "--model", "7"), 2, "there is no version '7'"),
        (("--as-of", "2025-06-01", "--model", "champion"), 2, "there is no version 'champion'"),
    ],
)
@pytest.mark.usefixtures("home")
def test_evaluate_that_cannot_be(
    churn_risk: Command, book_folder: Path, options: tuple[str, ...], code: int, says: str
) -> None:
    done = churn_risk("evaluate", book_folder, *options)
    assert done.code == code and says in done.err and done.out == ""
