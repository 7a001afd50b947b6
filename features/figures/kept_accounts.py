"""Rows of accounts, kept in the book's connection and read some accounts at a time.

In: a query. Out: its rows by account, as often as they are asked for. Of a book of a million accounts all rows together
take gigabytes as Python's objects; DuckDB's tables go to disk where memory does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pandas as pd
from ibis.backends.duckdb import Backend

#: Accounts that are read at once.
PIECE = 20_000


class KeptAccounts:
    """The rows of a query; iterated, it yields each row, as a named tuple.

    Parameters
    ----------
    connection : Backend
        The book's.
    query : str
        SQL; account_id is among its columns.
    order : sequence of str
        Columns by which the rows of an account follow one another.
    piece : int
        Accounts that are read at once, at most.
    """

    def __init__(self, connection: Backend, query: str, order: Sequence[str] = (), piece: int = PIECE) -> None:
        self._raw, self._piece, self._name = connection.con, piece, f"kept_{uuid4().hex}"
        self._order = ", ".join(("account_id", *order))
        self._raw.execute(f"CREATE TEMP TABLE {self._name} AS SELECT * FROM ({query}) ORDER BY {self._order}")

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows by rising account_id."""
        for after, until in self.ranges():
            yield from self.between(after, until).itertuples(index=False)

    def ranges(self) -> Iterator[tuple[str | None, str | None]]:
        """Yield pieces of the accounts, each as the bounds that `between` takes; together they are all accounts."""
        ids = f"SELECT DISTINCT account_id FROM {self._name}"
        placed = f"SELECT account_id, row_number() OVER (ORDER BY account_id) AS place FROM ({ids})"
        last = f"SELECT account_id FROM ({placed}) WHERE place % {self._piece} = 0 ORDER BY account_id"
        edges = [edge for (edge,) in self._raw.execute(last).fetchall()]
        return zip([None, *edges], [*edges, None], strict=True)

    def between(self, after: str | None, until: str | None) -> pd.DataFrame:
        """Return the rows of the accounts behind one and up to another, both of which may be open."""
        query = (
            f"SELECT * FROM {self._name} WHERE ($after IS NULL OR account_id > $after) "
            f"AND ($until IS NULL OR account_id <= $until) ORDER BY {self._order}"
        )
        return self._raw.sql(query, params={"after": after, "until": until}).to_arrow_table().to_pandas()
