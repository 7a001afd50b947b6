"""One record a key: which of the rows that tell of it counts, and where rows contradict each other about it.

In: stored parts. Out: rows left out that repeat a record, are other versions of it, or came before a version that is
left out; a doubt where one row keeps a record, another leaves it out by its state, and nothing tells which is newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import CURRENCY
from features.intake.language.typed_sql import quoted
from features.intake.records.several_rows import LINE
from features.intake.records.stored_part import FILE, ORDER, PLACE, REASON, ROW, TWICE, StoredPart
from features.tables import TABLES
from features.validation.quoting import EXAMPLES
from features.validation.rising_keys import rises

AGAIN = "the same record again"
VERSION = "another version of the record"
ENDED = "a version before one that is left out"
#: SQL that holds for no row.
NEVER = "(false)"
#: How many reasons a doubt names.
MOST_REASONS = 3
#: Table with the rows that are kept of records that another row leaves out.
_FOUND = "contradicted_rows"


def record_key(part: StoredPart) -> str:
    """Return the key of a part's records as SQL; without one, each row is a record."""
    return ", ".join(part.key) or ROW


def of_state(part: StoredPart) -> str:
    """Return SQL that holds for rows which are left out by a state of their record, such as void or lost.

    Where lines are added up, or further tables merged, a row that is left out is another kind of row, unless its rule
    says `is_state`.
    """
    usual = part.part.many not in ("sum", "merge")
    rules = [each for each in part.part.leave_out if (usual if each.is_state is None else each.is_state)]
    tests = [f"{REASON} = {quoted(rule.reason)}" for rule in rules]
    tests += [f"starts_with({REASON}, {quoted(rule.reason + ': ')})" for rule in rules if rule.name_value]
    return f"({' OR '.join(tests)})" if tests else NEVER


def leave_out_repeats(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> None:
    """Leave out the rows that repeat a record, or are not its first or last version."""
    many = part.part.many
    if many in ("sum", "merge"):
        return
    if many == "one":
        if not _is_each_once(connection, part):
            shown = ", ".join(f'"{name}"' for name in part.columns)
            _leave_out_turns(connection, part, AGAIN, shown, f"{FILE}, {ROW}")
    elif part.part.order is not None:
        if _is_each_once(connection, part) and (part.alone or of_state(part) == NEVER):
            return
        _leave_out_ended(connection, part)
        _leave_out_versions(connection, part)
    else:
        turned = " DESC" if many == "last" else ""
        _leave_out_turns(connection, part, LINE, record_key(part), f"{FILE}{turned}, {ROW}{turned}")


def _is_each_once(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> bool:
    """Return whether no record repeats among the rows that are kept."""
    key, kept, state = record_key(part), f"{part.stored} WHERE {REASON} IS NULL", of_state(part)
    if "," not in key:
        # Where the keys of rows left out by a state rise with the others, the same pass tells that none contradicts.
        if rises(connection, key, f"{kept} OR {state}"):
            part.rising.add(key)
            part.alone.add(key)
            return True
        if state != NEVER and rises(connection, key, kept):
            part.rising.add(key)
            return True
    (rows, keys) = connection.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM {kept}").fetchone() or (0, 0)
    return bool(rows == keys)


def _leave_out_turns(connection: duckdb.DuckDBPyConnection, part: StoredPart, reason: str, by: str, order: str) -> None:
    """Leave out all rows but the first of those that agree in `by`."""
    connection.execute(
        f"UPDATE {part.rows} SET {REASON} = {quoted(reason)} FROM (SELECT {PLACE} AS place, "
        f"row_number() OVER (PARTITION BY {by} ORDER BY {order}) AS nth FROM {part.stored} WHERE {REASON} IS NULL) "
        f"AS turn WHERE {part.rows}.rowid = turn.place AND turn.nth > 1"
    )


def _leave_out_ended(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> None:
    """Leave out the versions of a record that are older than one which a state leaves out: it was voided since."""
    if not part.key:
        return
    key = record_key(part)
    same = " AND ".join(f"{part.rows}.{name} = ended.{name}" for name in part.key)
    connection.execute(
        f"UPDATE {part.rows} SET {REASON} = {quoted(ENDED)} FROM (SELECT {key}, max(TRY_CAST({ORDER} AS DOUBLE)) AS "
        f"number, max({ORDER}) AS told FROM {part.stored} WHERE {of_state(part)} GROUP BY {key}) AS ended WHERE {same} "
        f"AND {part.rows}.{REASON} IS NULL AND coalesce(TRY_CAST({part.rows}.{ORDER} AS DOUBLE) < ended.number, "
        f"{part.rows}.{ORDER} < ended.told)"
    )


def _leave_out_versions(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> None:
    """Leave out all versions but the first or last; of equal order the rows of one file stand as they were written.

    Versions of equal order in two files stay where they differ, and are a problem: nothing tells the newer.
    """
    key, turned = record_key(part), " DESC" if part.part.many == "last" else ""
    shown = ", ".join(f'"{name}"' for name in part.columns)
    by_order = f"TRY_CAST({ORDER} AS DOUBLE){turned} NULLS LAST, {ORDER}{turned} NULLS LAST"
    connection.execute(
        f"UPDATE {part.rows} SET {REASON} = CASE WHEN turn.nth > 1 THEN {quoted(VERSION)} ELSE {quoted(AGAIN)} END "
        f"FROM (SELECT place, rank() OVER (PARTITION BY {key} ORDER BY later, {by_order}) AS nth, "
        f"row_number() OVER (PARTITION BY {key}, later, {ORDER}, {shown} ORDER BY place) AS copy "
        f"FROM (SELECT *, {PLACE} AS place, row_number() OVER (PARTITION BY {key}, {FILE} ORDER BY {by_order}, "
        f"{ROW}{turned}) > 1 AS later FROM {part.stored} WHERE {REASON} IS NULL)) AS turn "
        f"WHERE {part.rows}.rowid = turn.place AND (turn.nth > 1 OR turn.copy > 1)"
    )


def contradicted_records(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a doubt for each part with records that one row keeps and another leaves out by a state.

    Of a part whose rows are versions each row is asked; of one whose rows are lines each file: lines of another kind
    stand beside those that count.
    """
    for part in parts:
        by_rows = part.part.many == "one" or part.part.order is not None
        if part.table not in TABLES or not part.key or part.alone or not (by_rows or len(part.files) > 1):
            continue
        some = f"SELECT 1 FROM {part.stored} WHERE {of_state(part)} LIMIT 1"
        if of_state(part) == NEVER or not connection.execute(some).fetchall():
            continue
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_FOUND} AS {_contradicted_sql(part, by_rows)}")
        key = ", ".join(part.key)
        ((records,),) = connection.execute(f"SELECT count(DISTINCT ({key})) FROM {_FOUND}").fetchall()
        if records:
            yield _doubt(connection, part, records)


def _contradicted_sql(part: StoredPart, by_rows: bool) -> str:
    """Return SQL of the rows that are kept of a contradicted record, with the last row that leaves it out."""
    same = " AND ".join(f"kept.{name} = gone.{name}" for name in part.key)
    where = ""
    if part.part.order is not None:
        newer = f"TRY_CAST(kept.{ORDER} AS DOUBLE) > TRY_CAST(gone.{ORDER} AS DOUBLE), kept.{ORDER} > gone.{ORDER}"
        where = f" AND NOT coalesce({newer}, false)"
    if not by_rows:
        also = " AND ".join(f"line.{name} = gone.{name}" for name in part.key)
        counts = ", ".join(quoted(each) for each in (LINE, AGAIN, TWICE))
        where = (
            f" AND kept.{FILE} <> gone.{FILE} AND NOT EXISTS (SELECT 1 FROM {part.stored} AS line WHERE {also} "
            f"AND line.{FILE} = gone.{FILE} AND (line.{REASON} IS NULL OR line.{REASON} IN ({counts})))"
        )
    gone = f"(SELECT {', '.join(part.key)}, {FILE}, {ROW}, {REASON}, {ORDER} FROM {part.stored} WHERE {of_state(part)})"
    return (
        f"SELECT kept.*, gone.{FILE} AS gone_file, gone.{ROW} AS gone_row, gone.{REASON} AS gone_by FROM {part.stored} "
        f"AS kept JOIN {gone} AS gone ON {same} WHERE kept.{REASON} IS NULL{where} QUALIFY row_number() OVER "
        f"(PARTITION BY kept.{PLACE} ORDER BY gone.{FILE} DESC, gone.{ROW} DESC) = 1"
    )


def _doubt(connection: duckdb.DuckDBPyConnection, part: StoredPart, records: int) -> Problem:
    """Return the doubt about the contradicted records that were found in a part."""
    reasons = connection.execute(
        f"SELECT gone_by FROM {_FOUND} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MOST_REASONS}"
    ).fetchall()
    sums = [told for name in part.amounts for told in _sums(connection, part, name)]
    rows = connection.execute(
        f"SELECT {part.key[0]}::VARCHAR, {FILE}, {ROW}, gone_file, gone_row FROM {_FOUND} "
        f"ORDER BY 2, 3 LIMIT {EXAMPLES}"
    ).fetchall()
    files = [file.name for file in part.files]
    ids = tuple(
        f"{record}: {files[file]} row {row} counts, {files[gone]} row {gone_row} does not"
        for record, file, row, gone, gone_row in rows
    )
    one = records == 1
    order = "the column of order does not tell" if part.part.order is not None else "nothing tells"
    told = f"{records:,} record{' is' if one else 's are'} kept by one row and left out by another as "
    rule = (
        f"{told}{' or '.join(repr(reason) for (reason,) in reasons)}, and {order} which is newer: "
        f"{'it counts' if one else 'they count'}{', ' + ' and '.join(sums) if sums else ''}. Take the newer file only, "
        'or name the column with the time of the last change: many = "last" with order. Rows that are no version of '
        "the record whose key they bear: is_state = false beside their reason"
    )
    return Problem(part.table, part.part.source, rule, records, ids)


def _sums(connection: duckdb.DuckDBPyConnection, part: StoredPart, name: str) -> Iterator[str]:
    """Yield the sum of an amount of the records that were found, to the cent, for each currency."""
    currency = CURRENCY if CURRENCY in part.columns else "NULL"
    rows = connection.execute(
        f"SELECT {currency}, CAST(sum(CAST({name} AS DECIMAL(24, 6))) AS DECIMAL(24, 2)) FROM {_FOUND} "
        f"WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    for code, total in rows:
        yield f"{total} {code} of {name}" if code else f"{total} of {name}"
