"""A mapping to fill by hand, for files that no preset knows: the files with their headings, and the tables.

In: unknown files. Out: the text of a mapping, or of its part for those files where others are known. The tables are
comments until somebody says which heading each column is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from features.intake.asking.gross_amounts import gross_notes
from features.intake.asking.patterns import by_pattern
from features.intake.asking.recognising import UnknownFile
from features.intake.language.mapping_model import IDENTITIES
from features.schema import Kind
from features.tables import TABLES

VALUES = {
    Kind.DATE: '{ column = "?", date = "%d.%m.%Y" }',
    Kind.INSTANT: '{ column = "?", date = "%d.%m.%Y %H:%M", zone = "?" }',
    Kind.NUMBER: '{ column = "?", decimal = "," }',
}
PLAIN = '"?"'
ABOVE = (
    "# No file here is known by its header. docs/import.md says what a mapping may hold. For each table that a",
    '# file has, take away the marks of comment, name the source and put a heading in the place of each "?"; columns',
    "# that are not there are left out. Then: churn-risk import THIS-FILE --out BOOK",
)


#: Above the part of a mapping for the files that no preset knows. Two signs mark what stays a comment.
BESIDE = (
    "## No known file fills {lacking}, which a book must have. These files no preset knows: where one of them has it,",
    '## take away the marks "# ", name the source and put a heading in the place of each "?"; columns and tables that',
    "## are not there are left out. docs/import.md says what a mapping may hold.",
)
#: Whose ids the accounts of unknown files bear, until somebody gives it a better name.
OWN = "own"
IDENTITY = ("id", "name", "town", "vat", "email", "number")
#: Headings by which a header is found below titles.
MOST_NAMED = 3


def skeleton(files: Sequence[UnknownFile], named: str) -> str:
    """Return a mapping to fill, of files in a folder that it names so."""
    lines = [*ABOVE, "", "format = 1", f"folder = {json.dumps(named)}", ""]
    lines += [line.replace("## ", "# ", 1) for line in _sources(files, ())]
    for table in TABLES:
        lines += [f"# {line}" for line in _table(table, None)]
        lines.append("")
    return "\n".join(lines)


def lacking_tables(filled: Collection[str]) -> list[str]:
    """Return the tables that a book must have and that nothing fills; accounts are made of invoices."""
    lacking = [name for name, table in TABLES.items() if table.required and name not in filled]
    return lacking if "invoices" in lacking else []


def beside(files: Sequence[UnknownFile], filled: Collection[str], others: Collection[str]) -> Iterator[str]:
    """Yield the lines of a mapping for unknown files beside known ones, all of them comments.

    Parameters
    ----------
    files : sequence of UnknownFile
    filled : collection of str
        The tables that known files fill.
    others : collection of str
        The names of the known files, which no pattern may fit.
    """
    yield from (line.format(lacking=" and ".join(lacking_tables(filled))) for line in BESIDE)
    lines = ["", "[book]", f'master = "{OWN}"', "", *_sources(files, others), *_identities(), ""]
    for table in TABLES:
        if TABLES[table].required or table not in filled:
            lines += [*_table(table, OWN), ""]
    yield from (line if line.startswith("##") or not line else f"# {line}" for line in lines)


def _identities() -> Iterator[str]:
    yield from (f"[[{IDENTITIES}]]", 'from = "?"', f'system = "{OWN}"', 'many = "first"', f"[{IDENTITIES}.columns]")
    yield from (f"{name} = {PLAIN}" for name in IDENTITY)


def _table(table: str, system: str | None) -> Iterator[str]:
    yield from (f"[[tables.{table}]]", 'from = "?"')
    if system is not None:
        yield f'system = "{system}"'
        # Accounts often stand in every row of what they were billed.
        yield from ['many = "first"'] if table == "accounts" else []
    yield f"[tables.{table}.columns]"
    yield from (f"{column.name} = {VALUES.get(column.kind, PLAIN)}" for column in TABLES[table].columns)


def _sources(files: Sequence[UnknownFile], others: Collection[str]) -> Iterator[str]:
    """Yield a source for the files of each pattern that have the same headings."""
    alike: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for file in files:
        alike.setdefault((file.headings, file.is_below_titles), []).append(file.name)
    names: dict[str, int] = {}
    for (headings, is_below), own in alike.items():
        rest = [*others, *(file.name for file in files if file.name not in own)]
        for pattern, fitting in by_pattern(own, rest).items():
            plain = re.sub(r"\W+", "_", _stem(pattern, fitting).lower(), flags=re.ASCII).strip("_") or "file"
            names[plain] = names.get(plain, 0) + 1
            told = ", ".join(json.dumps(" ".join(heading.split()), ensure_ascii=False) for heading in headings)
            yield f"## {', '.join(' '.join(name.split()) for name in fitting)}: {told or 'no headings could be read'}"
            yield from (f"## {note}" for note in gross_notes(headings))
            yield from (f"## {note}" for note in _sheet_notes([file for file in files if file.name in fitting]))
            yield f"[sources.{plain if names[plain] == 1 else f'{plain}_{names[plain]}'}]"
            yield f"files = [{json.dumps(pattern, ensure_ascii=False)}]"
            if is_below:
                yield f"header_with = {json.dumps(_marks(headings), ensure_ascii=False)}"
            yield ""


def _sheet_notes(files: Sequence[UnknownFile]) -> Iterator[str]:
    """Yield which sheets of a file a source that names none does not read."""
    for file in files:
        if file.sheets:
            own = " ".join(file.name.split())
            named = ", ".join(json.dumps(" ".join(name.split()), ensure_ascii=False) for name in file.sheets)
            yield f"{own} has more sheets, each to be read by a source with sheet = NAME: {named}"


def _stem(pattern: str, fitting: Sequence[str]) -> str:
    """Return what the names of files of one pattern have in common, without their ending."""
    return (fitting[0] if len(fitting) == 1 else pattern.replace("[0-9]*", "")).rpartition(".")[0]


def _marks(headings: Sequence[str]) -> list[str]:
    """Return the first headings that are not empty, by which the header is found below its titles."""
    return [heading for heading in dict.fromkeys(each.strip() for each in headings) if heading][:MOST_NAMED]
