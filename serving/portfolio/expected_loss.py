"""Stored scores -> the revenue that is expected to leave with them and its interval, as `score --json` states it.

A part of a book is asked for as often as the whole, and the same part again and again, so the last answers are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from training.worth import level as measured

#: Answers that are kept; each is known by its accounts' figures, a megabyte for 10,000 accounts.
KEPT = 32
Row = tuple[str, float, float]
#: A predicted loss with its interval; in currency.
LossInterval = measured.Loss


def expected_loss(rows: Iterable[Row], model: Mapping[str, Any]) -> LossInterval | None:
    """Return the loss and the interval that holds it four times in five; None where the model's level is not known.

    Parameters
    ----------
    rows : iterable of (account_id, churn_probability, revenue_365d)
        In any order.
    model : mapping
        The facts that a run keeps of its model; those of before there was `level` lack it.
    """
    if not model.get("level"):
        return None
    by_account = sorted(rows)  # The order of a scoring run: sums come out alike to the last digit.
    names = tuple(name for name, _, _ in by_account)
    figures = np.array([(share, revenue) for _, share, revenue in by_account], dtype=float).reshape(-1, 2)
    return _loss(names, figures[:, 0].tobytes(), figures[:, 1].tobytes(), measured.level_from(model["level"]))


@lru_cache(KEPT)
def _loss(names: tuple[str, ...], probability: bytes, revenue: bytes, level: measured.Level) -> LossInterval:
    return measured.predicted_loss(np.frombuffer(probability), np.frombuffer(revenue), level, names)
