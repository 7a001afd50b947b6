"""Hypothesis strategies: a record in two worlds that share a past and differ in the future."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from features.tables import HISTORY, TABLES, Column, Kind, Table
from support.books import CENTRE, DAY, EDGES

INSTANT = pd.Timestamp(CENTRE)
#: Columns that name records of other tables; they are drawn from a few numbers, so that most of them meet.
NAMES = ("contact_id", "survey_id", "program")
Record = dict[str, Any]

past_seconds = st.sampled_from([edge * DAY for edge in EDGES if edge] + [1]) | st.integers(1, 900 * DAY)
future_seconds = st.just(0) | st.integers(0, 300 * DAY)


def moment(column: Column, seconds: int) -> pd.Timestamp:
    """`seconds` from as_of; a date column takes the day, which never crosses as_of."""
    when = INSTANT + pd.Timedelta(seconds=seconds)
    return when.normalize() if column.kind is Kind.DATE else when


def values(column: Column) -> st.SearchStrategy[Any]:
    """Anything that may stand in a column that is no time."""
    if column.choices:
        return st.sampled_from(column.choices)
    if column.name in NAMES:
        return st.sampled_from([f"{column.name[0]}{i}" for i in range(4)])
    by_kind: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: st.sampled_from(["defect", "x", None]),
        Kind.NUMBER: st.integers(-500, 1000).map(float),
        Kind.INTEGER: st.integers(0, 10),
        Kind.FLAG: st.sampled_from([True, False, None]),
    }
    return by_kind[column.kind]


@st.composite
def record(draw: st.DrawFn, table: Table, future: bool) -> Record:
    """One record, its later columns left open."""
    own = draw(future_seconds) if future else -draw(past_seconds)
    row: Record = {}
    for column in table.columns:
        if column.name == table.time:
            row[column.name] = moment(column, own)
        elif column.name == "ends_on":
            row[column.name] = moment(column, max(own, draw(st.integers(-400 * DAY, 400 * DAY))))
        elif not column.known_at and column.name not in (table.key[0], "account_id"):
            row[column.name] = draw(values(column))
    return row


@st.composite
def filling(draw: st.DrawFn, table: Table, begins: pd.Timestamp, future: bool) -> Record:
    """The columns that are filled later: before as_of, or at or after it, or not at all."""
    row: Record = {}
    for name in sorted({column.known_at for column in table.columns if column.known_at}):
        column = table.column(name)
        if future and draw(st.booleans()):
            continue
        seconds = draw(future_seconds) if future else -draw(past_seconds)
        when = moment(column, seconds)
        if when < begins:
            continue
        row[name] = when
        payload = [other for other in table.columns if other.known_at == name and other.name != name]
        row |= {other.name: draw(values(other)) for other in payload}
    return row


@st.composite
def twins(draw: st.DrawFn) -> tuple[str, Record | None, Record | None]:
    """One record in both worlds with the same past, or a record of the future in one or both of them."""
    table = TABLES[draw(st.sampled_from(HISTORY))]
    if draw(st.integers(0, 2)):
        known = draw(record(table, False))
        begins = known[table.time]
        known |= draw(filling(table, begins, False)) if draw(st.booleans()) else {}
        return table.name, *(_completed(table, known, draw(filling(table, begins, True))) for _ in range(2))
    first, second = (draw(record(table, True)) for _ in range(2))
    first |= draw(filling(table, first[table.time], True))
    return table.name, first, draw(st.sampled_from([None, second]))


def _completed(table: Table, known: Record, later: Record) -> Record:
    """Fill from the future only what the past has not filled."""
    by = {column.name: column.known_at for column in table.columns}
    return known | {name: value for name, value in later.items() if by[name] not in known}
