"""A large book whose tables stand by account, so that some accounts' records are read without reading all.

Exports mostly stand by date. Each part of such a book would read every table as a whole, so that the cost of all parts
grew with the square of the book.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import ibis.expr.types as ir

from features.batch.computing import Batch
from features.sources import stored
from features.tables import Tables

#: A book of fewer accounts is scored in so few pieces that putting it in order would cost more than it saves.
LEAST_ACCOUNTS = 20_000
#: Accounts times dates from which on a matrix is computed in so many parts that it pays.
MANY_ROWS = 1_000_000


def ordered_batch(tables: Tables, spine: ir.Table, recorded_since: Mapping[str, date]) -> Batch:
    """Return the batch of a book that is put in order before, where it is large; parameters are those of `Batch`."""
    dates = int(spine.as_of.nunique().execute())
    return Batch(by_account(tables, MANY_ROWS // max(1, dates)), spine, recorded_since)


def by_account(tables: Tables, least: int = LEAST_ACCOUNTS) -> Tables:
    """Return the book with each table stored by account_id, where it has many accounts and a table does not stand so.

    Parameters
    ----------
    least : int
        The fewest accounts of a book that is put in order.
    """
    if int(tables["accounts"].count().execute()) < least:
        return tables
    return replace(tables, frames={**tables.frames, **dict(_put_in_order(tables))})


def _put_in_order(tables: Tables) -> Iterator[tuple[str, ir.Table]]:
    connection = tables["accounts"].get_backend()
    for name, rows in tables.frames.items():
        before = "lag(account_id) OVER ()"
        ids = f"SELECT account_id, {before} AS before FROM ({connection.compile(rows)})"
        ((falls,),) = connection.con.execute(f"SELECT count(*) FILTER (account_id < before) FROM ({ids})").fetchall()
        if falls:
            yield name, stored(connection, f"ordered_{name}", rows.order_by("account_id"))
