"""A mapping to fill by hand, for a folder in which no file is known: its files with their headings, and the tables.

In: the names of the files with their headings. Out: the text of a mapping, whose tables are comments until somebody
says which heading each column is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from features.intake.asking.patterns import escaped
from features.schema import Kind
from features.tables import TABLES

#: The tables that most books have.
SHOWN = ("accounts", "invoices", "churns", "contracts", "contacts", "surveys", "tickets")
VALUES = {
    Kind.DATE: '{ column = "?", date = "%d.%m.%Y" }',
    Kind.INSTANT: '{ column = "?", date = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }',
    Kind.NUMBER: '{ column = "?", decimal = "," }',
}
PLAIN = '"?"'
ABOVE = (
    "# No file here is known by its header. docs/import.md says what a mapping may hold. For each table that a",
    '# file has, take away the marks of comment, name the source and put a heading in the place of each "?"; columns',
    "# that are not there are left out. Then: churn-risk import THIS-FILE --out BOOK",
)


def skeleton(files: Sequence[tuple[str, tuple[str, ...]]], named: str) -> str:
    """Return a mapping to fill, of files with their headings in a folder that it names so."""
    lines = [
        *ABOVE,
        "",
        "format = 1",
        f"folder = {json.dumps(named)}",
        "",
        *_sources(files),
    ]
    for table in SHOWN:
        lines += [f"# [[tables.{table}]]", '# from = "?"', f"# [tables.{table}.columns]"]
        lines += [f"# {column.name} = {VALUES.get(column.kind, PLAIN)}" for column in TABLES[table].columns]
        lines.append("")
    return "\n".join(lines)


def _sources(files: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    names: dict[str, int] = {}
    for file, headings in files:
        plain = re.sub(r"\W+", "_", file.rpartition(".")[0].lower(), flags=re.ASCII).strip("_") or "file"
        names[plain] = names.get(plain, 0) + 1
        source = plain if names[plain] == 1 else f"{plain}_{names[plain]}"
        told = ", ".join(json.dumps(" ".join(heading.split()), ensure_ascii=False) for heading in headings)
        yield f"# {' '.join(file.split())}: {told or 'no headings could be read'}"
        yield f"[sources.{source}]"
        yield f"files = [{json.dumps(escaped(file), ensure_ascii=False)}]"
        yield ""
