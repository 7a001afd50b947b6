"""What an optional column would tell and never does is not known, which is not 0."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from support.books import Bench

from features.signal import all_signals
from features.tables import TABLES

AT = date(2025, 7, 1)
OPENED = pd.Timestamp("2025-06-01 10:00")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def signals(bench: Bench, **frames: pd.DataFrame) -> pd.DataFrame:
    """The signals of the accounts a to d, all customers since 2020, at one date; a row an account."""
    accounts = pd.DataFrame({"account_id": list("abcd"), "customer_since": pd.Timestamp("2020-01-01")})
    matrix = bench.load({"accounts": accounts, **frames}).matrix([AT])
    return matrix.signals.set_axis(matrix.keys["account_id"])


def test_a_ticket_without_a_kind_is_no_proof_of_no_defect(bench: Bench) -> None:
    """a: none told; b: one told, a defect; c: one told, no defect; d: no ticket."""
    tickets = pd.DataFrame(
        {
            "account_id": ["a", "a", "b", "b", "c", "c"],
            "kind": [None, None, "defect", None, "question", None],
            "severity": ["low", None, None, None, "high", None],
            "opened_at": OPENED,
        }
    ).assign(ticket_id=[f"t{i}" for i in range(6)])
    found = signals(bench, tickets=tickets)
    assert found["tickets_opened_365d"].tolist() == [2, 2, 2, 0]
    assert found["tickets_defects_365d"].fillna(-1).tolist() == [-1, 1, 0, 0]
    assert found["tickets_severe_365d"].fillna(-1).tolist() == [0, -1, 1, 0]


def test_contacts_who_are_not_said_to_decide(bench: Bench) -> None:
    """a: of neither contact it is known; b: of one, who decides and left; c: of one, who does not; d: no contact."""
    contacts = pd.DataFrame(
        {
            "account_id": ["a", "a", "b", "b", "c", "c"],
            "decision_maker": [None, None, True, None, False, None],
            "valid_from": pd.Timestamp("2021-01-01"),
            "valid_to": [pd.NaT, pd.NaT, pd.Timestamp("2025-05-01"), pd.NaT, pd.NaT, pd.NaT],
        }
    ).assign(contact_id=[f"k{i}" for i in range(6)])
    found = signals(bench, contacts=contacts)
    assert found["contacts_active"].tolist() == [2, 1, 2, 0]
    assert found["contacts_decision_makers"].fillna(-1).tolist() == [-1, 0, 0, 0]
    assert found["contacts_decision_maker_left_365d"].fillna(-1).tolist() == [-1, 1, 0, 0]


def test_answers_without_a_contact_tell_of_no_contact(bench: Bench) -> None:
    """a: no invitation names a contact; b: the contact answered once, not since; c: another than the one known."""
    contacts = pd.DataFrame(
        {"account_id": list("abcd"), "contact_id": ["ka", "kb", "kc", "kd"], "decision_maker": True}
    ).assign(valid_from=pd.Timestamp("2021-01-01"))
    early, late = pd.Timestamp("2024-10-01"), pd.Timestamp("2025-05-01")
    surveys = pd.DataFrame(
        {
            "account_id": ["a", "a", "b", "b", "c"],
            "contact_id": [None, None, "kb", "kb", "other"],
            "sent_at": [early, late, early, late, late],
            "answered_at": [early + pd.Timedelta(days=1), pd.NaT, early + pd.Timedelta(days=1), pd.NaT, pd.NaT],
        }
    ).assign(kind="relationship", survey_id=[f"s{i}" for i in range(5)])
    found = signals(bench, contacts=contacts, surveys=surveys)
    assert found["contacts_fell_silent"].fillna(-1).tolist() == [-1, 1, 0, 0]
    assert found["contacts_surveyed_share"].fillna(-1).tolist() == [-1, 1, 0, 0]


def test_only_optional_columns_can_be_untold() -> None:
    told_by = {signal.told_by for signal in all_signals() if signal.told_by is not None}
    assert told_by == {"contacts.decision_maker", "tickets.kind", "tickets.severity", "surveys.contact_id"}
    for name in told_by:
        table, column = name.split(".")
        assert {item.name: item.optional for item in TABLES[table].columns}[column]
