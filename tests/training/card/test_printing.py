"""What a run prints: intervals with their sign, a dash where nothing can be told, what a backtest comes to."""

from __future__ import annotations

import pytest

from training.card.printing import concluded, interval_text
from training.judge.verdict import Verdict
from training.worth.bootstrap import Interval

NAN = float("nan")


@pytest.mark.parametrize(
    ("interval", "form", "signed", "text"),
    [
        (Interval(0.12345, -0.1, 0.3), ".3f", False, "0.123 (-0.100 to 0.300)"),
        (Interval(0.12345, -0.1, 0.3), ".3f", True, "+0.123 (-0.100 to +0.300)"),
        (Interval(1234.5, 0.0, 2000.0), ",.2f", False, "1,234.50 (0.00 to 2,000.00)"),
        (Interval(NAN, NAN, NAN), ".3f", True, "–"),
    ],
)
def test_interval_text(interval: Interval, form: str, signed: bool, text: str) -> None:
    assert interval_text(interval, form, signed) == text


def test_a_backtest_ends_with_who_is_ahead_beyond_chance() -> None:
    ahead, behind, even = Interval(0.1, 0.05, 0.2), Interval(-2.0, -3.0, -1.0), Interval(-1.0, -2.0, 1.0)
    leads = {"roc_auc": ahead, "roc_auc - A": ahead, "profit_at_capacity - A": even, "profit_at_capacity - B": behind}
    told = concluded(Verdict((), {}, leads, None), 6)
    assert told == (
        "over 6 origins, a rival is ahead of the model beyond chance in: profit at capacity, currency an account (B)"
        "; ahead by what may be chance: A in 1"
    )
    del leads["profit_at_capacity - B"]
    assert concluded(Verdict((), {}, leads, None), 1).startswith("at the one origin, no rival is ahead")
