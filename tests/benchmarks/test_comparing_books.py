"""The truth of a book of comparisons, by hand."""

from __future__ import annotations

from math import exp

import numpy as np
import pandas as pd
import pytest

from benchmarks.comparing_books import Book
from features.tables import Tables


def test_what_begins_and_ends_later_comes_to_both() -> None:
    """Two days at a hazard of .1, half of it under treatment, which begins at .2 and ends at .3 after the first day."""

    def days(chance: float) -> np.ndarray:
        return np.full((3, 5), chance)

    book = Book(Tables({}, frozenset()), days(0.1), days(0.2), days(0.3), ratio=0.5)
    found = book.truth(pd.Series(["a00002"]), pd.Series([pd.Timestamp("2023-01-03")]), horizon_days=2)
    stays_treated = exp(-0.05) * (0.7 * exp(-0.05) + 0.3 * exp(-0.1))
    stays_untreated = exp(-0.1) * (0.8 * exp(-0.1) + 0.2 * exp(-0.05))
    assert found == pytest.approx(stays_untreated - stays_treated)
