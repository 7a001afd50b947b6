"""What a part cannot read: texts that are no value, numbers that are not whole, cells that a pattern does not match.

In: a part that was run. Out: problems that quote the texts with their places, among the rows that are kept.
"""

from __future__ import annotations

from features.errors import Problem
from features.intake.files.reading import Workspace
from features.intake.language.told_by import at_answers, reading, whole_number
from features.intake.language.typed_sql import quoted
from features.intake.records.stored_part import (
    BROKEN,
    CELL,
    FILE,
    MADE,
    NO_ACCOUNT,
    NOT_FOOTER,
    ORDER,
    REASON,
    ROW,
    UNMATCHED,
    UNREAD,
    StoredPart,
)
from features.schema import Kind
from features.tables import TABLES
from features.validation.forms import told_apart
from features.validation.quoting import EXAMPLES, MOST_VALUES, shortened

#: From which share of cells without a match on it is another column that was meant.
NEARLY_ALL = 0.95
#: What the texts beside a number must be.
BESIDE_A_NUMBER = {
    "minus": "what is to be subtracted is no number as the mapping says",
    "tax_rate": "a tax rate from 0 to below 1 is expected: 0.19 is 19 % (divide_by = 100 makes 0.19 of 19)",
}


def misread_values(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return the problems of a part's values; where a pattern matches only some cells, the part notes a doubt."""
    return [
        *_unread(space, stored),
        *_broken(space, stored),
        *_beside(space, stored),
        *_unmatched(space, stored),
        *_unread_order(space, stored),
    ]


def _unread(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return a problem for each column with texts that cannot be read, among the rows that are kept."""
    problems = []
    for name, kind in stored.columns.items():
        if kind is Kind.TEXT:
            continue
        where = f'FROM {stored.stored} WHERE {REASON} IS NULL AND "{name}{UNREAD}" IS NOT NULL'
        (count,) = space.connection.execute(f"SELECT count(*) {where}").fetchone() or (0,)
        if not count:
            continue
        texts = space.connection.execute(
            f'SELECT "{name}{UNREAD}" AS text, count(*) {where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}'
        ).fetchall()
        places = space.connection.execute(
            f'SELECT {FILE}, {ROW}, "{name}{UNREAD}" {where} ORDER BY 1, 2 LIMIT {EXAMPLES}'
        ).fetchall()
        forms = told_apart(kind, texts)
        rule = f"cannot be read as the mapping says{reading(stored.part, name, kind)}{'; ' + forms if forms else ''}"
        ids = tuple(f"{stored.files[file].name} row {row}" for file, row, _ in places)
        problems.append(Problem(stored.table, name, rule, count, ids, tuple(shortened(text) for *_, text in places)))
    return problems


def _unread_order(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return a problem where the time by which versions are told cannot be read, of records with several rows."""
    if not (stored.part.orders_by_time and stored.key):
        return []
    unread = f"{ORDER}{UNREAD}"
    rows = space.connection.execute(
        f"SELECT {FILE}, {ROW}, {unread}, count(*) OVER () FROM (SELECT *, count(*) OVER (PARTITION BY "
        f"{', '.join(stored.key)}) AS versions FROM {stored.stored} WHERE {NOT_FOOTER}) WHERE versions > 1 "
        f"AND {unread} IS NOT NULL ORDER BY 1, 2 LIMIT {EXAMPLES}"
    ).fetchall() if _some(space, stored, unread) else []  # fmt: skip
    if not rows:
        return []
    rule = "a record has several rows, and the time that tells the newest cannot be read as the mapping says"
    ids = tuple(f"{stored.files[file].name} row {row}" for file, row, *_ in rows)
    return [Problem(stored.table, "order", rule, rows[0][3], ids, tuple(shortened(text) for _, _, text, _ in rows))]


def _some(space: Workspace, stored: StoredPart, column: str) -> bool:
    sql = f"SELECT 1 FROM {stored.stored} WHERE {column} IS NOT NULL LIMIT 1"
    return bool(space.connection.execute(sql).fetchall())


def _broken(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return a problem for each column of whole numbers of which the mapping makes numbers with decimals."""
    problems: list[Problem] = []
    for name, kind in stored.columns.items():
        if kind is not Kind.INTEGER:
            continue
        places, count = _quoted(space, stored, name + BROKEN, f"{REASON} IS NULL")
        if count:
            sql = f'SELECT min("{name}{MADE}") FROM {stored.stored} WHERE {REASON} IS NULL AND "{name}{BROKEN}" = ?'
            (made,) = space.connection.execute(sql, [places[1][0]]).fetchone() or ("",)
            rule = whole_number(stored.part, TABLES[stored.table].column(name), f"{made:g}")
            problems.append(Problem(stored.table, name, rule, count, *places))
    return problems


def _beside(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return a problem for each tax rate and each amount to subtract, told by rows, that cannot be one."""
    problems: list[Problem] = []
    for name in stored.columns:
        for beside, rule in BESIDE_A_NUMBER.items():
            if f"{name}__{beside}" in _stored_columns(space, stored):
                places, count = _quoted(space, stored, f"{name}__{beside}", f"{REASON} IS NULL")
                if count:
                    problems.append(
                        Problem(stored.table, f"{name}.{beside}", rule + at_answers(stored.part, name), count, *places)
                    )
    return problems


def _unmatched(space: Workspace, stored: StoredPart) -> list[Problem]:
    """Return a problem for each column whose pattern matches nearly no cell; where it matches some, note a doubt."""
    problems: list[Problem] = []
    for name in stored.columns:
        if name + UNMATCHED not in _stored_columns(space, stored):
            continue
        # Without an account a row is left out: the pattern may be why.
        kept = f"({REASON} IS NULL" + (f" OR {REASON} = {quoted(NO_ACCOUNT)})" if name == "account_id" else ")")
        places, lost = _quoted(space, stored, name + UNMATCHED, kept)
        (cells,) = space.connection.execute(
            f'SELECT count("{name}{CELL}") FROM {stored.stored} WHERE {kept}'
        ).fetchone() or (0,)
        if not lost:
            continue
        told = f"{lost:,} of {cells:,} cells do not match the pattern that takes the value from them, so they give none"
        is_other = lost >= NEARLY_ALL * cells
        rule = told + ("; is another column meant?" if is_other else "") + at_answers(stored.part, name)
        (problems if is_other else stored.doubts).append(Problem(stored.table, name, rule, lost, *places))
    return problems


def _stored_columns(space: Workspace, stored: StoredPart) -> set[str]:
    return {row[0] for row in space.connection.execute(f"DESCRIBE {stored.stored}").fetchall()}


def _quoted(
    space: Workspace, stored: StoredPart, column: str, kept: str
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], int]:
    """Return places and texts of up to five different texts in a column, and in how many rows there are some."""
    rows = space.connection.execute(
        f'SELECT min(({FILE}, {ROW})), "{column}", count(*) FROM {stored.stored} WHERE {kept} '
        f'AND "{column}" IS NOT NULL GROUP BY 2 ORDER BY 3 DESC, 1'
    ).fetchall()
    shown = rows[:EXAMPLES]
    ids = tuple(f"{stored.files[place[0]].name} row {place[1]}" for place, *_ in shown)
    return (ids, tuple(shortened(text) for _, text, _ in shown)), sum(count for *_, count in rows)
