"""Evidence as tables: evidence goes in, tables of text come out.

Every table says which rows are left out, or that its data are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from features.formulas.closing import MARK_HOURS
from serving.words.formats import Formats
from serving.words.wording import page_texts

Tone = Literal["", "alert", "quiet"]


@dataclass(frozen=True)
class Cell:
    """One cell; the tones `alert` and `quiet` only stress what the text says."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """A column's heading and whether it holds figures."""

    heading: str
    figures: bool = False


@dataclass(frozen=True)
class DataTable:
    """A table, or a message in its place; `note` says how many rows are left out."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    message: str = ""
    note: str = ""
    known: bool = True


Row = Mapping[str, Any]
#: One column: the key of its heading, whether it holds figures, and how a row fills it.
Spec = tuple[str, bool, Callable[["Cells", Row], Cell]]


class Cells:
    """Turns values of the evidence into cells of one language."""

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        texts = page_texts(formats.lang)
        self.words, self.choices = texts["evidence"], texts["choices"]

    def text(self, value: str | None) -> Cell:
        """Return text from the book, with spaces for underscores."""
        return self.unknown() if not value else Cell(value.replace("_", " "))

    def choice(self, value: str | None) -> Cell:
        """Return one of the contract's choices in the reader's language; any other value as in the book."""
        return self.unknown() if not value else Cell(self.choices.get(value, value.replace("_", " ")))

    def day(self, value: str | None, absent: str = "not_known") -> Cell:
        """Return a date; `absent` is the key of the words for none."""
        return Cell(self.formats.day(value)) if value else Cell(self.words[absent], "quiet")

    def flag(self, value: bool | None) -> Cell:
        """Return yes or no."""
        return self.unknown() if value is None else Cell(self.words["yes" if value else "no"])

    def money(self, value: float | None) -> Cell:
        """Return an amount."""
        return self.unknown() if value is None else Cell(self.formats.money(value))

    def change(self, value: float | None) -> Cell:
        """Return a signed percentage."""
        return self.unknown() if value is None else Cell(self.formats.percent(value, 1, signed=True))

    def hours(self, value: float) -> Cell:
        """Return a span of hours."""
        return Cell(self.formats.hours(value))

    def mark(self, hours: float) -> Cell:
        """Return whether the 48-hour mark was kept."""
        late = hours > MARK_HOURS
        return Cell(self.words["overdue" if late else "in_time"], "alert" if late else "")

    def score(self, row: Row) -> Cell:
        """Return a survey's score; a detractor's is marked."""
        if row["score"] is None:
            return self.unknown()
        return Cell(f"{row['score']}/10", "alert" if row["category"] == "detractor" else "")

    def severity(self, value: str | None) -> Cell:
        """Return a ticket's severity; high and critical are marked."""
        cell = self.choice(value)
        return Cell(cell.text, "alert") if value in ("high", "critical") else cell

    def state(self, running: bool) -> Cell:
        """Return whether a term is running."""
        return Cell(self.words["running" if running else "ended"], "" if running else "quiet")

    def unknown(self) -> Cell:
        """Return the words for a value that is not known."""
        return Cell(self.words["not_known"], "quiet")


_OPEN: tuple[Spec, ...] = (
    ("opened", False, lambda c, r: c.day(r["opened_at"])),
    ("age", True, lambda c, r: c.hours(r["hours"])),
    ("mark", False, lambda c, r: c.mark(r["hours"])),
)
_CLOSED: tuple[Spec, ...] = (
    ("opened", False, lambda c, r: c.day(r["opened_at"])),
    ("closed", False, lambda c, r: c.day(r["closed_at"])),
    ("took", True, lambda c, r: c.hours(r["hours"])),
    ("mark", False, lambda c, r: c.mark(r["hours"])),
)
_OF_LOOP: tuple[Spec, ...] = (
    ("level", False, lambda c, r: c.choice(r["level"])),
    ("score", True, lambda c, r: c.score(r)),
)
_OF_TICKET: tuple[Spec, ...] = (
    ("kind", False, lambda c, r: c.text(r["kind"])),
    ("severity", False, lambda c, r: c.severity(r["severity"])),
)
SPECS: dict[str, tuple[Spec, ...]] = {
    "open_loops": _OPEN + _OF_LOOP,
    "closed_loops": _CLOSED + _OF_LOOP,
    "contacts": (
        ("role", False, lambda c, r: c.text(r["role"])),
        ("decides", False, lambda c, r: c.flag(r["decision_maker"])),
        ("since", False, lambda c, r: c.day(r["valid_from"])),
        ("until", False, lambda c, r: c.day(r["valid_to"], "active")),
    ),
    "contracts": (
        ("starts", False, lambda c, r: c.day(r["starts_on"])),
        ("ends", False, lambda c, r: c.day(r["ends_on"])),
        ("annual_value", True, lambda c, r: c.money(r["annual_value"])),
        ("price_change", True, lambda c, r: c.change(r["price_change"])),
        ("state", False, lambda c, r: c.state(r["running"])),
    ),
    "open_tickets": _OPEN + _OF_TICKET,
    "closed_tickets": _CLOSED + _OF_TICKET,
    "actions": (
        ("day", False, lambda c, r: c.day(r["done_at"])),
        ("kind", False, lambda c, r: c.text(r["kind"])),
        ("note", False, lambda c, r: c.text(r["note"])),
    ),
    "referrals": (
        ("day", False, lambda c, r: c.day(r["referred_at"])),
        ("contacted", False, lambda c, r: c.day(r["contacted_at"], "not_yet")),
        ("won", False, lambda c, r: c.day(r["won_at"], "not_yet")),
        ("revenue", True, lambda c, r: c.money(r["revenue"])),
    ),
    "memberships": (
        ("program", False, lambda c, r: c.text(r["program"])),
        ("joined", False, lambda c, r: c.day(r["joined_on"])),
        ("left", False, lambda c, r: c.day(r["left_on"], "active")),
    ),
}
COMMENTS: tuple[Spec, ...] = (
    ("answered", False, lambda c, r: c.day(r["answered_at"])),
    ("score", True, lambda c, r: c.score(r)),
    ("role", False, lambda c, r: c.text(r["role"])),
    ("comment", False, lambda c, r: Cell(r["comment"])),
)
ANSWERS: tuple[Spec, ...] = (
    ("sent", False, lambda c, r: c.day(r["sent_at"])),
    ("answered", False, lambda c, r: c.day(r["answered_at"], "not_known")),
    ("kind", False, lambda c, r: c.choice(r["kind"])),
    ("role", False, lambda c, r: c.text(r["role"])),
    ("score", True, lambda c, r: c.score(r)),
)


def evidence_tables(evidence: Row, formats: Formats) -> tuple[DataTable, ...]:
    """Return every table of the evidence; the comments come third, after the feedback loops."""
    words = page_texts(formats.lang)["evidence"]
    tables = [table(key, words[key], evidence.get(key), specs, formats) for key, specs in SPECS.items()]
    surveys = evidence.get("surveys")
    commented = [row for row in (surveys or {"rows": []})["rows"] if row["comment"]]
    comments = None if surveys is None else {"total": len(commented), "rows": commented[:8]}
    return (*tables[:2], table("comments", words["comments"], comments, COMMENTS, formats), *tables[2:])


def without_rows(tables: Sequence[DataTable], formats: Formats) -> tuple[str, ...]:
    """Return a line that names the tables without a row, and a line that names the tables not known."""
    words = page_texts(formats.lang)["evidence"]
    empty = [data_table.title for data_table in tables if data_table.known and not data_table.rows]
    missing = [data_table.title for data_table in tables if not data_table.known]
    return tuple(
        f"{words[key]} {', '.join(titles)}." for key, titles in (("empty", empty), ("missing", missing)) if titles
    )


def table(key: str, title: str, listing: Row | None, specs: tuple[Spec, ...], formats: Formats) -> DataTable:
    """Return one list of the evidence as a table.

    Parameters
    ----------
    key : str
        Key of the list in the evidence.
    title : str
    listing : mapping or None
        `rows`, and `total`, the number of rows before any were cut off. None: not known.
    specs : tuple of Spec
        One for each column.
    formats : Formats
        Language and currency of the report.
    """
    texts = page_texts(formats.lang)
    columns = tuple(Column(texts["columns"][heading], figures) for heading, figures, _ in specs)
    if listing is None or not listing["total"]:
        absent = listing is None
        message = texts["evidence"]["no_table" if absent else "no_row"]
        return DataTable(key, title, columns, (), message=message, known=not absent)
    cells = Cells(formats)
    rows = tuple(tuple(fill(cells, row) for _, _, fill in specs) for row in listing["rows"])
    shown = texts["evidence"]["shown"].format(shown=formats.number(len(rows)), total=formats.number(listing["total"]))
    return DataTable(key, title, columns, rows, note=shown if listing["total"] > len(rows) else "")
