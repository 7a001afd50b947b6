"""The presets: a mapping file each, with the header by which its files are known, its facts and its questions.

In: the files of `presets/`. Out: a `Preset` each. A preset is a `[preset]` table, the line `#: mapping`, and then the
text that goes into a suggested mapping, with `files = []` for the files that were found.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.intake.language.mapping_model import Cell, SourceFiles

CUT = "#: mapping\n"
#: Kinds of files without anything above their records.
UNTITLED = ("jsonl", "ndjson", "json", "parquet")
#: What a preset rests on, as the user is told.
BASES = {
    "files": "files of this kind that were seen",
    "programs": "programs that read such files; none was seen",
    "documentation": "documentation only; no file of this kind was seen",
}


class Question(BaseModel):
    """What only a person can answer.

    Attributes
    ----------
    name : str
        The key under `[answers]`.
    ask : str
    kind : {"value", "zone", "date", "decimal", "column"}
        What the files are asked for: nothing, whether they name a zone, how dates are written, which sign stands before
        decimals, which columns there are.
    examples : tuple of str
        Columns of which rows are shown; `a|b` is the first that is there.
    near : tuple of str
        Parts of the names of columns that may be meant.
    ids_but : str or None
        The pattern of ids that the system itself gives: columns with other ids may be meant, too.
    about : tuple of str
        Words that begin in the name of a column which says just what is asked: the only one there is proposed.
    default : Any
        The usual answer.
    default_with : str or None
        The table that another file must fill for the usual answer to hold.
    default_without : Any
        The answer where no column may be meant; where one may, a person decides.
    holds : {"date", "score"} or None
        What stands in the columns that may be meant: days in all of them, or numbers from 0 to 10 in the likelier ones.
    rows_with : str or None
        The column, `a|b`, that is filled in records; where it is empty or holds asterisks, the row is a sum.
    digits : Cell or None
        The cell above the rows that says how many digits ledger accounts have: those of customers have one more, and
        begin with 1 to 6.
    apart : tuple of str
        Values of the first column that are known not to be meant. Where others stand there than these and those of the
        usual answer, a person decides.
    unless : str or None
        A column, `a|b`, that decides in place of the first one: where it is there, the usual answer holds.
    tally : bool
        Whether all values of the columns are shown with their rows, and with the sum of the amounts beside them.
    against, among : str or None
        Questions before this one, whose answers are the first and the last account of customers, and of revenue: what
        is booked against the first is shown, where the second is answered only that within it. The examples are then
        account, account of the other side, amount and side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    ask: str
    kind: Literal["value", "zone", "date", "decimal", "column"] = "value"
    examples: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    ids_but: str | None = None
    about: tuple[str, ...] = ()
    default: Any = None
    default_with: str | None = None
    default_without: Any = None
    holds: Literal["date", "score"] | None = None
    rows_with: str | None = None
    tally: bool = False
    digits: Cell | None = None
    apart: tuple[str, ...] = ()
    unless: str | None = None
    against: str | None = None
    among: str | None = None


class Preset(BaseModel):
    """One kind of file: how it is known, what it rests on, what it cannot say, and the text of its mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    basis: Literal["files", "programs", "documentation"]
    source: str
    facts: tuple[str, ...]
    cannot_know: tuple[str, ...]
    system: str
    after: str | None = None
    fingerprint: tuple[tuple[str, ...], ...] = ()
    ids: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    known: dict[str, dict[str, Any]] = {}
    questions: tuple[Question, ...] = Field(())
    body: str

    @cached_property
    def told(self) -> dict[str, Any]:
        """What its mapping says, with an empty list of files."""
        return tomllib.loads(self.body)

    @property
    def source_name(self) -> str:
        """The name of its source in the mapping."""
        return next(iter(self.told["sources"]))

    @property
    def fills(self) -> tuple[str, ...]:
        """The tables that it fills."""
        return tuple(self.told.get("tables", {}))

    def reader(self, file: str) -> SourceFiles:
        """Return how a file of this kind is read."""
        told = self.told["sources"][self.source_name]
        search = {} if told.get("format") in UNTITLED or not self.fingerprint else {"header_with": self.fingerprint}
        if file.lower().endswith(UNTITLED):
            search = {}
        return SourceFiles.model_validate({**told, **search, "files": [file]})

    @property
    def rows_above(self) -> int:
        """How many records files of this kind have before their rows."""
        told = self.told["sources"][self.source_name]
        return max(*told.get("header", [1]), told.get("ids_row", 1))

    def likeness(self, records: Sequence[Sequence[str]], listed: Sequence[Sequence[str]]) -> int:
        """Return how many marks of the preset a file has: all of them in one of its first records each, or none: 0.

        A record with a heading that the preset never has, as those of another kind of the same system, counts for none.

        Parameters
        ----------
        records, listed : sequence of sequence of str
            The first records of the file, and those of its lines that begin with a bar.
        """
        is_list = self.told["sources"][self.source_name].get("format") == "list"
        rows = [{cell.strip().lower() for cell in record} for record in (listed if is_list else records)]
        named = [{name.strip().lower() for name in names} for names in self.fingerprint]
        marked = [f'"importid":"{mark.lower()}"' for mark in self.ids]
        never = {name.lower() for name in self.never}
        has_names = any(all(names & row for names in named) and not never & row for row in rows)
        has_ids = any(all(any(mark in cell.replace(" ", "") for cell in row) for mark in marked) for row in rows)
        return len(named) + len(marked) if has_names and has_ids else 0


@cache
def presets() -> tuple[Preset, ...]:
    """Return all presets by name."""
    found = []
    for file in sorted(files("features.intake").joinpath("presets").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            head, _, body = file.read_text(encoding="utf-8").partition(CUT)
            found.append(Preset(name=file.name.removesuffix(".toml"), body=body, **tomllib.loads(head)["preset"]))
    return tuple(found)
