"""Accounts that depart, return and depart again: who is a customer when, with which label, and in how many rows."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from support.handmade import tables_of

from features.as_of import customers
from features.batch.computing import compute
from features.tables import Tables
from training.judge.treated import treated
from training.models.landmarks import landmarks
from training.settings import ChurnRule
from training.slices.dataset import build_dataset
from training.slices.labels import days_to_churn, labels

START = date(2022, 1, 1)
RULE = ChurnRule(horizon_days=90)
SILENCE = ChurnRule(silence_days=30)


def day(offset: int) -> date:
    return START + timedelta(days=offset)


def book(
    churned: list[int],
    invoices: list[tuple[int, float]] = (),  # type: ignore[assignment]
    contracts: list[int] = (),  # type: ignore[assignment]
    since: int = -900,
    actions: list[int] = (),  # type: ignore[assignment]
) -> Tables:
    """Return a book of one account: its departures, invoices, starts of contracts and actions in days from START."""
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a"], "customer_since": [day(since)]}),
        "invoices": pd.DataFrame(
            [(f"i{place}", "a", day(when), amount) for place, (when, amount) in enumerate(invoices)],
            columns=["invoice_id", "account_id", "invoiced_on", "amount"],
        ),
        "contracts": pd.DataFrame(
            [(f"k{when}", "a", day(when), None, 9.0) for when in contracts],
            columns=["contract_id", "account_id", "starts_on", "ends_on", "annual_value"],
        ),
        "churns": pd.DataFrame({"account_id": "a", "churned_on": [day(when) for when in churned]}),
        "actions": pd.DataFrame(
            [(f"n{when}", "a", "call", pd.Timestamp(day(when))) for when in actions],
            columns=["action_id", "account_id", "kind", "done_at"],
        ),
    }
    return tables_of(frames)


def customer_on(tables: Tables, days: list[int]) -> list[int]:
    found = pd.to_datetime(customers(tables, [day(when) for when in days]).execute()["as_of"]).dt.date
    assert found.is_unique
    return [when for when in days if day(when) in set(found)]


@pytest.mark.parametrize(
    ("records", "back_from"),
    [
        ({"invoices": [(90, 5.0)]}, None),
        ({"invoices": [(91, 5.0)]}, 92),
        ({"invoices": [(91, -5.0)]}, None),
        ({"invoices": [(200, 5.0), (210, -5.0)]}, 201),
        ({"contracts": [0]}, None),
        ({"contracts": [1]}, 2),
        ({"since": 0}, None),
        ({"since": 30}, 31),
    ],
    ids=str,
)
def test_a_return_counts_from_the_day_after_it(records: dict[str, object], back_from: int | None) -> None:
    """Day 0 is the departure; a return by invoice that is reversed later is taken back."""
    days = [-10, 0, 1, 2, 31, 91, 92, 201, 210, 211, 400]
    found = customer_on(book([0], **records), days)  # type: ignore[arg-type]
    later = [when for when in days if back_from is not None and when >= back_from]
    if records == {"invoices": [(200, 5.0), (210, -5.0)]}:
        later = [201, 210]
    before = [when for when in days if when <= 0] if "since" not in records else []
    assert found == before + later


TWICE = book([0, 500], contracts=[200], actions=[450, 600])


def test_departure_return_departure() -> None:
    assert customer_on(TWICE, [0, 1, 200, 201, 500, 501, 800]) == [0, 201, 500]


def test_the_label_is_the_first_departure_at_or_after_as_of() -> None:
    dates = [day(when) for when in (-91, -90, 0, 201, 410, 411, 500)]
    spine = customers(TWICE, dates)
    found = labels(TWICE, spine, RULE)
    assert not found.duplicated(["account_id", "as_of"]).any()
    assert found["churned"].tolist() == [False, False, True, False, False, True, True]
    days = days_to_churn(TWICE, spine, day(9999))
    assert days["days"].tolist() == [91, 90, 0, 299, 90, 89, 0]
    known = days_to_churn(TWICE, spine, day(500))["days"]
    assert known.tolist()[:3] == [91, 90, 0] and known.tolist()[3:] == pytest.approx([float("nan")] * 4, nan_ok=True)


def test_nobody_is_a_row_twice() -> None:
    dates = [day(when) for when in (-400, -100, 0, 201, 420, 500)]
    data = build_dataset(TWICE, dates, RULE)
    assert len(data) == len(dates)
    assert data.churned.tolist() == [False, False, True, False, True, True]
    acted = treated(TWICE, data, RULE)
    assert acted is not None and acted.tolist() == [False, False, False, False, True, False]
    matrix = compute(TWICE, customers(TWICE, dates), {})
    months = landmarks(TWICE, matrix, ChurnRule(horizon_days=90), day(700))
    assert len(months) == len(dates)


@pytest.mark.parametrize(
    ("credited", "churned"), [(None, False), (20, True), (29, True), (30, False)], ids=lambda value: str(value)
)
def test_by_silence_a_reversed_invoice_is_silence(credited: int | None, churned: bool) -> None:
    """What is reversed after the label's window has ended leaves the label as it was."""
    bought = [(-200, 5.0), (-100, 6.0), (15, 7.0), *([(credited, -7.0)] if credited is not None else [])]
    tables = book([], bought)
    found = labels(tables, customers(tables, [START], by_silence=True), SILENCE)
    assert found["churned"].tolist() == [churned]
