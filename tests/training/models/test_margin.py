"""The weights of the experts: learnt where there is something to learn, else those that held elsewhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.making.pipeline import Trained
from training.models.margin import BUYING, LINEAR, PRIOR, TREES, from_plain, learn_weights, to_plain, usual_weights


def outcomes(margin: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).random(len(margin)) < 1 / (1 + np.exp(-margin)))


def experts(rows: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=rows), random.normal(size=rows), random.normal(size=rows)


def test_with_many_leavers_the_folds_decide() -> None:
    knows, guesses, misleads = experts(20_000)
    churned = outcomes(1.5 * knows - 0.2 * misleads - 1)
    margins = {TREES: knows, LINEAR: guesses, BUYING: misleads}
    found = learn_weights(margins, churned, np.arange(20_000), usual_weights(400, by_silence=False))
    assert found[TREES] == pytest.approx(1.5, abs=0.1) and found[LINEAR] < 0.05
    assert found[BUYING] == 0, "an expert that does not pay has no weight, and none below 0"


def test_with_few_leavers_the_weights_stay_with_those_that_held_elsewhere() -> None:
    knows, guesses, others = experts(400)
    churned = outcomes(1.5 * knows - 3)
    margins = {TREES: knows, LINEAR: guesses, BUYING: others}
    few = learn_weights(margins, churned, np.arange(400) // 20, usual_weights(400, by_silence=True))
    many = learn_weights(margins, churned, np.arange(400), usual_weights(400, by_silence=True))
    assert 0 < few[LINEAR] / few[TREES] <= PRIOR[True][LINEAR] / PRIOR[True][TREES] + 0.1
    assert few[LINEAR] / few[TREES] > many[LINEAR] / many[TREES], "the same rows of fewer accounts tell less"


@pytest.mark.parametrize("leavers", [0, 10, 30, 300, 30_000])
def test_few_leavers_leave_the_buying_expert_the_most_or_the_linear_one_where_churn_is_told(leavers: int) -> None:
    usual = usual_weights(leavers, by_silence=True)
    assert sum(usual.values()) == pytest.approx(1)
    assert usual[TREES] == pytest.approx(PRIOR[True][TREES] * leavers / (leavers + 60))
    assert usual[LINEAR] / PRIOR[True][LINEAR] == pytest.approx(usual[TREES] / PRIOR[True][TREES])
    told = usual_weights(leavers, by_silence=False)
    assert sum(told.values()) == pytest.approx(1) and told[BUYING] == PRIOR[False][BUYING]
    assert told[TREES] == pytest.approx(PRIOR[False][TREES] * leavers / (leavers + 60)), (
        "told churn: linear has the rest"
    )


def test_experts_that_know_nothing_keep_a_margin() -> None:
    knows, _, _ = experts(300)
    found = learn_weights(
        {TREES: -knows, LINEAR: -knows}, outcomes(2 * knows), np.arange(300), usual_weights(400, by_silence=False)
    )
    assert sum(found.values()) > 0


def test_the_margin_is_the_weighted_sum_of_its_experts(trained: Trained) -> None:
    margin, matrix = trained.fitted.margin, trained.data.matrix
    parts = margin.by_expert(matrix)
    assert set(parts) == set(margin.weights) >= {TREES, LINEAR}
    by_hand = sum(weight * parts[name] for name, weight in margin.weights.items())
    assert margin(matrix) == pytest.approx(by_hand, abs=1e-12)
    phi, base = margin.explain(matrix)
    assert phi.sum(axis=1) + base == pytest.approx(margin(matrix), abs=1e-9)


def test_plain_values_come_back_as_they_were(trained: Trained) -> None:
    margin = trained.fitted.margin
    plain = json.loads(json.dumps(to_plain(margin)))
    again = from_plain(plain, margin.trees)
    assert (again(trained.data.matrix) == margin(trained.data.matrix)).all()
    del plain["weights"]
    with pytest.raises(KeyError):
        from_plain(plain, margin.trees)
