"""What is an event and what is none, by golden cases; the query that looks for candidates agrees with the function."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.webhooks.changes import TYPES, Materiality, Standing, changes, weightiest

MATERIAL = Materiality(share=0.25, amount=100.0)
SAFE = Standing(date(2026, 1, 1), "1", "safe", False, 0.1, 1000.0)
AT_RISK = replace(SAFE, band="at_risk", churn_probability=0.3)
THREAT = replace(AT_RISK, threat=True)
UNKNOWN = replace(SAFE, band="unknown")
BECAME_THREAT, BAND_CHANGED, MOVED = TYPES


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (SAFE, SAFE, ()),
        (SAFE, AT_RISK, (BAND_CHANGED,)),
        (SAFE, THREAT, (BECAME_THREAT, BAND_CHANGED)),
        (AT_RISK, THREAT, (BECAME_THREAT,)),
        (THREAT, THREAT, ()),
        (THREAT, AT_RISK, ()),
        (THREAT, SAFE, (BAND_CHANGED,)),
        (SAFE, UNKNOWN, (BAND_CHANGED,)),
        (UNKNOWN, SAFE, (BAND_CHANGED,)),
        (None, SAFE, ()),
        (None, UNKNOWN, ()),
        (None, AT_RISK, (BAND_CHANGED,)),
        (None, THREAT, (BECAME_THREAT, BAND_CHANGED)),
        (SAFE, replace(SAFE, revenue_at_risk=1250.0), (MOVED,)),
        (SAFE, replace(SAFE, revenue_at_risk=750.0), (MOVED,)),
        (SAFE, replace(SAFE, revenue_at_risk=1249.99), ()),
        (SAFE, replace(SAFE, churn_probability=0.9), ()),
        (SAFE, replace(THREAT, revenue_at_risk=2000.0), TYPES),
        (UNKNOWN, replace(UNKNOWN, revenue_at_risk=9000.0), ()),
        (UNKNOWN, replace(AT_RISK, revenue_at_risk=9000.0), (BAND_CHANGED,)),
        (replace(SAFE, revenue_at_risk=0.0), replace(SAFE, revenue_at_risk=100.0), (MOVED,)),
        (replace(SAFE, revenue_at_risk=0.0), replace(SAFE, revenue_at_risk=99.0), ()),
        (replace(SAFE, revenue_at_risk=200.0), replace(SAFE, revenue_at_risk=290.0), ()),
        (SAFE, replace(SAFE, model_version="2", as_of=date(2026, 2, 1)), ()),
    ],
)
def test_changes(before: Standing | None, after: Standing, found: tuple[str, ...]) -> None:
    assert changes(before, after, MATERIAL) == found


@pytest.mark.parametrize(
    ("share", "amount", "after", "reached"),
    [(0.0, 0.0, 1000.0, False), (0.0, 0.0, 1000.01, True), (0.5, 0.0, 1499.0, False), (0.0, 500.0, 1499.0, False)],
)
def test_both_thresholds_must_be_reached(share: float, amount: float, after: float, reached: bool) -> None:
    assert Materiality(share, amount).reached(1000.0, after) is reached


AMOUNTS = st.floats(0, 1e9)


@given(AMOUNTS, AMOUNTS, st.floats(0, 10), AMOUNTS)
def test_a_rerun_with_the_same_figures_is_no_move(before: float, after: float, share: float, amount: float) -> None:
    material = Materiality(share, amount)
    assert not material.reached(before, before)
    if material.reached(before, after):
        assert abs(after - before) >= amount


@pytest.mark.parametrize(
    ("found", "wanted", "gets"),
    [
        (TYPES, TYPES, BECAME_THREAT),
        (TYPES, (MOVED, BAND_CHANGED), BAND_CHANGED),
        ((MOVED,), (BECAME_THREAT,), None),
        ((), TYPES, None),
    ],
)
def test_an_endpoint_gets_the_weightiest_it_wants(
    found: tuple[str, ...], wanted: tuple[str, ...], gets: str | None
) -> None:
    assert weightiest(found, wanted) == gets
