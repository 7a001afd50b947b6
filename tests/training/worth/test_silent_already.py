"""Rows silent for the rule's days already are counted, and the others judged without them, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.handmade import dataset

from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.worth.silent_already import DAYS, OVERDUE, apart, silent_already

RULE = ChurnRule(silence_days=120)
#: Four silent already, of which one comes back; then one that left and three that stayed, in their rhythm but for one.
DAYS_SILENT = [121.0, 300.0, 200.0, 150.0, 120.0, 40.0, 10.0, float("nan")]
LEFT = [1, 1, 1, 0, 1, 0, 0, 0]
RECENCY = np.array([0.8, 0.9, 0.85, 0.8, 0.7, 0.75, 0.1, 0.1])
MODEL = np.array([0.8, 0.9, 0.85, 0.8, 0.9, 0.3, 0.1, 0.1])


def book() -> Dataset:
    data = dataset(LEFT)
    days = data.matrix.signals.assign(**{DAYS: DAYS_SILENT, OVERDUE: [4, 4, 4, 4, 0.9, 1.1, 1, float("nan")]})
    return replace(data, matrix=replace(data.matrix, signals=days))


def test_one_is_silent_for_longer_than_the_rule_on_the_day_after() -> None:
    assert silent_already(book(), RULE).tolist() == [True] * 4 + [False] * 4
    assert not silent_already(book(), ChurnRule()).any()


def test_the_others_are_judged_apart() -> None:
    """Of the others the model puts the one that left first; recency puts one that stayed before it: 2 pairs of 3."""
    found = apart(book(), RULE, MODEL, RECENCY, 20, 0)
    assert found is not None
    assert (found.rows, found.churned, found.others, found.others_churned, found.overdue) == (4, 3, 4, 1, 1)
    assert found.figures["roc_auc"].value == 1 and found.in_rhythm_roc_auc == 1
    assert found.figures["roc_auc of recency"].value == pytest.approx(2 / 3)
    assert found.figures["roc_auc - recency"].value == pytest.approx(1 / 3)
    sentence = found.as_dict()["sentence"]
    assert sentence.startswith(
        "4 of the 8 rows judged, 3 of the 4 that churned, had been silent for more than 120 days"
    )
    assert "among the other 4 rows, 1 of which churned, the ROC AUC is 1.000" in sentence and "alone 0.667" in sentence


def test_nothing_is_told_of_others_with_one_outcome_nor_of_a_churns_table() -> None:
    rows = np.array([0, 1, 6, 7])
    found = apart(book().take(rows), RULE, MODEL[rows], None, 20, 0)
    assert found is not None and found.sentence().endswith("nothing can be told of the ranking")
    everyone = apart(book().take(rows[:2]), RULE, MODEL[rows[:2]], None, 20, 0)
    assert everyone is not None and everyone.others == 0 and everyone.sentence()
    assert apart(book(), ChurnRule(), MODEL, RECENCY, 20, 0) is None
