"""What a table of the contract is made of: kinds of columns, columns, tables, and short ways to write them down.

In: nothing. Out: the words in which `features.tables` declares the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import ibis

#: A larger amount counts as a typing error. Sums of such amounts would overflow.
LARGEST = 1e15
#: The most characters of an account's id, in tables, requests, paths, jobs and the store.
LONGEST_ID = 256
#: An end in this year or later is an end that is not known: exports write 9999-12-31 or 2199-12-31 for it.
OPEN_FROM_YEAR = 2150


class Kind(StrEnum):
    """What a column holds. The value is the Ibis type of the column. Instants are naive UTC."""

    TEXT = "string"
    NUMBER = "float64"
    INTEGER = "int64"
    FLAG = "boolean"
    DATE = "date"
    INSTANT = "timestamp"

    @property
    def is_time(self) -> bool:
        """Whether the column is a date or an instant."""
        return self in (Kind.DATE, Kind.INSTANT)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    optional : bool
        Whether the column may be absent and its values null.
    known_at : str or None
        The column whose time makes this one known; None: the time of the record.
    choices : tuple of str
        The values allowed; empty: any.
    low, high : float or None
        Bounds of the values, both included.
    longest : int or None
        Most characters of a text.
    open_end : bool
        Whether the column is an end that may not be known: a date of `OPEN_FROM_YEAR` or later then says the same as
        null.
    hidden_by : str or None
        The flag that makes the value nobody's: it is null in every view where the flag is true.
    personal : bool
        Whether the values are about a person: for reports only, in no signal, log, metric or model.
    """

    name: str
    kind: Kind
    optional: bool = False
    known_at: str | None = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    longest: int | None = None
    open_end: bool = False
    personal: bool = False
    hidden_by: str | None = None

    @property
    def zero_is_nothing(self) -> bool:
        """Whether 0 says that nothing is there: so of an amount; an answer's score may be 0."""
        return self.kind is Kind.NUMBER


@dataclass(frozen=True)
class Table:
    """One input table.

    Attributes
    ----------
    key : tuple of str
        Columns that identify a record.
    time : str
        The column whose time makes a record known.
    required : bool
        Whether a book must have the table.
    order : tuple of (later, earlier)
        Pairs of time columns; the first must not lie before the second.
    void_at : str or None
        The time column that, once known, makes a record count as none.
    derived : tuple of Column
        Columns that no source has: views make them of the table's own records.
    """

    name: str
    key: tuple[str, ...]
    time: str
    columns: tuple[Column, ...]
    required: bool = False
    order: tuple[tuple[str, str], ...] = ()
    void_at: str | None = None
    derived: tuple[Column, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name; raise KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def dated(self) -> tuple[tuple[Column, str], ...]:
        """Columns whose values need a time that may be absent, with that time's column; `undated` says why."""
        return tuple(
            (column, at)
            for column in self.columns
            if (at := column.known_at) is not None and at != column.name and self.column(at).optional
        )

    @property
    def schema(self) -> ibis.Schema:
        """Column names and Ibis types, in the declared order."""
        return ibis.schema({column.name: str(column.kind) for column in self.columns})


def undated(at: str) -> str:
    """Return what is wrong with a value whose time is absent: nobody knows since when it is known."""
    return f"a value without {at}, so it is not known when it came"


def text(
    name: str, *choices: str, optional: bool = False, known_at: str | None = None, personal: bool = False
) -> Column:
    """Return a column of texts, of the choices if any are given."""
    return Column(name, Kind.TEXT, optional=optional, known_at=known_at, choices=choices, personal=personal)


def day(name: str, optional: bool = False, known_at: str | None = None, open_end: bool = False) -> Column:
    """Return a column of dates."""
    return Column(name, Kind.DATE, optional=optional, known_at=known_at, open_end=open_end)


def instant(name: str, optional: bool = False, known_at: str | None = None) -> Column:
    """Return a column of instants."""
    return Column(name, Kind.INSTANT, optional=optional, known_at=known_at)


def flag(name: str) -> Column:
    """Return an optional column of true and false."""
    return Column(name, Kind.FLAG, optional=True)


def amount(name: str, optional: bool = False, known_at: str | None = None, unit: str = "currency") -> Column:
    """Return a column of amounts of money, or of fractions, within what can be added up."""
    return Column(name, Kind.NUMBER, optional, known_at, low=-LARGEST, high=LARGEST, unit=unit)
