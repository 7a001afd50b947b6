"""A query is compiled once in a process, and answers for the book and the spine that it is asked of."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd
from support.handmade import tables_of

from features import kept_queries
from features.as_of import customers, stored_customers
from features.kept_queries import ask, ask_of, count
from features.tables import Tables

DAY = date(2024, 1, 1)
compiled: list[object] = []


def since(tables: Tables, day: date) -> ir.Table:
    compiled.append(day)
    return (
        tables["accounts"]
        .filter(tables["accounts"].customer_since >= ibis.date(day.isoformat()))
        .order_by("account_id")
    )


def billed(tables: Tables, spine: ir.Table) -> ir.Table:
    compiled.append("billed")
    rows = spine.inner_join(tables["invoices"], "account_id").filter(lambda t: t.invoiced_on < t.as_of)
    return rows.group_by("account_id", "as_of").aggregate(amount=lambda t: t.amount.sum()).order_by("account_id")


def book(*accounts: str) -> Tables:
    rows = {"account_id": list(accounts), "customer_since": pd.to_datetime([DAY] * len(accounts))}
    invoices = {"invoice_id": list(accounts), "account_id": list(accounts), "amount": 100.0}
    days = pd.to_datetime([DAY] * len(accounts))
    return tables_of({"accounts": pd.DataFrame(rows), "invoices": pd.DataFrame({**invoices, "invoiced_on": days})})


def test_it_is_compiled_once_and_answers_for_each_book() -> None:
    compiled.clear()
    for accounts in (("a1", "a2"), ("b1",)):
        tables = book(*accounts)
        assert ask(tables, since, DAY)["account_id"].to_pylist() == list(accounts)
        assert count(tables, since, DAY) == len(accounts)
        assert count(tables, since, date(2025, 1, 1)) == 0
    assert compiled == [DAY, DAY, date(2025, 1, 1)], "the rows and their number, and the number at another date"


def test_two_books_on_one_connection_take_turns() -> None:
    whole = book("a1", "a2", "a3")
    part = Tables({**whole.frames, "accounts": whole["accounts"].filter(lambda t: t.account_id != "a2")}, frozenset())
    for _ in range(2):
        assert (count(whole, since, DAY), count(part, since, DAY)) == (3, 2)


def test_spines_take_turns() -> None:
    compiled.clear()
    tables = book("a1", "a2")
    early, late = (
        ibis.memtable({"account_id": ["a1"], "as_of": [day]}, schema={"account_id": "string", "as_of": "date"})
        for day in (DAY, date(2024, 6, 1))
    )
    for _ in range(2):
        assert ask_of(tables, early, billed).to_pylist() == []
        assert ask_of(tables, late, billed)["amount"].to_pylist() == [100.0]
    assert compiled == ["billed"]


def test_a_spine_that_outlives_its_book_is_stored_for_the_next() -> None:
    """A connection may have the id of an earlier one, under which the spine is noted as stored."""
    spine = ibis.memtable(
        {"account_id": ["a1"], "as_of": [date(2024, 6, 1)]}, schema={"account_id": "string", "as_of": "date"}
    )
    tables = book("a1")
    kept_queries._spines[id(tables["accounts"].get_backend())] = spine
    for _ in range(2):
        assert ask_of(tables, spine, billed)["amount"].to_pylist() == [100.0]


def test_stored_customers_are_the_customers() -> None:
    tables = book("a1", "a2")
    dates = [date(2024, 6, 1), DAY, date(2024, 6, 1)]
    for by_silence in (False, True):
        stored = stored_customers(tables, dates, by_silence).execute()
        expected = customers(tables, dates, by_silence).execute()
        pd.testing.assert_frame_equal(stored, expected, check_dtype=False)
        assert len(stored) == (0 if by_silence else 2)
    assert stored_customers(tables, []).count().execute() == 0
