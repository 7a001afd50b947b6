"""The programme's figures of a scored book as a run keeps them: of the whole book, and of each account manager's part.

In: a book and the run's as-of date. Out: `BookFigures`. Each part is a record that holds nothing of another manager's
accounts, so that whoever sees one manager's accounts is given one record and can infer nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import pandas as pd

from features.figures import contracts_ahead
from features.figures.asking import series
from features.figures.estimates import Estimates
from features.figures.figure import all_figures
from features.figures.known import Because, because
from features.figures.measuring import COLUMNS, WithAccounts, measure_with_accounts
from features.tables import Tables

Record = dict[str, Any]
#: As-of dates of a stored series: the run's own and the same day of the eleven months before.
SERIES_MONTHS = 12
#: Why a manager's part has no figure at a date at which none of the manager's accounts was known.
NOBODY = because("nobody")
SEVERAL = because("several")
NUMBERS = ("value", "low", "high", "n")
NAMES = ("name", "account_manager")
CONTRACTS, DEPARTURES = "contracts_to_renew", "departures"


@dataclass(frozen=True)
class Part:
    """Figures of some accounts.

    Attributes
    ----------
    account_manager : str or None
        Whose accounts; None: the whole book.
    record : dict
        currency, dates (ISO, rising) and `figures`: by name the lists value, low, high, n and reason, an entry a date;
        a reason is a code with its facts, see `told`. `groups`: by split and figure a list of group, value, low, high,
        n and reason, at the as-of date.
    """

    account_manager: str | None
    record: Record


@dataclass(frozen=True)
class Beside:
    """What is kept of accounts beside their figures.

    Attributes
    ----------
    name : str
        Under which it is kept; no figure has it.
    rows : iterable of objects with an account_id
        By rising account_id.
    plain : callable
        Gives a row as plain values.
    """

    name: str
    rows: Iterable[Any]
    plain: Callable[[Any], Record]

    def by_account(self) -> Iterator[tuple[str, Record, Record]]:
        """Yield the id of each account, its name and manager if the rows tell them, and what is kept."""
        for account_id, group in groupby(self.rows, key=attrgetter("account_id")):
            kept = [self.plain(row) for row in group]
            yield account_id, {name: kept[0].get(name) for name in NAMES}, {self.name: kept}


@dataclass(frozen=True)
class BookFigures:
    """The figures of a book at a scoring run's as-of date and some months before.

    Attributes
    ----------
    parts : tuple of Part
        The whole book first, then each account manager's by name.
    accounts : iterable of DataFrame
        account_id, figure, value, account_manager, name: what each account adds to the figures that are sums, at the
        as-of date, by rising account_id. Each frame holds whole accounts; a large book has many frames.
    beside : tuple of Beside
        What else is kept of accounts: `CONTRACTS`, those that end soon or are overdue (see
        `features.figures.contracts_ahead.listed`), and `DEPARTURES`.
    """

    parts: tuple[Part, ...]
    accounts: Iterable[pd.DataFrame]
    beside: tuple[Beside, ...] = ()

    def lifetime(self) -> tuple[float, float, float] | None:
        """Return the lifetime value of the whole book with its interval; None where it is not known."""
        told = self.parts[0].record["figures"]["lifetime_value"]
        value, low, high = (told[name][-1] for name in ("value", "low", "high"))
        return None if value is None else (value, low, high)

    def by_account(self) -> Iterator[Record]:
        """Yield account_id, name, account_manager and `figures` (by name what it adds) of each account, by rising id.

        Who is kept beside the figures alone adds to none: its name and manager stand with what is kept.
        """
        added = (row for frame in self.accounts for row in _of_accounts(frame))
        streams = merge(added, *(beside.by_account() for beside in self.beside), key=itemgetter(0))
        for account_id, group in groupby(streams, key=itemgetter(0)):
            own = list(group)
            figures = {name: value for _, _, kept in own for name, value in kept.items()}
            yield {"account_id": account_id, **own[0][1], "figures": figures}


def book_figures(tables: Tables, as_of: date, scored: Estimates | None = None) -> BookFigures:
    """Return the figures of a book at a date, with a series of months; those of what is to come by its estimates."""
    dates = series(tables, as_of)[-SERIES_MONTHS:]
    found = measure_with_accounts(tables, dates, as_of, ["account_manager"], scored)
    beside = () if found.contracts is None else (Beside(CONTRACTS, found.contracts, contracts_ahead.told),)
    return BookFigures(tuple(_parts(found, dates, tables.currency)), found.accounts, beside)


def _of_accounts(frame: pd.DataFrame) -> Iterator[tuple[str, Record, Record]]:
    """Yield the id of each account, its name and manager, and by name what it adds to figures."""
    plain = frame.astype(object).where(frame.notna(), None)
    rows = zip(*(plain[name].tolist() for name in ("account_id", *NAMES, "figure", "value")), strict=True)
    for account_id, group in groupby(rows, key=itemgetter(0)):
        own = list(group)
        names = dict(zip(NAMES, own[0][1 : 1 + len(NAMES)], strict=True))
        yield account_id, names, {figure: value for *_, figure, value in own}


def _parts(found: WithAccounts, dates: Sequence[date], currency: str | None) -> Iterator[Part]:
    """Yield the parts; accounts without a manager stand in the whole book only."""
    places = {day: place for place, day in enumerate(dates)}
    days = [day.isoformat() for day in dates]
    figures: dict[str | None, dict[str, Record]] = {None: {}}
    for name, as_of, split, group, *numbers, reason in _rows(found):
        if split is not None and group is None:
            continue
        lists = figures.setdefault(group, {}).setdefault(name, _empty(len(dates)))
        for column, number in zip(NUMBERS, numbers, strict=True):
            lists[column][places[as_of]] = None if number != number else number
        lists["reason"][places[as_of]] = None if reason is None else _kept(reason)
    groups = _groups(found.groups)
    for group in sorted(figures, key=lambda name: (name is not None, name or "")):
        record = {"currency": currency, "dates": days, "figures": figures[group], "groups": groups.get(group, {})}
        yield Part(group, record)


def _groups(kept: pd.DataFrame) -> dict[str | None, dict[str, dict[str, list[Record]]]]:
    """Return the groups that are kept, by account manager (None: the whole book), split and figure."""
    found: dict[str | None, dict[str, dict[str, list[Record]]]] = {}
    for row in kept.to_dict("records"):
        of_split = found.setdefault(row["account_manager"], {}).setdefault(row["split"], {})
        reason = row["reason"]
        numbers = {name: row[name] for name in NUMBERS}
        entry = {"group": row["group"], **numbers, "reason": None if reason is None else _kept(reason)}
        of_split.setdefault(row["figure"], []).append(entry)
    return found


def _rows(found: WithAccounts) -> Iterator[tuple[Any, ...]]:
    """Yield the values' rows in the order of `features.figures.measuring.COLUMNS`."""
    yield from zip(*(found.values[name].tolist() for name in COLUMNS), strict=True)


def _empty(dates: int) -> Record:
    return {**{name: [None] * dates for name in NUMBERS}, "reason": [_kept(NOBODY)] * dates}


def _kept(reason: Because) -> list[Any]:
    return [reason.code, dict(reason.facts)]


def together(records: Sequence[Record]) -> Record:
    """Return what is known of several managers' accounts together, from the records of their parts; of one, its own.

    Figures that are sums add up, without an interval. Of a rate or a mean nothing is known from the parts.
    """
    first, *others = records
    if not others:
        return first
    sums = {figure.name for figure in all_figures() if figure.adds_up}
    return first | {
        "figures": {
            name: _together(name in sums, [record["figures"].get(name) for record in records], len(first["dates"]))
            for name in dict.fromkeys(name for record in records for name in record["figures"])
        },
        "groups": _groups_together(sums, [record.get("groups", {}) for record in records]),
    }


def _together(adds_up: bool, parts: Sequence[Record | None], dates: int) -> Record:
    """Return a figure's lists over the parts that have it."""
    lists = _empty(dates)
    for place in range(dates):
        points = [{name: part[name][place] for name in (*NUMBERS, "reason")} for part in parts if part is not None]
        for name, value in _point(adds_up, points).items():
            lists[name][place] = value
    return lists


def _point(adds_up: bool, points: Sequence[Record]) -> Record:
    """Return the sum of points; who had no account at the date adds nothing, and one that is not known leaves none."""
    unknown = {**dict.fromkeys(NUMBERS), "reason": _kept(NOBODY)}
    there = [point for point in points if not point["reason"] or point["reason"][0] != NOBODY.code]
    if not there:
        return unknown
    if not adds_up:
        return unknown | {"reason": _kept(SEVERAL)}
    if reason := next((point["reason"] for point in there if point["value"] is None), None):
        return unknown | {"reason": reason}
    sums = {name: sum(point[name] or 0.0 for point in there) for name in ("value", "n")}
    return unknown | sums | {"reason": None}


def _groups_together(sums: Collection[str], kept: Sequence[Record]) -> Record:
    """Return the groups of all parts by split and figure, each once."""
    found: Record = {}
    named = dict.fromkeys((split, name) for groups in kept for split, of in groups.items() for name in of)
    for split, name in named:
        entries = [entry for groups in kept for entry in groups.get(split, {}).get(name, ())]
        found.setdefault(split, {})[name] = [
            {"group": group, **_point(name in sums, [entry for entry in entries if entry["group"] == group])}
            for group in dict.fromkeys(entry["group"] for entry in entries)
        ]
    return found


def told(kept: Sequence[Any] | None, lang: str) -> str | None:
    """Return a kept reason in words."""
    return None if kept is None else because(kept[0], **kept[1]).told(lang)
