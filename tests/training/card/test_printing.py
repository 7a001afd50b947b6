"""What a run prints: intervals with their sign, and a dash where nothing can be told."""

from __future__ import annotations

import pytest

from training.card.printing import interval_text
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
