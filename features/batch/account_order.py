"""A large book whose tables stand by account, so that some accounts' records are read without reading all.

Exports mostly stand by date. Each part of such a book would read every table as a whole, so that the cost of all parts
grew with the square of the book.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import ibis.expr.types as ir

from features.sources import stored
from features.tables import Tables

#: A book of fewer accounts is scored in so few pieces that putting it in order would cost more than it saves.
LEAST_ACCOUNTS = 20_000


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
