"""The request's matrix on SQLite: what costs least where a request has a few hundred records.

The same expressions as for DuckDB, put into SQLite's words by Ibis (`features.requests.sqlite_words`). A statement of
SQLite costs microseconds to begin, where one of DuckDB costs milliseconds, but every record more; so an account by
itself takes a twentieth here, and a hundred accounts more than there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import repeat
from typing import Any

import numpy as np
from ibis.common.exceptions import OperationNotDefinedError

from features.requests.reversing import with_reversed_on
from features.requests.sqlite_functions import install
from features.requests.sqlite_words import DAY, SECOND, words
from features.requests.stamped import GATHERED, Records, RequestQuery, days_of, row_columns, stamped_schema
from features.tables import TABLES, Kind

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
#: Statements that stay prepared: more than there are.
KEPT_STATEMENTS = 256


class SqliteEngine:
    """The queries of a request, prepared in an in-memory SQLite.

    Parameters
    ----------
    by_silence : bool
        Whether customers are told by the rule of silence (see `features.as_of.customers`).

    Raises
    ------
    OperationNotDefinedError
        When a signal uses what SQLite has no word for.
    """

    def __init__(self, by_silence: bool) -> None:
        self._statements = _statements(by_silence)
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=KEPT_STATEMENTS
        )
        install(self._connection)
        for name in TABLES:
            self._make(name, stamped_schema(name).names)
        self._make(GATHERED, self._statements.gathered)

    def rows(self, records: Records, as_of: date) -> dict[str, np.ndarray]:
        """Return the columns of the finished rows: numbers with NaN, texts with None, where there is none."""
        try:
            for name, rows in with_reversed_on(records).items():
                self._fill(name, len(stamped_schema(name)), _stamped(name, rows, as_of))
            self._fill(GATHERED, len(self._statements.gathered), self._gathered())
            found = self._connection.execute(self._statements.row)
            names = [column[0] for column in found.description]
            columns = zip(*found.fetchall(), strict=True)
            return _arrays(names, columns, self._statements.texts)
        finally:
            for name in (*TABLES, GATHERED):
                self._connection.execute(f"DELETE FROM {name}")

    def _make(self, name: str, columns: Sequence[str]) -> None:
        self._connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")

    def _fill(self, name: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * width)})", rows)

    def _gathered(self) -> list[list[Any]]:
        """Return an account a row, by rising number, with every column of every part; None where there was no row."""
        accounts, *parts = self._statements.parts
        width = len(self._statements.gathered)
        gathered = {number: [number, *repeat(None, width - 1)] for (number,) in self._connection.execute(accounts.sql)}
        for part in parts:
            for number, *values in self._connection.execute(part.sql):
                if number in gathered:
                    for place, value in zip(part.places, values, strict=True):
                        gathered[number][place] = value
        return [gathered[number] for number in sorted(gathered)]


@dataclass(frozen=True)
class PartStatement:
    """The statement of one part, and where its columns stand in a gathered row."""

    sql: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class Statements:
    """The text of all statements of a request.

    Attributes
    ----------
    parts : tuple of PartStatement
        The first gives the accounts to gather.
    gathered : tuple of str
        The columns of a gathered row.
    row : str
        The finished row, over the gathered ones.
    texts : frozenset of str
        The columns of the finished row that hold text.
    """

    parts: tuple[PartStatement, ...]
    gathered: tuple[str, ...]
    row: str
    texts: frozenset[str]


@cache
def _statements(by_silence: bool) -> Statements:
    """Return the statements; to write them takes a second, which a change of the model need not cost again."""
    query = RequestQuery.of(by_silence)
    layout, gathered = query.layout, tuple(query.layout.gathered_schema("uint8").names)
    place_of = {name: place for place, name in enumerate(gathered)}
    parts = []
    for table, part in zip((query.accounts, *query.parts), layout.parts, strict=True):
        places = tuple(place_of[name] for name in (*part.numbers, *part.texts))
        parts.append(PartStatement(words(table.select(layout.key, *part.columns(table))), places))
    texts = frozenset(name for name, kind in query.row.schema().items() if kind.is_string())
    return Statements(tuple(parts), gathered, words(query.row), texts)


def sqlite_engine(by_silence: bool) -> SqliteEngine | None:
    """Return the engine; None where a signal uses what SQLite has no word for."""
    try:
        return SqliteEngine(by_silence)
    except OperationNotDefinedError:
        return None


def _stamped(name: str, rows: Sequence[tuple[Any, ...]], as_of: date) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows with their times in microseconds, each row stamped with the date."""
    days = days_of(as_of)
    stamp = (days * DAY, days * DAY, days * (DAY // SECOND))
    times = _times(name)
    for row in rows:
        values = list(row)
        for place, microseconds in times:
            if values[place] is not None:
                values[place] = microseconds(values[place])
        yield (*values, *stamp)


@cache
def _times(name: str) -> tuple[tuple[int, Callable[[Any], int]], ...]:
    """Return the places of a table's time columns in its rows, and how each becomes microseconds."""
    kinds = [column.kind for column in row_columns(name)]
    reading: dict[Kind, Callable[[Any], int]] = {Kind.DATE: _day, Kind.INSTANT: _instant}
    return tuple((place, reading[kind]) for place, kind in enumerate(kinds, start=1) if kind.is_time)


def _day(value: date) -> int:
    return days_of(value) * DAY


def _instant(value: datetime) -> int:
    return (value - EPOCH) // MICROSECOND


def _arrays(names: Sequence[str], columns: Iterator[tuple[Any, ...]], texts: frozenset[str]) -> dict[str, np.ndarray]:
    """Return columns as arrays; those of no row at all are empty."""
    values: dict[str, tuple[Any, ...]] = dict.fromkeys(names, ()) | dict(zip(names, columns, strict=False))
    return {name: np.array(column, dtype=object if name in texts else np.float64) for name, column in values.items()}
