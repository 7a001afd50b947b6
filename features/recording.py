"""When a book is recorded, told by the density of its own records. What `book.toml` says stands above it.

In: a book. Out: the day from which each table is recorded, and a `Recording`: the span of each table and of the book.

The days that hold records are cut at gaps that are much longer than all others beside them. What lies beyond such a gap
is alone if it has less than a fifth of the records that the nearer half of the others would have made in that time: a
typing error or an opening balance, no record of what was going on. The rest is the dense part. A table with few records
has not ended with a long gap that its records follow on several days, while the book goes on: two such are no slip.
A table that is recorded in waves, as surveys twice a year and the feedback on them, has long gaps as a rule: between
waves of a like size no gap is unusual that is not much longer than the usual one from wave to wave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np

from features.kept_queries import ask
from features.tables import HISTORY, TABLES, Tables

#: Tables whose records are made when something happens. Contracts, contacts and memberships are states: they begin long
#: before a book does, and are known ahead.
EVENTS = ("invoices", "surveys", "loops", "tickets", "actions", "referrals")
#: Shorter gaps are never unusual.
LEAST_GAP = 45
#: An unusual gap is more than so many times the longest one beside it.
TIMES = 3
#: Records beyond a gap are alone below this share of what the others would have made in the time; fewer than this share
#: of the largest wave are none.
ALONE_SHARE = 0.2
#: Fewer days with records tell of no rhythm.
LEAST_DAYS = 8
#: With fewer records a week a table is rare; so many days with records after a gap say that it has not ended with it.
RARE_A_WEEK, GOES_ON_DAYS = 1.0, 2
DAYS_A_WEEK = 7
#: A book with more holes is recorded in spells.
MOST_BREAKS = 2


@dataclass(frozen=True)
class Days:
    """The days with records, rising, and the rows on each; both of shape (days,), datetime64[D] and int64."""

    day: np.ndarray
    rows: np.ndarray

    def part(self, kept: slice | np.ndarray) -> Days:
        """Return some of the days."""
        return Days(self.day[kept], self.rows[kept])

    def until(self, last: date) -> Days:
        """Return the days up to `last`, included."""
        return self.part(self.day <= np.datetime64(last, "D"))

    def near_end(self) -> Days:
        """Return the later half of the days."""
        return self.part(slice(-max(LEAST_DAYS, len(self.day) // 2), None))

    def near_start(self) -> Days:
        """Return the earlier half of the days."""
        return self.part(slice(0, max(LEAST_DAYS, len(self.day) // 2)))

    @property
    def length(self) -> int:
        """Days from the first to the last, both included."""
        return int((self.day[-1] - self.day[0]).astype(int)) + 1

    def gaps(self) -> np.ndarray:
        """Return the days from each day with records to the next, shape (days - 1,)."""
        return np.diff(self.day).astype(np.int64)


@dataclass(frozen=True)
class Span:
    """The dense part of a table, or of the whole book.

    Attributes
    ----------
    first, last : date
        First and last day.
    days : int
        Distinct days with records.
    longest_gap : int
        Most days from one day with records to the next; 0 with a single day.
    before, after : int
        Rows that lie alone before the first day and after the last one.
    """

    first: date
    last: date
    days: int
    longest_gap: int
    before: int = 0
    after: int = 0

    def is_quiet_at(self, day: date) -> bool:
        """Whether the records had ended by that day: nothing came for much longer than ever before."""
        patience = max(LEAST_GAP, TIMES * self.longest_gap)
        return self.days >= LEAST_DAYS and (day - self.last).days > patience


@dataclass(frozen=True)
class Recording:
    """The span of every history table with a record, of churns, and of the book; records after `today` count in none.

    Attributes
    ----------
    tables : mapping of table name to Span
        Of tables of states, from the first record to the last.
    book : Span or None
        Over all tables of events; None without a record.
    breaks : tuple of (date, date)
        Days with records around each hole within the book's dense part.
    days : mapping of table name to Days
        The days with records of every such table that is there.
    """

    today: date
    tables: Mapping[str, Span]
    book: Span | None
    breaks: tuple[tuple[date, date], ...] = field(default=())
    days: Mapping[str, Days] = field(default_factory=dict, compare=False, repr=False)


def recording(tables: Tables, today: date | None = None) -> Recording:
    """Tell from the records of a book when it is recorded.

    Parameters
    ----------
    today : date, optional
        Records after it count as slips; by default the present day in UTC.
    """
    today = today or utc_today()
    days = {name: found.until(today) for name, found in days_of(tables, (*HISTORY, "churns")).items()}
    events = together([days[name] for name in EVENTS])
    book = span_of(events)
    end = None if book is None else book.last
    spans = {name: span_of(found, name in EVENTS, end) for name, found in days.items()}
    breaks = () if book is None else _breaks(events.part(slice(*dense(events))))
    return Recording(today, {name: span for name, span in spans.items() if span is not None}, book, breaks, days)


def first_recorded(tables: Tables, names: Sequence[str]) -> dict[str, date]:
    """Return the day from which each table is densely recorded, of a table of states its first day."""
    spans = {name: span_of(days, name in EVENTS) for name, days in days_of(tables, names).items()}
    return {name: span.first for name, span in spans.items() if span is not None}


def days_of(tables: Tables, names: Sequence[str]) -> dict[str, Days]:
    """Count the records of some tables by the day of their own time, in one query."""
    there = tuple(name for name in names if name not in tables.missing)
    found = dict.fromkeys(names, Days(np.empty(0, "datetime64[D]"), np.empty(0, np.int64)))
    if there:
        counted = ask(tables, _rows_by_day, there)
        place, day, rows = (counted[column].to_numpy() for column in ("place", "day", "rows"))
        found |= {name: Days(day[place == own], rows[place == own]) for own, name in enumerate(there)}
    return found


def _rows_by_day(tables: Tables, names: tuple[str, ...]) -> ir.Table:
    """Return the rows of each day of some tables, which their places in `names` tell apart."""
    counted = []
    for place, name in enumerate(names):
        days = tables[name].select(day=tables[name][TABLES[name].time].cast("date")).drop_null()
        by_day = days.group_by("day").aggregate(rows=lambda t: t.count())
        counted.append(by_day.mutate(place=ibis.literal(place)))
    return (ibis.union(*counted) if len(counted) > 1 else counted[0]).order_by("place", "day")


def together(counts: Sequence[Days]) -> Days:
    """Return the days of several tables as those of one."""
    days = np.concatenate([found.day for found in counts])
    rows = np.concatenate([found.rows for found in counts])
    distinct, place = np.unique(days, return_inverse=True)
    return Days(distinct, np.bincount(place, rows, len(distinct)).astype(np.int64))


def span_of(days: Days, are_events: bool = True, book_end: date | None = None) -> Span | None:
    """Return the span of the dense part, or of all days that are no events; None without a day.

    Parameters
    ----------
    book_end : date, optional
        Last day of the book whose table this is: until then, a rare table may go on after a gap.
    """
    if not len(days.day):
        return None
    start, stop = dense(days) if are_events else (0, len(days.day))
    if are_events and book_end is not None:
        stop = _going_on(days, start, stop, book_end)
    part = days.part(slice(start, stop))
    return Span(
        first=part.day[0].item(),
        last=part.day[-1].item(),
        days=len(part.day),
        longest_gap=int(part.gaps().max(initial=0)),
        before=int(days.rows[:start].sum()),
        after=int(days.rows[stop:].sum()),
    )


def dense(days: Days) -> tuple[int, int]:
    """Return the first place of the dense part, and the place after its last.

    Examples
    --------
    >>> day = np.datetime64("2024-01-01") + np.array([-9000, *range(0, 365, 30), 900])
    >>> dense(Days(day, np.array([1, *[3] * 13, 1])))
    (1, 14)
    """
    start, stop = 0, len(days.day)
    usual = _gap_between_waves(days)
    while True:
        part = days.part(slice(start, stop))
        for place in map(int, _long_gaps(part)):
            if part.gaps()[place] <= TIMES * usual:
                continue
            before, after = part.part(slice(0, place + 1)), part.part(slice(place + 1, None))
            if _is_alone(before, after.near_start()):
                start += place + 1
                break
            if _is_alone(after, before.near_end()):
                stop = start + place + 1
                break
        else:
            return start, stop


def _gap_between_waves(days: Days) -> float:
    """Return the median of the gaps between waves of a like size; 0 where the records do not come in waves."""
    cuts = np.flatnonzero(days.gaps() > LEAST_GAP) + 1
    first, after = np.append(0, cuts), np.append(cuts, len(days.day))
    rows = np.add.reduceat(days.rows, first) if len(days.day) else days.rows
    filled = after - first
    # A slip is no wave, however few the others hold, nor is an opening balance of two days beside years of records.
    is_wave = (rows >= ALONE_SHARE * rows.max(initial=0)) & (filled >= GOES_ON_DAYS)
    is_wave &= filled >= ALONE_SHARE * filled.max(initial=0)
    gaps = days.day[first[is_wave][1:]] - days.day[after[is_wave][:-1] - 1]
    return float(np.median(gaps.astype(np.int64))) if len(gaps) else 0.0


def _going_on(days: Days, start: int, stop: int, book_end: date) -> int:
    """Return the place after the last day until `book_end` if a rare table goes on until then, else `stop`."""
    near = days.part(slice(start, stop)).near_end()
    later = len(days.until(book_end).day)
    is_rare = near.rows.sum() * DAYS_A_WEEK < RARE_A_WEEK * near.length
    return later if is_rare and later - stop >= GOES_ON_DAYS else stop


def _long_gaps(days: Days) -> np.ndarray:
    """Return the places of the gaps that may be unusual, the longest first."""
    gaps = days.gaps()
    order = np.argsort(-gaps, kind="stable")
    return order[gaps[order] > LEAST_GAP]


def _is_alone(few: Days, near: Days) -> bool:
    """Whether some days lie far from others, with less than a fifth of the records that those would have made."""
    gap = int(max(near.day[0] - few.day[-1], few.day[0] - near.day[-1]).astype(int))
    passed = gap + int((few.day[-1] - few.day[0]).astype(int))
    expected = near.rows.sum() / near.length * passed
    return _stands_out(gap, near) and few.rows.sum() < ALONE_SHARE * expected


def _stands_out(gap: int, near: Days) -> bool:
    """Whether a gap is much longer than all gaps between the days beside it, if these are enough to tell."""
    return len(near.day) >= LEAST_DAYS and gap > TIMES * near.gaps().max(initial=0)


def _breaks(days: Days) -> tuple[tuple[date, date], ...]:
    """Return the days around each gap that stands out on both sides; gaps that come back, as every summer, do not."""
    found = []
    for place in sorted(_long_gaps(days)):
        gap = int(days.gaps()[place])
        before, after = days.part(slice(0, place + 1)), days.part(slice(place + 1, None))
        if _stands_out(gap, before.near_end()) and _stands_out(gap, after.near_start()):
            found.append((days.day[place].item(), days.day[place + 1].item()))
    return tuple(found) if len(found) <= MOST_BREAKS else ()


def utc_today() -> date:
    """Return the present day in UTC. The layer reads a clock only here; callers may hand over another day."""
    return datetime.now(UTC).date()
