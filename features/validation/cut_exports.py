"""Exports that were cut: no invoices, as many rows as a limit lets through, months missing in the middle of a table.

In: the rows of each table, and the days that hold records. Out: `Problem`s that refuse nothing. Neither costs a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from features.errors import Problem
from features.recording import EVENTS, MOST_BREAKS, Recording
from features.validation.filled import Counts

#: Rows of a sheet, without and with a header, in the old form and the new.
SHEETS = (65_535, 65_536, 1_048_575, 1_048_576)
#: Pages and exports end at 1, 2 or 5 times a power of ten, from this one on.
LEAST_LIMIT, LEADING = 1_000, (1, 2, 5)
#: A month without a record is odd where a tenth of the other months at most has fewer records than this.
LEAST_RECORDS, FEW_MONTHS = 10, 10
MONTH = "datetime64[M]"
NO_INVOICES = (
    "the table has no row, so nobody was ever invoiced: all revenue, and all revenue at risk, is 0; export the "
    "invoices, if there are any"
)


def cut_exports(counts: Counts, recorded: Recording) -> Iterator[Problem]:
    """Yield the tables that seem to have been cut: at a limit of rows, with months missing, or no invoice at all.

    A cut accounts table is refused for the records of the others, so round numbers of accounts are as good as any, and
    so are as many rows of another table.
    """
    accounts = counts.rows.get("accounts")
    if counts.rows.get("invoices") == 0:
        yield Problem("invoices", "", NO_INVOICES)
    for name, rows in counts.rows.items():
        if rows != accounts and is_limit(rows):
            text = (
                f"exactly {rows:,} rows, at which many exports end: if more were asked for, the rest is missing and "
                "reads as nothing"
            )
            yield Problem(name, "", text)
    for name in EVENTS:
        if (holes := missing_months(name, recorded)) and not _closes_each_year(holes):
            text = f"no record in {_listed(holes)}, while the months around have many: not exported, or nothing?"
            yield Problem(name, "", text)


def is_limit(rows: int) -> bool:
    """Return whether exports often end at so many rows.

    Examples
    --------
    >>> [rows for rows in (999, 1_000, 1_500, 5_000, 65_535, 100_000, 1_048_575) if is_limit(rows)]
    [1000, 5000, 65535, 100000, 1048575]
    """
    text = str(rows)
    return rows in SHEETS or (rows >= LEAST_LIMIT and int(text[0]) in LEADING and not text[1:].strip("0"))


def missing_months(name: str, recorded: Recording) -> list[tuple[date, date]]:
    """Return the first day of the first and last month of each hole in a table, of those that are few.

    The table must have many records in the other months of its dense part. Holes of the whole book are told elsewhere.
    """
    span, days = recorded.tables.get(name), recorded.days.get(name)
    if span is None or days is None:
        return []
    month = days.day.astype(MONTH)
    first, last = np.datetime64(span.first, "M"), np.datetime64(span.last, "M")
    inside = (month >= first) & (month <= last)
    rows = np.bincount((month[inside] - first).astype(int), days.rows[inside], int((last - first).astype(int)) + 1)
    empty = rows == 0
    if not empty.any() or np.percentile(rows[~empty], FEW_MONTHS) < LEAST_RECORDS:
        return []
    holes = [((first + start).astype(date), (first + stop).astype(date)) for start, stop in _runs(empty)]
    told = [hole for hole in holes if not any(a < hole[0] and hole[1] < b for a, b in recorded.breaks)]
    return told if len(told) <= MOST_BREAKS else []


def _runs(empty: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last place of each run of true values in an array of shape (months,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], empty, [False]]).astype(np.int8)))
    return [(int(start), int(stop) - 1) for start, stop in edges.reshape(-1, 2)]


def _closes_each_year(holes: list[tuple[date, date]]) -> bool:
    """Whether holes begin in the same month of several years, as where nobody works in August."""
    return len({first.month for first, _ in holes}) < len(holes)


def _listed(holes: list[tuple[date, date]]) -> str:
    """Return holes in words: '2024-03 to 2024-05 and 2025-01'."""
    return " and ".join(f"{first:%Y-%m}" + (f" to {last:%Y-%m}" if last > first else "") for first, last in holes)
