"""The gate: the champion moves only on a win beyond chance, and is itself judged on nothing it had seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from features.tables import Tables
from training.bundle.bundle import Bundle
from training.judge.champion_gate import NOBODY_REIGNS, Gate, decide
from training.judge.origins import Origin, latest_origin
from training.judge.reigning import reigning_probability
from training.judge.verdict import REIGNING, Verdict, grade
from training.making.pipeline import Trained, train
from training.models.fitting import Fitted, fit_model
from training.settings import ChurnRule
from training.worth.bootstrap import Interval

BETTER, WORSE, EVEN = Interval(0.02, 0.01, 0.03), Interval(-0.02, -0.03, -0.01), Interval(0.01, -0.01, 0.03)


def verdict(roc_auc: Interval | None, profit: Interval | None) -> Verdict:
    found = {f"roc_auc - {REIGNING}": roc_auc, f"profit_at_capacity - {REIGNING}": profit}
    return Verdict((), {}, {name: interval for name, interval in found.items() if interval is not None}, None)


@pytest.mark.parametrize(
    ("roc_auc", "profit", "decision"),
    [
        (BETTER, BETTER, "won"),
        (BETTER, EVEN, "won"),
        (EVEN, BETTER, "won"),
        (EVEN, EVEN, "undecided"),
        (BETTER, WORSE, "lost"),
        (WORSE, BETTER, "lost"),
        (WORSE, EVEN, "lost"),
        (None, None, "undecided"),
    ],
)
def test_decisions(roc_auc: Interval | None, profit: Interval | None, decision: str) -> None:
    found = decide(verdict(roc_auc, profit))
    assert found.decision == decision
    assert found.why


@pytest.mark.parametrize("decision", ["first", "won", "lost", "undecided", "refresh", "held"])
def test_first_is_who_finds_no_champion_and_nobody_else(decision: str) -> None:
    judged = Gate(decision, "as judged")
    assert judged.settled(None) == NOBODY_REIGNS and NOBODY_REIGNS.opens
    beside = judged.settled("1")
    assert beside.opens is (decision in ("won", "refresh"))
    if decision == "first":
        assert beside.decision == "undecided" and "while this model was made" in beside.why
    else:
        assert beside == judged


def test_an_unknown_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="gate='passed' is none of won, lost, undecided, first"):
        Gate("passed", "")


def test_a_model_trained_again_ties_with_itself(book: Tables, trained: Trained, bundle: Bundle) -> None:
    again = train(book, trained.prepared, trained.settings, champion=bundle, refresh=True)
    for measure in ("roc_auc", "profit_at_capacity"):
        lead = again.verdict.intervals[f"{measure} - {REIGNING}"]
        assert (lead.value, lead.low, lead.high) == (0, 0, 0)
    assert again.gate.decision == "undecided"
    assert again.findings.refresh is not None, "a refresh was asked for, and the champion is of another release"
    assert again.gate == again.findings.refresh.gate and "release test -> " in again.gate.why


def test_behind_the_champion_no_better_than_c(trained: Trained) -> None:
    rules = [name for name in trained.verdict.metrics if name.endswith(" alone")]
    found = {f"roc_auc - {name}": Interval(0.2, 0.1, 0.3) for name in rules}
    found |= {f"captured_10 - {name}": Interval(0.1, -0.1, 0.3) for name in rules}
    assert grade(trained.verdict.metrics, found) == "A"
    assert grade(trained.verdict.metrics, found | {f"roc_auc - {REIGNING}": WORSE}) == "C"
    assert grade(trained.verdict.metrics, found | {f"roc_auc - {REIGNING}": EVEN}) == "A"


@pytest.fixture(scope="module")
def origin(trained: Trained) -> Origin:
    return latest_origin(trained.data, trained.settings)


@pytest.fixture(scope="module")
def then(trained: Trained, origin: Origin) -> Fitted:
    return fit_model(origin.learnt, trained.settings)


def having_learnt(bundle: Bundle, slices: list) -> Bundle:
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"slices": slices}))


def test_a_champion_from_before_is_judged_as_it_stands(
    bundle: Bundle, trained: Trained, origin: Origin, then: Fitted
) -> None:
    before = [min(origin.test.dates) - timedelta(days=180)]
    found = reigning_probability(having_learnt(bundle, before), origin, then, trained.settings)
    assert found is not None
    assert (found == bundle.calibrator(bundle.margin(origin.test.matrix))).all()


def test_a_champion_that_knows_the_outcomes_is_made_again_without_them(
    bundle: Bundle, trained: Trained, origin: Origin, then: Fitted
) -> None:
    """One day of a label is enough; what is made again does not read the outcomes judged by."""
    late = having_learnt(bundle, [min(origin.test.dates) - timedelta(days=179)])
    found = reigning_probability(late, origin, then, trained.settings)
    assert found is not None
    stands = bundle.calibrator(bundle.margin(origin.test.matrix))
    assert (found != stands).any()
    flipped = Origin(origin.learnt, replace(origin.test, churned=~origin.test.churned), origin.how)
    assert (reigning_probability(late, flipped, then, trained.settings) == found).all()
    assert np.corrcoef(found, stands)[0, 1] > 0.5


def test_a_champion_of_another_rule_cannot_be_judged(
    bundle: Bundle, trained: Trained, origin: Origin, then: Fitted
) -> None:
    assert (
        reigning_probability(replace(bundle, rule=ChurnRule(horizon_days=90)), origin, then, trained.settings) is None
    )
