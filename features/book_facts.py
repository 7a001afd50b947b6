"""`book.toml`, beside the tables: what a source cannot say with its rows.

In: the file's text, or the same facts as plain values (`known` of a request). Out: `BookKnown`, and every problem.

    [surveys]
    invitations = false          # only answers were exported: who stayed silent is not known
    answered_at = "sent_at"      # the export has one time only

    [tickets]
    since = 2023-05-01           # when this source began
    until = 2025-06-30           # its last day

What is not known gives nulls, never zeros. `[fingerprints]` is what `import` writes, and is left alone here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from features.errors import Problem
from features.tables import TABLES, BookKnown, TableKnown

FILE = "book.toml"
FINGERPRINTS = "fingerprints"
DATES = ("since", "until")
#: The facts that each table may have.
FACTS: Mapping[str, tuple[str, ...]] = {
    name: (*DATES, "invitations", "answered_at") if name == "surveys" else DATES for name in TABLES
}


def read_book_facts(folder: Path) -> tuple[BookKnown, list[Problem]]:
    """Read the `book.toml` of a folder; without one nothing is said."""
    path = folder / FILE
    return read_book_file(path) if path.is_file() else (BookKnown(), [])


def read_book_file(path: Path) -> tuple[BookKnown, list[Problem]]:
    """Read a file as `book.toml`, whatever its name."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        return BookKnown(), [Problem(FILE, "", f"cannot be read: {error}")]
    return book_known({name: facts for name, facts in values.items() if name != FINGERPRINTS})


def book_known(values: Mapping[str, Any]) -> tuple[BookKnown, list[Problem]]:
    """Turn facts by table into what is known.

    Parameters
    ----------
    values : mapping
        Table name -> facts, as a TOML section or a JSON object gives them; a date may be a text.

    Returns
    -------
    BookKnown, list of Problem
        What the sound facts say, and a problem for every other one: an unknown section or key, or a value of another
        kind.
    """
    tables: dict[str, TableKnown] = {}
    problems: list[Problem] = []
    for name, facts in values.items():
        if name not in TABLES:
            problems.append(Problem(FILE, name, f"unknown; a section is named as a table: {', '.join(TABLES)}"))
        elif not isinstance(facts, Mapping):
            problems.append(Problem(FILE, name, f"a section of facts is expected, found {_shown(facts)}"))
        else:
            tables[name], wrong = _table_known(name, facts)
            problems += wrong
    return BookKnown(tables), problems


def _table_known(name: str, facts: Mapping[str, Any]) -> tuple[TableKnown, list[Problem]]:
    problems: list[Problem] = []
    sound: dict[str, Any] = {}
    for key, value in facts.items():
        try:
            sound |= _fact(name, key, value)
        except ValueError as error:
            problems.append(Problem(FILE, f"{name}.{key}", str(error)))
    known = TableKnown(**sound)
    if known.since is not None and known.until is not None and known.until < known.since:
        problems.append(Problem(FILE, f"{name}.until", f"{known.until} is before since, {known.since}"))
    return known, problems


def _fact(table: str, key: str, value: Any) -> dict[str, Any]:
    if key not in FACTS[table]:
        raise ValueError(f"unknown; {table} may have {', '.join(FACTS[table])}")
    if key in DATES:
        return {key: _date(value)}
    if key == "invitations":
        if not isinstance(value, bool):
            raise ValueError(f"true or false is expected, found {_shown(value)}")
        return {key: value}
    if value != "sent_at":
        raise ValueError(f'"sent_at" is expected, found {_shown(value)}')
    return {"answered_at_is_sent_at": True}


def _date(value: Any) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"a date is expected, as 2023-05-01, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
