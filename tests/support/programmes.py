"""Small books for the tests of the programme's figures, without the query of the signals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import pandas as pd

from features.figures.figure import all_figures
from features.figures.measuring import measure
from features.sources import connect
from features.tables import TABLES, BookKnown, Tables
from support.books import arrow


def book_of(
    frames: Mapping[str, pd.DataFrame], missing: Collection[str] = (), known: BookKnown | None = None
) -> Tables:
    """Return a book of data frames; a table that is not given is there and empty unless it is missing."""
    connection = connect()
    tables = {}
    for name, table in TABLES.items():
        if name in frames and len(frames[name]):
            tables[name] = connection.create_table(name, arrow(table, frames[name]))
        else:
            tables[name] = connection.create_table(name, schema=table.schema)
    return Tables(tables, frozenset(missing), known=known or BookKnown())


def rows_of(columns: str, *rows: Sequence[object]) -> pd.DataFrame:
    """Return a frame of rows written by hand, its columns named in one text."""
    return pd.DataFrame(list(rows), columns=columns.split(), dtype=object)


def at(book: Tables, day: date, *names: str, split: str | None = None) -> pd.DataFrame:
    """Return some figures at one date; all whose names begin as given."""
    chosen = [figure for figure in all_figures() if figure.name.startswith(names)]
    return measure(book, [day], chosen, [split] if split else [])


def values(book: Tables, day: date, *names: str) -> dict[str, float]:
    """Return the values of some figures of the whole book."""
    found = at(book, day, *names)
    return dict(zip(found["figure"], found["value"], strict=True))
