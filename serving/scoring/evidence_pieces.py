"""Evidence of some accounts of a book: an account's takes some 25 KB, so nobody holds that of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import ibis
import pyarrow as pa

from features.tables import Tables
from serving.scoring.evidence import Record, collect_evidence


def piece_of_evidence(
    tables: Tables, accounts: Sequence[str], as_of: date, outlooks: Mapping[str, Record] | None = None
) -> dict[str, Record]:
    """Return the evidence by account_id, as `collect_evidence` gives it, of accounts that follow one another.

    Parameters
    ----------
    accounts : sequence of str
        Their ids, rising; an account that lies between two of them and is not named is left out.
    """
    if not accounts:
        return {}
    first, last = accounts[0], accounts[-1]
    frames = {name: rows.filter(rows.account_id.between(first, last)) for name, rows in tables.frames.items()}
    ids = pa.table({"account_id": pa.array(accounts, pa.string())})
    spine = ibis.memtable(ids).mutate(as_of=ibis.literal(as_of))
    return collect_evidence(replace(tables, frames=frames), spine, as_of, outlooks)
