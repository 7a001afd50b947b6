"""What stands beside the probability: judged at the origin, kept where it is as good, and carried by the bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import training.judge.outlook as outlook
from features.errors import BundleDamaged, NotEnoughData
from features.tables import Tables
from training.bundle.bundle import CONTRACTION, HAZARD, load_bundle
from training.judge.origins import contend, latest_origin
from training.judge.outlook import Making, look_ahead
from training.making.packing import write_bundle
from training.making.pipeline import Trained
from training.settings import ChurnRule


@pytest.fixture(scope="module")
def made(book: Tables, trained: Trained) -> Making:
    origin = latest_origin(trained.data, trained.settings)
    then, _ = contend(origin, (), trained.settings)
    return Making(book, trained.prepared, origin, then, trained.fitted, trained.settings)


def test_a_run_records_both_whether_kept_or_not(trained: Trained) -> None:
    found = trained.findings.as_dict()
    for name, kept in (
        ("hazard", trained.findings.outlook.hazard),
        ("contraction", trained.findings.outlook.contraction),
    ):
        assert found[name]["kept"] is (kept is not None)
    assert [one["days"] for one in found["hazard"]["horizons"]][:2] == [90, 180]
    assert set(found["contraction"]["judged"]) == {"model", "book mean", "last year's shrinking repeated"}


@pytest.mark.parametrize("good", [True, False])
def test_the_hazard_is_kept_where_it_is_as_good(made: Making, monkeypatch: pytest.MonkeyPatch, good: bool) -> None:
    judge = outlook.judge_hazard
    monkeypatch.setattr(outlook, "judge_hazard", lambda *given: replace(judge(*given), as_good=good))
    found = look_ahead(made)
    assert (found.hazard is not None) is good
    assert found.hazard_figures["kept"] is good
    assert len(found.hazard_figures["horizons"]) >= 2, "the comparison is recorded either way"


def test_what_comes_after_the_origin_does_not_change_the_judging(made: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hazard judged at the origin is learnt from no churn on or after its date."""
    learnt: list[Any] = []
    fit: Callable[..., Any] = outlook.fit_hazard

    def spy(data: Any, *rest: Any) -> Any:
        learnt.append(data)
        return fit(data, *rest)

    monkeypatch.setattr(outlook, "fit_hazard", spy)
    look_ahead(made)
    first = made.origin.test.dates[0]
    assert learnt[0].end == first
    churned = ~np.isnan(learnt[0].days)
    on = learnt[0].matrix.keys["as_of"].to_numpy() + learnt[0].days.astype("timedelta64[D]")
    assert churned.any()
    assert (on[churned] < np.datetime64(first)).all()


def test_silence_has_no_day_of_churn(made: Making) -> None:
    silent = replace(made, settings=replace(made.settings, rule=ChurnRule(silence_days=180)))
    found = look_ahead(silent)
    assert found.hazard is None
    assert found.hazard_figures["why"] == "churn is derived from silence, which has no day of churn"


def test_too_little_to_go_on_is_said_not_raised(made: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_little(*_: Any) -> Any:
        raise NotEnoughData("nobody shrank")

    monkeypatch.setattr(outlook, "fit_contraction", too_little)
    monkeypatch.setattr(outlook, "fit_hazard", too_little)
    found = look_ahead(made)
    assert found.contraction is found.hazard is None
    assert found.as_dict() == {
        "hazard": {"kept": False, "why": "nobody shrank"},
        "contraction": {"kept": False, "why": "nobody shrank"},
    }


@pytest.fixture(scope="module")
def with_both(made: Making, trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    """Write a bundle that carries both, whatever the judging said."""
    with pytest.MonkeyPatch.context() as patch:
        judge = outlook.judge_hazard
        patch.setattr(outlook, "judge_hazard", lambda *given: replace(judge(*given), as_good=True))
        patch.setattr("training.judge.contraction_verdict.ContractionVerdict.earns_its_place", True)
        found = look_ahead(made)
    both = replace(trained, findings=replace(trained.findings, outlook=found))
    folder = tmp_path_factory.mktemp("both") / "bundle"
    folder.mkdir()
    write_bundle(folder, both, "", "")
    return both, folder


def test_the_bundle_carries_both(with_both: tuple[Trained, Path]) -> None:
    trained, folder = with_both
    bundle, matrix = load_bundle(folder), trained.data.matrix
    kept = trained.findings.outlook
    assert bundle.hazard is not None and kept.hazard is not None
    assert bundle.contraction is not None and kept.contraction is not None
    assert (bundle.hazard.monthly(matrix) == kept.hazard.monthly(matrix)).all()
    assert (bundle.contraction.share(matrix) == kept.contraction.share(matrix)).all()


@pytest.mark.parametrize("name", [HAZARD, CONTRACTION])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_one_is_refused(with_both: tuple[Trained, Path], tmp_path: Path, name: str, damage: str) -> None:
    copied = shutil.copytree(with_both[1], tmp_path / "bundle")
    if damage == "missing":
        (copied / name).unlink()
    else:
        (copied / name).write_text((copied / name).read_text().replace("shrinkage=0.1", "shrinkage=0.2"))
    with pytest.raises(BundleDamaged, match=name if damage == "changed" else "not a model bundle"):
        load_bundle(copied)
