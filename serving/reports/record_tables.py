"""Evidence as tables: evidence goes in, tables of text come out.

Every table says which rows are left out, or that its data are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from features.formulas.closing import MARK_HOURS
from serving.reports.rated import answers_shown
from serving.words.formats import NBSP, Formats
from serving.words.glossary import glossary
from serving.words.wording import page_texts

Tone = Literal["", "alert", "quiet", "key"]
#: Words and texts of more letters than this do not get a column of their width: addresses, what has no spaces, letters.
LONG_WORD, LONG_TEXT = 24, 200


@dataclass(frozen=True)
class Cell:
    """One cell; the tones `alert` and `quiet` only stress what the text says, `key` may break anywhere."""

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

    @property
    def long(self) -> bool:
        """Whether a text is so long that columns must not be as wide as it asks for: on paper they are fixed then.

        What lays out a PDF would measure such a text letter by letter, for minutes.
        """
        return any(_is_long(cell.text) for row in self.rows for cell in row)


def _is_long(text: str) -> bool:
    return len(text) > LONG_TEXT or any(len(word) > LONG_WORD for word in text.split())


Row = Mapping[str, Any]
#: One column: the key of its heading, whether it holds figures, and how a row fills it.
Spec = tuple[str, bool, Callable[["Cells", Row], Cell]]


class Cells:
    """Turns values of the evidence into cells of one language."""

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.words = page_texts(formats.lang)["evidence"]

    def text(self, value: str | None) -> Cell:
        """Return text from the book as it stands there."""
        return Cell(value) if value else self.unknown()

    def key(self, value: str | None) -> Cell:
        """Return an id or an address as it stands in the book, for who looks it up there."""
        return Cell(value, "key") if value else self.unknown()

    def called(self, subject: str, value: str | None) -> Cell:
        """Return a value as the glossary calls it in the reader's language; one without an entry as in the book."""
        return Cell(glossary().say(subject, value, self.formats.lang)) if value else self.unknown()

    def who(self, row: Row) -> Cell:
        """Return the role of who was asked, or that the survey was anonymous."""
        return Cell(self.words["anonymous"], "quiet") if row.get("anonymous") else self.called("role", row["role"])

    def by(self, row: Row) -> Cell:
        """Return name and role of who answered, or that the survey was anonymous."""
        role = self.who(row)
        return Cell(f"{row['name']}, {role.text}" if row["role"] else row["name"]) if row.get("name") else role

    def comment(self, row: Row) -> Cell:
        """Return what was said, or that nothing was."""
        return Cell(row["comment"]) if row["comment"] else Cell(self.words["no_comment"], "quiet")

    def day(self, value: str | None, absent: str = "not_known") -> Cell:
        """Return a date; `absent` is the key of the words for none."""
        return Cell(self.formats.day(value).replace(" ", NBSP)) if value else Cell(self.words[absent], "quiet")

    def flag(self, value: bool | None) -> Cell:
        """Return yes or no."""
        return self.unknown() if value is None else Cell(self.words["yes" if value else "no"])

    def money(self, value: float | None) -> Cell:
        """Return an amount."""
        return self.unknown() if value is None else Cell(self.formats.money(value))

    def change(self, value: float | None) -> Cell:
        """Return a signed percentage."""
        return self.unknown() if value is None else Cell(self.formats.percent(value, 1, signed=True))

    def waited(self, row: Row) -> Cell:
        """Return the span from opening to closing, or until now."""
        return Cell(self.formats.waited(row["opened_at"], row["hours"]))

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
        cell = self.called("severity", value)
        return Cell(cell.text, "alert") if value and value.casefold() in ("high", "critical") else cell

    def state(self, running: bool) -> Cell:
        """Return whether a term is running."""
        return Cell(self.words["running" if running else "ended"], "" if running else "quiet")

    def unknown(self) -> Cell:
        """Return the words for a value that is not known."""
        return Cell(self.words["not_known"], "quiet")


_OPEN: tuple[Spec, ...] = (
    ("opened", False, lambda c, r: c.day(r["opened_at"])),
    ("age", True, lambda c, r: c.waited(r)),
    ("mark", False, lambda c, r: c.mark(r["hours"])),
)
_CLOSED: tuple[Spec, ...] = (
    ("opened", False, lambda c, r: c.day(r["opened_at"])),
    ("closed", False, lambda c, r: c.day(r["closed_at"])),
    ("took", True, lambda c, r: c.waited(r)),
    ("mark", False, lambda c, r: c.mark(r["hours"])),
)
_LOOP: tuple[Spec, ...] = (("loop", False, lambda c, r: c.key(r.get("loop_id"))),)
_SURVEY: tuple[Spec, ...] = (("survey", False, lambda c, r: c.key(r.get("survey_id"))),)
_OF_LOOP: tuple[Spec, ...] = (
    ("level", False, lambda c, r: c.called("level", r["level"])),
    ("score", True, lambda c, r: c.score(r)),
)
_TICKET: tuple[Spec, ...] = (("ticket", False, lambda c, r: c.key(r.get("ticket_id"))),)
_OF_TICKET: tuple[Spec, ...] = (
    ("kind", False, lambda c, r: c.called("ticket_kind", r["kind"])),
    ("topic", False, lambda c, r: c.called("topic", r.get("topic"))),
    ("severity", False, lambda c, r: c.severity(r["severity"])),
)
SPECS: dict[str, tuple[Spec, ...]] = {
    "open_loops": _LOOP + _OPEN + _OF_LOOP,
    "closed_loops": _LOOP + _CLOSED + _OF_LOOP,
    "contacts": (
        ("name", False, lambda c, r: c.text(r.get("name"))),
        ("role", False, lambda c, r: c.called("role", r["role"])),
        ("decides", False, lambda c, r: c.flag(r["decision_maker"])),
        ("phone", False, lambda c, r: c.text(r.get("phone"))),
        ("email", False, lambda c, r: c.key(r.get("email"))),
        ("since", False, lambda c, r: c.day(r["valid_from"])),
        ("until", False, lambda c, r: c.day(r["valid_to"], "active")),
    ),
    "bounced_surveys": (
        *_SURVEY,
        ("sent", False, lambda c, r: c.day(r["sent_at"])),
        ("bounced", False, lambda c, r: c.day(r["bounced_at"])),
        ("kind", False, lambda c, r: c.called("survey_kind", r["kind"])),
        ("role", False, lambda c, r: c.who(r)),
    ),
    "contracts": (
        ("contract", False, lambda c, r: c.key(r.get("contract_id"))),
        ("starts", False, lambda c, r: c.day(r["starts_on"])),
        ("ends", False, lambda c, r: c.day(r["ends_on"])),
        ("annual_value", True, lambda c, r: c.money(r["annual_value"])),
        ("price_change", True, lambda c, r: c.change(r["price_change"])),
        ("state", False, lambda c, r: c.state(r["running"])),
    ),
    "open_tickets": _TICKET + _OPEN + _OF_TICKET,
    "closed_tickets": _TICKET + _CLOSED + _OF_TICKET,
    "actions": (
        ("day", False, lambda c, r: c.day(r["done_at"])),
        ("kind", False, lambda c, r: c.called("action_kind", r["kind"])),
        ("note", False, lambda c, r: c.text(r["note"])),
    ),
    "referrals": (
        ("referral", False, lambda c, r: c.key(r.get("referral_id"))),
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
    *_SURVEY,
    ("answered", False, lambda c, r: c.day(r["answered_at"])),
    ("kind", False, lambda c, r: c.called("survey_kind", r["kind"])),
    ("score", True, lambda c, r: c.score(r)),
    ("who", False, lambda c, r: c.by(r)),
    ("comment", False, lambda c, r: c.comment(r)),
)
ANSWERS: tuple[Spec, ...] = (
    *_SURVEY,
    ("sent", False, lambda c, r: c.day(r["sent_at"])),
    ("answered", False, lambda c, r: c.day(r["answered_at"], "not_known")),
    ("kind", False, lambda c, r: c.called("survey_kind", r["kind"])),
    ("role", False, lambda c, r: c.who(r)),
    ("score", True, lambda c, r: c.score(r)),
)


def evidence_tables(evidence: Row, formats: Formats) -> tuple[DataTable, ...]:
    """Return every table of the evidence; what contacts said comes third, after the feedback loops.

    An answer without a comment is said too: sentences quote its score. Invitations that bounced are shown where there
    are some: most sources do not say it, so that none is no fact.
    """
    words = page_texts(formats.lang)["evidence"]
    shown = [key for key in SPECS if key != "bounced_surveys" or (evidence.get(key) or {}).get("rows")]
    tables = [table(key, words[key], evidence.get(key), SPECS[key], formats) for key in shown]
    comments = None if evidence.get("surveys") is None else answers_shown(evidence)
    said = table("comments", words["comments"], comments, COMMENTS, formats)
    said = replace(said, note=f"{said.note} {words['chosen']}" if said.note else "")
    return (*tables[:2], said, *tables[2:])


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
