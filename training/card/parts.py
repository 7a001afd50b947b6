"""The parts of a card: sections of sentences and tables, with plain text in every cell, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from training.card.drawing import Drawing
from training.card.figures import DASH

Tone = Literal["", "ahead", "behind", "chosen", "quiet"]


@dataclass(frozen=True)
class Cell:
    """A cell; `tone` only colours what the text already says."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """A column; figures are aligned to the right."""

    heading: str
    figures: bool = True


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it.

    Attributes
    ----------
    key : str
        Unique on the card.
    drawing : Drawing or None
        Drawn beside the names in HTML, one mark a row; a column holds its figures too.
    folded : bool
        Whether the reader opens it on demand; it is always printed.
    facts : bool
        Whether it is a list of names and values, so that its headings say nothing.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    drawing: Drawing | None = None
    folded: bool = False
    facts: bool = False


@dataclass(frozen=True)
class Section:
    """A section: a lead, further sentences, then tables."""

    key: str
    title: str
    lead: str = ""
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def make_table(
    key: str,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Cell]],
    *,
    words: Sequence[int] = (),
    note: str = "",
    unknown: str = "",
    drawing: Drawing | None = None,
    folded: bool = False,
) -> Table:
    """Return a table of text.

    Parameters
    ----------
    key : str
        Unique on the card.
    title : str
    headings : sequence of str
        One for each column.
    rows : iterable of sequences of str or Cell
        One cell for each heading; the first cell names the row.
    words : sequence of int
        Indices of the columns that hold words, apart from column 0; all other columns hold figures.
    note : str
        Shown below the table.
    unknown : str
        Why a figure may not be known; shown below the table if a cell has a dash.
    drawing : Drawing, optional
        One mark for each row. The rows hold its figures with their intervals, and the note says so.
    folded : bool
        Whether the reader opens the table on demand.

    Raises
    ------
    ValueError
        When a row does not have one cell for each heading.
    """
    cell_rows = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    if any(len(row) != len(headings) for row in cell_rows):
        raise ValueError(f"table {key!r}: every row must have {len(headings)} cells")
    intervals = "In brackets: 95 % intervals." if drawing else ""
    dashed = any(DASH in cell.text for row in cell_rows for cell in row)
    notes = [note, intervals, f"{DASH} not known: {unknown}." if dashed else ""]
    return Table(
        key=key,
        title=title,
        columns=tuple(Column(name, at not in (0, *words)) for at, name in enumerate(headings)),
        rows=cell_rows,
        note=" ".join(filter(None, notes)),
        drawing=drawing,
        folded=folded,
    )


def facts_table(key: str, title: str, facts: Iterable[tuple[str, str]], folded: bool = False) -> Table:
    """Return a table of names and values.

    Parameters
    ----------
    key : str
        Unique on the card.
    title : str
    facts : iterable of (name, value)
    folded : bool
        Whether the reader opens the table on demand.
    """
    table = make_table(key, title, ("Fact", "Value"), facts, words=(1,), folded=folded)
    return replace(table, facts=True)
