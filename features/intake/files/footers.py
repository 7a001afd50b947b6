"""Lines of a file that are no rows: sums and remarks, known by the patterns at `footer` of its source.

In: the patterns, and rows as DuckDB has them or lines that it could not cut. Out: SQL of the patterns that a row
matches. A match begins in the first cell, so that a word of a later cell leaves no record out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import duckdb

from features.intake.files.below_rows import Rejected, end_of_rows
from features.intake.files.reading import OpenFile
from features.intake.language.typed_sql import quoted

#: Bits of the number that says which patterns a row matches; patterns beyond them share the last one.
MOST_PATTERNS = 62


def footer_bits_sql(patterns: Sequence[str], cells: int, delimiter: str) -> str:
    """Return the SQL of a number whose bits say which patterns a row matches; 0 where it is no footer.

    Parameters
    ----------
    patterns : sequence of str
    cells : int
        How many columns, c0 and following, the row has.
    delimiter : str
        What stands between them in the file.
    """
    line = f" || {quoted(delimiter)} || ".join(f"coalesce(c{place}, '')" for place in range(cells))
    return _bits(patterns, f"({line})", "coalesce(c0, '')", delimiter)


def read_through(connection: duckdb.DuckDBPyConnection, files: Sequence[OpenFile]) -> Iterator[OpenFile]:
    """Yield files whose rows nobody maps, read to the end: DuckDB tells lines that are cut off while it reads."""
    for file in files:
        if file.rejects:
            with suppress(duckdb.Error):
                connection.execute(f"SELECT max(hash(f)) FROM {file.relation} AS f").fetchall()
                yield file


def rejected_lines(connection: duckdb.DuckDBPyConnection, file: OpenFile) -> tuple[list[Rejected], int, set[str]]:
    """Read the lines of a file that have too few or too many cells, and drop the tables that hold them.

    Returns
    -------
    list of Rejected, int, set of str
        The lines that are no footers and not empty; how many others there are; the patterns of footers that match.
        Where a pattern matches below the rows, lines of one cell there are footers, too, once a blank line or a match
        stands before them: the name of a report or a company, which no pattern foresees.
    """
    if not file.rejects:
        return [], 0, set()
    lines = connection.execute(
        "SELECT line, min(error_message), min(csv_line), min(line_byte_position) "
        f"FROM {file.rejects} GROUP BY line ORDER BY line"
    ).fetchall()
    connection.execute(f"DROP TABLE {file.rejects}")
    connection.execute(f"DROP TABLE {file.rejects}_scan")
    end = end_of_rows(file) if lines else None
    wrong, matched, is_apart, is_footed = list[Rejected](), set[str](), False, False
    bits_sql = _bits(file.footer, "line", "line", file.head.delimiter)
    apart: list[Rejected] = []
    for number, message, text, at in lines:
        plain = str(text).strip().strip('"')
        (bits,) = connection.execute(f"SELECT {bits_sql} FROM (SELECT {quoted(plain)} AS line)").fetchone() or (0,)
        matched |= matched_patterns(file.footer, int(bits))
        is_below = end is not None and at is not None and at >= end
        is_footed = is_footed or (is_below and bool(bits))
        is_apart = is_apart or (is_below and (bool(bits) or str(text).startswith(("\n", "\r"))))
        if plain and not bits:
            (apart if is_below and is_apart else wrong).append(Rejected(number, message, plain, is_below))
    wrong += [] if is_footed else apart
    return wrong, len(lines) - len(wrong), matched


def _bits(patterns: Sequence[str], line: str, first: str, delimiter: str) -> str:
    tests = []
    for place, pattern in enumerate(patterns):
        within = quoted(f"^[^{_escaped(delimiter)}]*(?:{pattern})")
        matches = f"regexp_matches({line}, {within}) OR regexp_matches({first}, {quoted(pattern)})"
        tests.append(f"CASE WHEN {matches} THEN {1 << min(place, MOST_PATTERNS)} ELSE 0 END")
    return f"CAST({' | '.join(tests)} AS BIGINT)" if tests else "CAST(0 AS BIGINT)"


def matched_patterns(patterns: Sequence[str], bits: int) -> set[str]:
    """Return the patterns of a number that `footer_bits_sql` gives.

    Examples
    --------
    >>> sorted(matched_patterns(["^Sum", "^Total", "^Note"], 5))
    ['^Note', '^Sum']
    """
    return {pattern for place, pattern in enumerate(patterns) if bits & (1 << min(place, MOST_PATTERNS))}


def _escaped(delimiter: str) -> str:
    return {"\t": "\\t", "\\": "\\\\", "]": "\\]", "^": "\\^", "-": "\\-"}.get(delimiter, delimiter)
