"""What teaches the experts' weights: accounts that they did not see, and later periods where churn is silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.experts.buying import BuyingExpert
from training.experts.linear import Linear
from training.making.pipeline import Trained
from training.models import fitting
from training.models.folds import FORWARD, splits
from training.models.margin import (
    BUYING,
    EXPERTS,
    LINEAR,
    PRIOR,
    TREES,
    Recipe,
    fit_others,
    learn_weights,
    usual_weights,
    with_prior,
)
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices.dataset import Dataset

QUICK = FitSettings(max_rounds=6, num_leaves=4, min_data_in_leaf=20)


@pytest.mark.parametrize("silence_days", [None, 120])
def test_who_teaches_the_weights(
    trained: Trained, quick_settings: TrainingSettings, silence_days: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = trained.data
    settings = replace(quick_settings, fit=QUICK, weighting="none", rule=ChurnRule(silence_days=silence_days))
    row_splits, folded = splits(data, settings)
    assert folded == FORWARD
    taught: list[int] = []

    def counted(margins: Any, churned: np.ndarray, *others: Any) -> dict[str, float]:
        assert set(margins) <= set(EXPERTS) and {len(part) for part in margins.values()} == {len(churned)}
        taught.append(len(churned))
        return learn_weights(margins, churned, *others)

    monkeypatch.setattr(fitting, "learn_weights", counted)
    fitted = fitting.fit_model(data, settings)
    later = sum(len(valid) for _, valid in row_splits)
    assert later < len(data)
    assert taught == [later if silence_days else len(data)]
    # Either way the calibrator is fitted on accounts that the experts did not see, every row once.
    margin, churned = fitted.out_of_fold
    assert sorted(fitted.out_of_fold_rows) == list(range(len(data))) and len(margin) == len(data)
    assert (churned == data.churned[fitted.out_of_fold_rows]).all()


@pytest.mark.parametrize("young", [1, None])
def test_a_young_book_keeps_its_buying_expert(
    trained: Trained, quick_settings: TrainingSettings, young: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first fold, or every fold, has too few customers who bought again: later ones teach the weight, or none."""
    data = trained.data
    settings = replace(quick_settings, fit=QUICK, weighting="none", rule=ChurnRule(silence_days=120))
    row_splits, folded = splits(data, settings)
    assert folded == FORWARD and len(row_splits) > 1
    too_few = {len(learn) for learn, _ in row_splits[:young]}
    taught: list[tuple[int, set[str]]] = []

    def without_buying(part: Dataset, recipe: Recipe, *least: int) -> tuple[Linear, BuyingExpert | None]:
        linear, buying = fit_others(part, recipe, *least)
        return linear, None if len(part) in too_few else buying

    def counted(margins: Any, churned: np.ndarray, *others: Any) -> dict[str, float]:
        taught.append((len(churned), set(margins)))
        return learn_weights(margins, churned, *others)

    monkeypatch.setattr(fitting, "fit_others", without_buying)
    monkeypatch.setattr(fitting, "learn_weights", counted)
    weights = fitting.fit_model(data, settings).margin.weights
    rows = sum(len(valid) for _, valid in row_splits[young or 0 :])
    assert taught == [(rows, set(EXPERTS) if young else {TREES, LINEAR})]
    assert set(weights) == set(EXPERTS)
    if young is None:
        assert weights[BUYING] / sum(weights.values()) == pytest.approx(usual_weights(data.leavers, True)[BUYING])


def test_an_expert_that_nothing_taught_has_its_part_of_the_prior() -> None:
    assert with_prior({TREES: 0.6, LINEAR: 0.2}, EXPERTS, PRIOR[True]) == pytest.approx(
        {TREES: 0.45, LINEAR: 0.15, BUYING: 0.2}
    )
    assert with_prior({TREES: 0.6, LINEAR: 0.2}, [TREES, LINEAR], PRIOR[True]) == {TREES: 0.6, LINEAR: 0.2}
