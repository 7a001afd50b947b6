"""Which invoices of a request are reversed, by the relation of batch, worked out before either engine sees the rows.

In: the records of a request. Out: the same, each invoice with `reversed_on` behind its own values. Few requests hold a
credit note as large as an invoice, so for most nothing is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis

from features.formulas.reversals import reversals
from features.requests.sqlite_words import DAY, words
from features.requests.stamped import COLUMNS, Records, days_of
from features.tables import TABLES

INVOICES = "invoices"
_EPOCH = date(1970, 1, 1)
_PLACES = {name: COLUMNS[INVOICES].index(name) + 1 for name in ("invoice_id", "invoiced_on", "amount")}


def with_reversed_on(records: Records) -> Records:
    """Return the records of a request, every invoice with the day from which it is known to be reversed, or None."""
    rows = records.get(INVOICES, ())
    if not rows:
        return records
    paired = _may_cancel(rows)
    if not paired:
        return {**records, INVOICES: [(*row, None) for row in rows]}
    reversed_on = _reversed_on(paired)
    place = _PLACES["invoice_id"]
    return {**records, INVOICES: [(*row, reversed_on.get((row[0], row[place]))) for row in rows]}


def _may_cancel(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """Return the credit notes that are as large as an invoice of their account, and such invoices."""
    place = _PLACES["amount"]
    credited = {(row[0], -row[place]) for row in rows if row[place] < 0}
    sizes = credited and {size for row in rows if (size := (row[0], row[place])) in credited}
    return [row for row in rows if (row[0], abs(row[place])) in sizes] if sizes else ()


def _reversed_on(rows: Sequence[tuple[Any, ...]]) -> dict[tuple[int, str], date]:
    number, days, amount = (_PLACES[name] for name in ("invoice_id", "invoiced_on", "amount"))
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE {INVOICES} (account_id, invoice_id, invoiced_on, amount)")
        connection.executemany(
            f"INSERT INTO {INVOICES} VALUES (?, ?, ?, ?)",
            [(row[0], row[number], days_of(row[days]) * DAY, row[amount]) for row in rows],
        )
        pairs = connection.execute(_statement()).fetchall()
    connection.close()
    return {(account, invoice): _EPOCH + timedelta(days=on // DAY) for account, invoice, on in pairs}


@cache
def _statement() -> str:
    declared = TABLES[INVOICES].schema
    schema = {"account_id": "uint8"} | {name: declared[name] for name in _PLACES}
    return words(reversals(ibis.table(schema, name=INVOICES)))
