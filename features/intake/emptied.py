"""Tables of which a filter of the mapping keeps no row: which one, and what stands where it looks.

In: the stored parts, and the files they were made of. Out: problems and warnings that name the reasons with their rows,
and the most frequent values of the columns that the filter tests. Whoever reads them sees the account that is revenue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import LeaveOut, Part, Value
from features.intake.language.typed_sql import quoted
from features.intake.records.joined import NO_CUSTOMER, UNLINKED
from features.intake.records.stored_part import REASON, StoredPart
from features.tables import TABLES
from features.validation.quoting import shortened

#: Reasons, and values of a column, that are named.
MOST_REASONS, MOST_SHOWN = 3, 3

Range = tuple[float, float]


def emptied_tables(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> list[Problem]:
    """Return a problem for each table whose files have rows, none of which is kept, be there pairs or not."""
    found = []
    for table in dict.fromkeys(part.table for part in parts if part.table in TABLES):
        own = [part for part in parts if part.table == table]
        if any(part.keeps_some(connection) for part in own):
            continue
        reasons = [_reasons(connection, part) for part in own]
        if not any(reasons):
            sources = ", ".join(dict.fromkeys(part.part.source for part in own))
            found.append(Problem(table, "", f"{sources} has no row below its header"))
        elif any(each and set(each) != {UNLINKED} for each in reasons):
            told = [_told(connection, part, each) for part, each in zip(own, reasons, strict=True) if each]
            found.append(Problem(table, "", "; ".join(told)))
    return found


def stranger_tables(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[str]:
    """Yield a warning for each table of which every row is of an account that the book does not have."""
    for table in dict.fromkeys(part.table for part in parts if part.table in TABLES and part.table != "accounts"):
        own = [part for part in parts if part.table == table and "account_id" in part.columns]
        if not own or any(part.keeps_some(connection) for part in own):
            continue
        rows = " UNION ALL ".join(f"SELECT account_id, {REASON} AS reason FROM {part.stored}" for part in own)
        (lost,) = connection.execute(
            f"SELECT count(*) FROM ({rows}) WHERE reason = {quoted(NO_CUSTOMER)}"
        ).fetchone() or (0,)
        if not lost:
            continue
        theirs = _some(connection, f"(SELECT account_id FROM ({rows}) WHERE reason = {quoted(NO_CUSTOMER)})")
        yield (
            f"{table}: all {lost:,} rows are of accounts that the book does not have, as {theirs} (it has "
            f"{_some(connection, 'book_accounts')}); {table} is not written, being not known"
        )


def _some(connection: duckdb.DuckDBPyConnection, accounts: str) -> str:
    rows = connection.execute(f"SELECT DISTINCT account_id FROM {accounts} ORDER BY 1 LIMIT {MOST_SHOWN}").fetchall()
    return ", ".join(repr(shortened(account)) for (account,) in rows) or "none"


def _reasons(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> dict[str | None, int]:
    """Return the rows of a part by the reason for which they are left out; None: they are kept."""
    rows = connection.execute(f"SELECT {REASON}, count(*) FROM {part.stored} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    return dict(rows)


def _told(connection: duckdb.DuckDBPyConnection, part: StoredPart, reasons: dict[str | None, int]) -> str:
    shown = ", ".join(f"{count:,} {reason!r}" for reason, count in [*reasons.items()][:MOST_REASONS])
    told = [f"{part.part.source} keeps none of its {sum(reasons.values()):,} rows: {shown}"]
    for rule in part.part.leave_out:
        if any(
            reason == rule.reason or (rule.name_value and str(reason).startswith(rule.reason)) for reason in reasons
        ):
            told += _looked_at(connection, part, rule)
    return "; ".join(told)


def _looked_at(connection: duckdb.DuckDBPyConnection, part: StoredPart, rule: LeaveOut) -> Iterator[str]:
    """Yield what a filter wants of its columns, and what stands most often in them."""
    leaves = list(_leaves(rule.when, part.part))
    columns = list(dict.fromkeys(column for names, _, _ in leaves for column in names))
    ranges = {between for _, between, _ in leaves if between is not None}
    others = {each for each in _ranges(part.part) if each not in ranges}
    counted = _counted(connection, part, columns, sorted(others))
    if not counted:
        return
    wanted = ""
    if ranges and rule.is_empty:
        wanted = " is wanted from " + " or ".join(f"{low:g} to {high:g}" for low, high in sorted(ranges))
    elif rule.is_not_in is not None:
        wanted = f" is wanted to be one of {', '.join(map(repr, rule.is_not_in))}"
    answers = dict.fromkeys(each for *_, names in leaves for each in names)
    answers |= dict.fromkeys(part.part.told_by.get(f"leave_out.{rule.reason}", ()))
    where = f" ({', '.join(f'answers.{each}' for each in answers)})" if answers and wanted else ""
    headings = dict.fromkeys(heading for heading, *_ in counted)
    rows = "; most often it is " if wanted else " is most often "
    shown = ", ".join(f"{shortened(value)!r} ({count:,})" for _, value, count in counted[:MOST_SHOWN])
    yield f"{' or '.join(headings)}{wanted}{where}{rows}{shown}"


def _leaves(value: Value, part: Part) -> Iterator[tuple[tuple[str, ...], Range | None, tuple[str, ...]]]:
    """Yield the columns that a value is taken from, with the range that it must lie in and the answers it rests on."""
    inner = [*(value.first_of or ()), *(value.join or ())]
    names: tuple[str, ...] = ()
    if value.let is not None and value.let in part.let:
        names = part.told_by.get(f"let.{value.let}", ())
        inner = [part.let[value.let]]
    if value.column is not None:
        yield value.column, value.between, ()
    for each in inner:
        for columns, between, answers in _leaves(each, part):
            yield columns, between or value.between, (*answers, *names)


def _ranges(part: Part) -> Iterator[Range]:
    """Yield the ranges that other values of a part must lie in: what lies there is no candidate."""
    for value in part.let.values():
        if value.between is not None:
            yield value.between


def _counted(
    connection: duckdb.DuckDBPyConnection, part: StoredPart, columns: Sequence[str], others: Sequence[Range]
) -> list[tuple[str, str, int]]:
    """Return heading, value and rows of the most frequent values of some columns, without those of other ranges."""
    selects = []
    for file in part.files:
        for column in columns:
            place = file.head.position([column])
            if place is not None:
                heading = quoted(file.head.headings[place])
                selects.append(f"SELECT {heading} AS heading, trim(c{place}) AS v FROM {file.relation}")
    if not selects:
        return []
    apart = "".join(f" AND NOT coalesce(TRY_CAST(v AS DOUBLE) BETWEEN {low} AND {high}, false)" for low, high in others)
    return connection.execute(
        f"SELECT min(heading), v, count(*) FROM ({' UNION ALL '.join(selects)}) WHERE v <> ''{apart} "
        f"GROUP BY v ORDER BY 3 DESC, 2 LIMIT {MOST_SHOWN}"
    ).fetchall()
