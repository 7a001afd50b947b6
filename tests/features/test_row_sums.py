"""Weighted sums of rows: those of the definition, and for a row alone the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from features.machine.row_sums import row_sums


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_row_is_summed_alike_alone_and_among_others(order: str) -> None:
    draw = np.random.default_rng(0)
    rows, weights = np.asarray(draw.normal(size=(300, 171)), order=order), draw.normal(size=171)
    whole = row_sums(rows, weights)
    assert whole == pytest.approx(rows @ weights, abs=1e-12)
    assert (whole == np.concatenate([row_sums(rows[at : at + 1], weights) for at in range(300)])).all()
    assert (whole == np.concatenate([row_sums(rows[at : at + 7], weights) for at in range(0, 300, 7)])).all()
