"""What was meant: names of files, tables and columns that are near to those of the contract."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import PurePath

#: How alike two names must be, 0-1.
NEAR, MOST = 0.8, 12
#: Words of a name: `ClosedDate` and `closed_date` have the same two.
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: Ends of names that say what sort of time a column holds; words that another ending parts are one.
OF_TIMES, LEAST_STEM, LONGEST_ENDING = ("at", "on"), 3, 2
#: What stands before another end of a name is a schema: `staging.surveys`.
ENDINGS = (".csv", ".parquet", ".xlsx", ".xls", ".txt", ".tsv", ".json")


def near(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is most like a name, whatever its case; None where none is near.

    Examples
    --------
    >>> near("amount", ["Invoice", "Amout"]), near("amount", ["total"])
    ('Amout', None)
    """
    plain = {candidate.strip().lower(): candidate for candidate in candidates}
    found = get_close_matches(name, plain, n=1, cutoff=NEAR)
    return plain[found[0]] if found else None


def akin(name: str, candidates: Iterable[str]) -> str | None:
    """Return the first candidate that has all words of a name among its own, whatever their endings; None without one.

    Examples
    --------
    >>> akin("score", ["region", "npsScore"]), akin("ends_on", ["contract_end"]), akin("contact_id", ["contact_role"])
    ('npsScore', 'contract_end', None)
    """
    wanted = [word for word in _words(name) if word not in OF_TIMES]
    for candidate in candidates:
        words = _words(candidate)
        if wanted and all(any(_same_word(word, other) for other in words) for word in wanted):
            return candidate
    return None


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORDS.findall(name)]


def _same_word(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    stem = len(short) >= LEAST_STEM and long.startswith(short)
    return word == other or (stem and len(long) - len(short) <= LONGEST_ENDING)


def near_file(table: str, seen: Iterable[str]) -> str | None:
    """Return the file or table that is most like a table's name: `invoice.csv`, `sales.invoices`; None without one."""
    stems = {_stem(name): name for name in seen}
    found = near(table, stems)
    return None if found is None else stems[found]


def near_files(tables: Iterable[str], seen: Iterable[str]) -> dict[str, str]:
    """Return the file that each table may be; a file is that of one table, the one whose name it is most like.

    Examples
    --------
    >>> near_files(["contacts", "contracts"], ["contract.csv"])
    {'contracts': 'contract.csv'}
    """
    absent, files = list(tables), list(seen)
    found = {table: near_file(table, files) for table in absent}
    return {table: file for table, file in found.items() if file and near(_stem(file).lower(), absent) == table}


def of_this_place(seen: Iterable[str]) -> list[str]:
    """Return the files, and the tables of the schema that is read, without those of other schemas.

    Examples
    --------
    >>> of_this_place(["contract.csv", "ticket", "staging.surveys"])
    ['contract.csv', 'ticket']
    """
    return [name for name in seen if PurePath(name).suffix.lower() in ("", *ENDINGS)]


def _stem(name: str) -> str:
    """Return the name of a file without its ending, or of a table without its schema."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in ENDINGS else path.suffix[1:] or name


def meant(name: str, near_one: str | None, there: Collection[str], what: str) -> str:
    """Return the end of a message on a name that is absent: what was perhaps meant, or else what is there."""
    if near_one is not None:
        return f"; did you mean {near_one!r}?"
    if not there:
        return f"; there are no {what}"
    shown = ", ".join(list(there)[:MOST]) + (", ..." if len(there) > MOST else "")
    return f"; the {what} there: {shown}"
