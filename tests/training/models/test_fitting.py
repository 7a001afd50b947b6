"""What teaches the experts' weights: accounts that they did not see, and later periods where churn is silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.making.pipeline import Trained
from training.models import fitting
from training.models.folds import FORWARD, splits
from training.models.margin import EXPERTS, learn_weights
from training.settings import ChurnRule, FitSettings, TrainingSettings

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
