"""What is asked of a book's figures, checked in one pass: figures, split, dates.

In: what the user typed. Out: a list of problems, and the dates of a series.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from difflib import get_close_matches

from features.figures.figure import Figure, all_figures, figure_names
from features.figures.measuring import record_splits
from features.figures.programme import ACCOUNT_SPLITS, months_before
from features.recording import recording
from features.tables import Tables

#: The most dates of a series.
MOST_MONTHS = 120


def splits() -> tuple[str, ...]:
    """Return every split that some figure has."""
    return (*ACCOUNT_SPLITS, *record_splits())


def series(tables: Tables, as_of: date) -> list[date]:
    """Return as_of and every date whole months before it at which the book was recorded already, rising."""
    book = recording(tables, as_of).book
    days = (months_before(as_of, months) for months in range(MOST_MONTHS))
    return sorted(day for day in days if day == as_of or (book is not None and day > book.first))


def problems_of_names(names: Sequence[str], split: str | None) -> list[str]:
    """Return what is wrong with the names of figures and split, without looking at a book."""
    wrong = [f"--figure {name!r}: {no_such_figure(name)}" for name in names if name not in figure_names()]
    if split is not None and split not in splits():
        wrong.append(f"--by {split!r}: there is no such split; there are {', '.join(splits())}")
    return wrong


#: So many days without a record are usual at the end of any book.
QUIET_DAYS = 7


def problems_of_date(tables: Tables, as_of: date) -> list[str]:
    """Return what is wrong with an as-of date: it lies before the book's records or after their end."""
    book = recording(tables).book
    if book is None:
        return ["the book holds no record of anything that happened"]
    if as_of <= book.first:
        return [f"--as-of {as_of}: lies before the records, which begin {book.first}"]
    # A weekend or a quiet week before the turn of a year is no end of the data.
    latest = book.last + timedelta(days=max(QUIET_DAYS, book.longest_gap))
    if as_of > latest:
        return [
            f"--as-of {as_of}: lies after the data, which end {book.last}; {latest} is the latest that can be asked"
        ]
    return []


def chosen(names: Sequence[str]) -> list[Figure]:
    """Return the figures of these names, in their own order; all without a name."""
    return [figure for figure in all_figures() if not names or figure.name in names]


def no_such_figure(name: str) -> str:
    """Return what to say of a name that no figure has, with those that come near."""
    return f"there is no such figure{_meant(name, figure_names())}"


def _meant(name: str, names: Sequence[str]) -> str:
    near = [each for each in names if name in each.split("_")][:3] or get_close_matches(name, names, n=3)
    return f"; is it {' or '.join(near)}?" if near else ""
