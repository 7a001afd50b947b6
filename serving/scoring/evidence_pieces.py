"""Evidence of a whole book, collected for some accounts at a time: an account's takes some 25 KB.

In: a book and its accounts in the order in which they are asked for. Out: a mapping that holds one piece at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.tables import Tables
from serving.scoring.evidence import Record, collect_evidence

#: Accounts whose evidence is held at a time.
PIECE = 4_000


class PiecewiseEvidence(Mapping[str, Record]):
    """The evidence by account_id, as `collect_evidence` gives it; cheap where accounts are asked for in their order.

    Parameters
    ----------
    accounts : sequence of str
        Their ids, rising.
    """

    def __init__(
        self,
        tables: Tables,
        accounts: Sequence[str],
        as_of: date,
        outlooks: Mapping[str, Record] | None = None,
        piece: int = PIECE,
    ) -> None:
        self._tables, self._accounts, self._as_of, self._outlooks = tables, accounts, as_of, outlooks
        self._size = piece
        self._places = {account_id: place for place, account_id in enumerate(accounts)}
        self._held: tuple[int, dict[str, Record]] = (-1, {})

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self._accounts)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids in their order."""
        return iter(self._accounts)

    def __getitem__(self, account_id: str) -> Record:
        """Return an account's evidence; collects that of its piece first, unless it is the one at hand."""
        number = self._places[account_id] // self._size
        if number != self._held[0]:
            self._held = (-1, {})  # Let the piece go before the next one is made.
            self._held = (number, self._collected(number))
        return self._held[1][account_id]

    def _collected(self, number: int) -> dict[str, Record]:
        accounts = self._accounts[number * self._size : (number + 1) * self._size]
        first, last = accounts[0], accounts[-1]
        frames = {name: rows.filter(rows.account_id.between(first, last)) for name, rows in self._tables.frames.items()}
        return collect_evidence(
            replace(self._tables, frames=frames), self._spine(accounts), self._as_of, self._outlooks
        )

    def _spine(self, accounts: Sequence[str]) -> ir.Table:
        ids = pa.table({"account_id": pa.array(accounts, pa.string())})
        return ibis.memtable(ids).mutate(as_of=ibis.literal(self._as_of))
