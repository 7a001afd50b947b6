"""What a card is made of: sections of sentences and tables, plain text in every cell, ready to be put on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from training.card.drawing import Drawing
from training.card.figures import DASH

Tone = Literal["", "ahead", "behind", "chosen", "quiet"]


@dataclass(frozen=True)
class Cell:
    """A cell; `tone` only colours what the text says too."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """A column; figures are set to the right."""

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
        Drawn beside the names in HTML, one mark a row; its figures stand in a column too.
    folded : bool
        Whether it is opened on demand; printed all the same.
    facts : bool
        Whether it is a list of names and what is said of them, whose headings tell nothing.
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
    """A section: what is to be known first, sentences, then tables."""

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
    words : sequence of int
        Columns of words beside the first; all others hold figures.
    drawing : Drawing, optional
        Its figures stand in the rows with their intervals, as the note says.
    unknown : str
        Why a figure may not be known; said below the table where a cell has a dash.
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
    """Return a table of names and what is to be said of them."""
    table = make_table(key, title, ("Fact", "Value"), facts, words=(1,), folded=folded)
    return replace(table, facts=True)
