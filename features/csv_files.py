"""CSV that is safe to open in a spreadsheet: a text that a spreadsheet would take for a formula gets an apostrophe.

A frame goes in; lines of CSV come out. Every CSV file for people is written here. Numbers stay as they are, also
negative ones; only texts are looked at. With `raw`, for a program that reads the file, texts stay as they are too.

References
----------
OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import IO, Any
from unicodedata import normalize

import pandas as pd

#: What may stand between the columns of a source.
DELIMITERS = ",;\t|"
#: What begins a formula; the minus sign of typography counts in LibreOffice. Full-width forms are normalised to these.
FORMULA = frozenset("=+-@\N{MINUS SIGN}")
#: Blanks, control characters and characters without width, behind which a spreadsheet still sees a formula.
UNSEEN = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2060\ufeff]*")
#: A cell that begins so may be read as the beginning of another cell.
BREAKS = ("\t", "\r", "\n")


def write_csv(rows: pd.DataFrame, target: Path | IO[bytes], header: bool = True, raw: bool = False) -> None:
    """Write rows to a file, or to one that is open for writing bytes; `header` says whether the names come first."""
    names = _texts(rows)
    cells = rows if raw else rows.assign(**{name: rows[name].map(_safe) for name in names})
    # Python quotes a text with a carriage return only where lines end with one; unquoted, it would begin a row.
    breaks = any(isinstance(text, str) and "\r" in text for name in names for text in cells[name])
    cells.to_csv(target, index=False, header=header, lineterminator="\r\n" if breaks else "\n")


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> safe_text("=HYPERLINK(A1)"), safe_text(" ＝1+1"), safe_text("-2+3"), safe_text("Müller & Söhne")
    ("'=HYPERLINK(A1)", "' ＝1+1", "'-2+3", 'Müller & Söhne')
    """
    if text[:1].isalnum():
        return text
    first = text[UNSEEN.match(text).end() :][:1]  # type: ignore[union-attr]
    return f"'{text}" if text.startswith(BREAKS) or FORMULA & set(normalize("NFKC", first)) else text


def as_meant(text: str) -> str:
    """Return a text of a file for people without the apostrophe that `safe_text` put before it.

    Examples
    --------
    >>> as_meant("'=HYPERLINK(A1)"), as_meant("'s-Hertogenbosch"), as_meant("A1")
    ('=HYPERLINK(A1)', "'s-Hertogenbosch", 'A1')
    """
    bare = text[1:]
    return bare if text.startswith("'") and safe_text(bare) == text else text


def _texts(rows: pd.DataFrame) -> list[str]:
    return list(rows.select_dtypes(exclude=["number", "bool", "datetime"]).columns)


def _safe(value: Any) -> Any:
    return safe_text(value) if isinstance(value, str) else value


def header_of(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter and the column names of a file, read from its first line only; the rows play no part.

    Raises
    ------
    ValueError
        When the file is empty, or two columns have one name.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline()
    if not line.strip():
        raise ValueError("the file is empty; a line of column names is expected")
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter))
    lower = [name.strip().lower() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        raise ValueError(f"two columns have the same name: {', '.join(twice)}")
    return delimiter, names
