"""Lines below the rows of a file that have one cell only: the name of a report, a company, a remark.

In: lines that DuckDB could not cut, and the file. Out: which of them stand below the rows; a problem that says how they
are set aside. Lines of one cell elsewhere are rows that were cut off.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.errors import Problem
from features.intake.files.reading import OpenFile
from features.validation.quoting import EXAMPLES, shortened

#: Bytes at the end of a file among which such lines are looked for.
TAIL = 1 << 16
#: Signs that have a meaning in patterns, and what stands for them.
_SIGNS, _ESCAPED = r"([.^$*+?()\[\]{}|\\])", r"\\\1"


@dataclass(frozen=True)
class Rejected:
    """A line that could not be cut into the cells of a row.

    Attributes
    ----------
    number : int
    message : str
    text : str
        Without quotes around it.
    is_below : bool
        Whether it and all lines after it have one cell.
    """

    number: int
    message: str
    text: str
    is_below: bool = False


def end_of_rows(file: OpenFile) -> int | None:
    """Return the byte after the last line that has several cells; None where the text of the file is not known."""
    if file.text is None:
        return None
    size = file.text.stat().st_size
    with file.text.open("rb") as text:
        text.seek(max(0, size - TAIL))
        lines = text.read().split(b"\n")
    end = size + 1
    for line in reversed(lines):
        if _has_several_cells(line, file.head.delimiter):
            break
        end -= len(line) + 1
    return max(0, end)


def _has_several_cells(line: bytes, delimiter: str) -> bool:
    text = line.decode("utf-8", "replace").strip()
    try:
        return any(len(cells) > 1 for cells in csv.reader([text], delimiter=delimiter))
    except csv.Error:
        return True


def cut_off(file: OpenFile, source: str, lines: Sequence[Rejected]) -> Iterator[Problem]:
    """Yield a problem for the lines that are no rows, and one for those below the rows, with a footer for them."""
    for group in ([line for line in lines if not line.is_below], [line for line in lines if line.is_below]):
        if not group:
            continue
        shown = group[:EXAMPLES]
        rule = f"lines that cannot be read as rows: {shown[0].message}"
        if shown[0].is_below:
            patterns = ", ".join(_literal(f"^{re.sub(_SIGNS, _ESCAPED, line.text)}") for line in shown)
            rule = (
                "lines of one cell below the rows: where they are no rows that were cut off, but a footer, "
                f"footer = [{patterns}] at [sources.{source}], beside what stands there, leaves them out"
            )
        ids = tuple(f"line {line.number}" for line in shown)
        yield Problem(file.name, "", rule, len(group), ids, tuple(shortened(line.text) for line in shown))


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"
