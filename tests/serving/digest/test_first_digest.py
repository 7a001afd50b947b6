"""The first digest tells contracts that are due by now; a score that was called wrong waits until that is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from support.portfolios import EVA, JAN, score_of
from support.stored import DAY

from serving.acting.acts import NewFeedback, NewStep, add_feedback, add_step, finish_step
from serving.database.engine import reading, writing
from serving.digest.digest_findings import Bounds, Findings, read_findings
from serving.digest.digest_ledger import Baseline
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import Wanted
from serving.store import ScoreStore
from serving.webhooks.alerts import AlertRules

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)


def findings(store: ScoreStore, base: Baseline | None = None, days: int = 90, **rules: Any) -> Findings:
    bounds = Bounds(10, 5.0, AlertRules(contract_days=days, **rules))
    with reading(store.engine) as connection:
        found = read_findings(connection, EVA, bounds, base, NOW, NOW.date())
    assert found is not None
    return found


def told(found: Findings) -> Sequence[tuple[str, str]]:
    return [(row["account_id"], alert.kind) for row, alert in found.alerts if alert.kind == "contract_due"]


def sent(as_of: date) -> Baseline:
    return Baseline(1, NOW - timedelta(days=7), as_of, "1", {})


def test_the_first_digest_tells_contracts_that_are_due_already(kept: ScoreStore) -> None:
    """E/2's contract ends in 40 days, and 90 days before in 130: 200 days of warning began before any run."""
    due = [("E/2", "contract_due")]
    assert told(findings(kept, days=200)) == due
    assert told(findings(kept, sent(DAY - timedelta(days=90)), days=200)) == []
    assert told(findings(kept)) == told(findings(kept, sent(DAY - timedelta(days=90)))) == due
    assert told(findings(kept, kinds=("contact_left",))) == [] and told(findings(kept, days=39)) == []


def verdict(store: ScoreStore, account_id: str, said: Any) -> None:
    with writing(store.engine) as connection:
        add_feedback(connection, score_of(account_id), NewFeedback(said, "so"), "key:1", NOW, f"{account_id}{said}")


@pytest.mark.parametrize("said", ["wrong", "handled"])
def test_a_call_does_not_settle_what_was_called_wrong(store: ScoreStore, said: str) -> None:
    with writing(store.engine) as connection:
        step = NewStep("call", "Anrufen", EVA, date(2026, 1, 9))
        step_id = add_step(connection, "E/2", step, "key:1", NOW, "s")["step_id"]
        finish_step(connection, "E/2", step_id, "key:1", NOW)
    assert [row["account_id"] for row in findings(store).found.rows] == ["E1"]
    verdict(store, "E/2", said)
    expected = ["E/2", "E1"] if said == "wrong" else ["E1"]
    assert [row["account_id"] for row in findings(store).found.rows] == expected


def test_called_wrong_an_account_at_risk_keeps_its_place(store: ScoreStore) -> None:
    """Who said that it will not leave found it first on the list; one that is not at risk may be about to leave."""
    with writing(store.engine) as connection:
        for account_id, owner in (("E/2", EVA), ("J1", JAN)):
            add_step(connection, account_id, NewStep("call", "Anrufen", owner, date(2026, 1, 9)), "k", NOW, account_id)

    def order(**wanted: str) -> list[str]:
        with reading(store.engine) as connection:
            return [row["account_id"] for row in read_portfolio(connection, None, Wanted(**wanted)).rows]

    usual = order()
    verdict(store, "E1", "wrong")
    assert order() == usual == ["J1", "E/2", "E1", "E4", "E3", "N1"] and order(todo="yes") == ["E1"]
    verdict(store, "E3", "wrong")
    assert order() == ["E3", "J1", "E/2", "E1", "E4", "N1"] and order(todo="yes") == ["E3", "E1"]


def test_a_page_of_accounts_called_wrong_ends_no_digest(store: ScoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.portfolio.portfolio_query.ROWS", 1)
    verdict(store, "E3", "wrong")
    with writing(store.engine) as connection:
        add_step(connection, "E/2", NewStep("call", "Anrufen", EVA, date(2026, 1, 9)), "k", NOW, "k")
    assert [row["account_id"] for row in findings(store).found.rows] == ["E/2", "E1"]
