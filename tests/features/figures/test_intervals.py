"""Intervals hold the truth as often as they say, and do not collapse where answers agree."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import _of_nps, _of_rates
from features.figures.intervals import nps_interval, wilson


@pytest.mark.parametrize("n", [5, 12, 50])
def test_the_mean_coverage_is_that_of_the_level(n: int) -> None:
    found = {**_of_nps(n), **_of_rates(n)}
    for name in ("nps_tango", "rate_wilson"):
        assert 0.93 <= found[name]["mean"] <= 0.971 and found[name]["least"] > 0.9, (name, found)
    assert found["nps_usual"]["mean"] < found["nps_tango"]["mean"]


def test_answers_that_agree_leave_a_doubt() -> None:
    five, none, nobody = np.array([5.0]), np.array([0.0]), np.array([0.0])
    low, high = nps_interval(five, none, five)
    assert 0 < low[0] < 1 and high[0] == 1
    assert [bounds[0] for bounds in wilson(none, five)] == pytest.approx([0, 0.434], abs=1e-3)
    assert np.isnan(nps_interval(none, none, nobody)).all() and np.isnan(wilson(none, nobody)).all()
