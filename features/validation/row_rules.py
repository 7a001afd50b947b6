"""The rules of one table: each a condition that no row may meet, or one that leaves a doubt.

In: a table of the contract and its converted rows. Out: `Rule`s, which one query counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

import ibis
import ibis.expr.types as ir

from features.recording import EVENTS
from features.schema import Column, Kind, Table, undated
from features.tables import TableKnown
from features.validation.conversion import EXPECTED


class Level(Enum):
    """What follows from a row that meets the condition."""

    #: The tables are refused.
    REFUSED = auto()
    #: The end of the data is in doubt: a warning, and nothing is learnt until the user says it.
    DOUBTED = auto()


@dataclass(frozen=True)
class Rule:
    """A condition on the rows of a table.

    Attributes
    ----------
    column, text : str
        The place, and what is wrong.
    broken : boolean column
        Whether a row meets it.
    quoted : column or None
        What a message quotes; None: nothing stands there.
    is_unread : bool
        Whether the value could not be converted, so that the raw text is quoted.
    cause : (boolean column, str) or None
        What explains some of the rows that meet it, and in words.
    """

    column: str
    text: str
    broken: ir.BooleanValue
    quoted: ir.Value | None = None
    is_unread: bool = False
    level: Level = Level.REFUSED
    cause: tuple[ir.BooleanValue, str] | None = None


def rules(table: Table, rows: ir.Table, known: TableKnown, today: date) -> Iterator[Rule]:
    """Yield every rule of a table over its converted rows.

    Parameters
    ----------
    known : TableKnown
        What `book.toml` says of the table.
    today : date
        Nothing happens after it.
    """
    for column in table.columns:
        yield from _column_rules(column, rows)
        yield from _ahead(table, column, rows, today)
    for column, at in table.dated:
        if not (at == "answered_at" and known.answered_at_is_sent_at):
            yield _undated(table, column, at, rows)
    for later, earlier in table.order:
        both = rows[later].cast("string") + f", {earlier} " + rows[earlier].cast("string")
        yield Rule(later, f"before {earlier}", rows[later] < rows[earlier], both, cause=_midnight(later, earlier, rows))


def _midnight(later: str, earlier: str, rows: ir.Table) -> tuple[ir.BooleanValue, str] | None:
    """Return which instants are the midnight of the other's day: a day without a time is read as that."""
    if not rows[later].type().is_timestamp():
        return None
    text = f"00:00 of the same day, as which a day without a time is read: write both as days, or {later} with its time"
    return rows[later] == rows[earlier].truncate("D"), text


def _column_rules(column: Column, rows: ir.Table) -> Iterator[Rule]:
    value, bad = rows[column.name], unread(column, rows)
    if column.kind in EXPECTED:
        yield Rule(column.name, EXPECTED[column.kind], bad, is_unread=True)
    if not column.optional:
        yield Rule(column.name, "missing", value.isnull() & ~bad)
    if column.kind is Kind.NUMBER:
        yield Rule(column.name, "not finite", value.isnan() | value.isinf(), value)
    if column.choices:
        yield Rule(column.name, f"none of {', '.join(column.choices)}", value.notin(column.choices), value)
    if column.longest is not None:
        yield Rule(column.name, f"longer than {column.longest} characters", value.length() > column.longest, value)
    if column.low is not None and column.high is not None:
        text = f"outside {column.low:g} to {column.high:g}"
        boundless = value.isnan() | value.isinf() if column.kind is Kind.NUMBER else ibis.literal(False)
        yield Rule(column.name, text, ((value < column.low) | (value > column.high)) & ~boundless, value)


def _undated(table: Table, column: Column, at: str, rows: ir.Table) -> Rule:
    """Return the rule that a value has its time."""
    value = rows[column.name]
    there = value.notnull() & rows[at].isnull() & ~unread(table.column(at), rows)
    if column.zero_is_nothing:
        there &= value != 0
    text = undated(at)
    if (table.name, at) == ("surveys", "answered_at"):
        text += '; where the only time is that of sending, book.toml says so: [surveys] answered_at = "sent_at"'
    return Rule(column.name, text, there, value)


def _ahead(table: Table, column: Column, rows: ir.Table, today: date) -> Iterator[Rule]:
    """Yield the rule that nothing has happened after today. What is planned or signed ahead has such dates."""
    happens = table.name in EVENTS and (column.kind is Kind.INSTANT or column.name == table.time)
    if happens:
        value = rows[column.name]
        late = value.cast("date") > ibis.date(today.isoformat())
        yield Rule(column.name, f"after today, {today}", late, value, level=Level.DOUBTED)


def unread(column: Column, rows: ir.Table) -> ir.BooleanValue:
    """Return whether the value of a column could not be converted, row by row."""
    mark = f"{column.name}__bad"
    return rows[mark] if mark in rows.columns else ibis.literal(False)
