"""What the crosswalk costs a book: rows whose accounts have no confirmed pair, and the accounts that wait for one.

In: the stored parts and the tables that were made of them, the links of the crosswalk. Out: warnings, and lists of
accounts. An account that has no pair loses its history: a silence in the book that was none in life.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import IDENTITIES, Mapping
from features.intake.language.typed_sql import long_id_sql, quoted
from features.intake.records.joined import UNLINKED, any_address
from features.intake.records.stored_part import FILE, REASON, ROW, StoredPart
from features.schema import Kind
from features.tables import TABLES
from features.validation.quoting import EXAMPLES

#: Accounts named in a list.
MOST_ACCOUNTS = 10
#: A table that keeps less than this share of its rows is warned of.
LEAST_KEPT = 0.5
#: More than this share of the ids without a pair must be known with 18 signs to be told so.
LEAST_LONG = 0.5


def lost_tables(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], path: Path, made: Sequence[str]
) -> list[Problem]:
    """Return a problem for each required table that the crosswalk has cost all its rows."""
    return [
        Problem(
            table,
            "account_id",
            f"none of the accounts of its rows has a confirmed pair in {path}",
            rows,
            _some_lost(connection, parts, table),
        )
        for table, systems in _lost(connection, parts).items()
        for rows in [sum(lost for _, lost, *_ in systems)]
        if TABLES[table].required and table not in made
    ]


def _some_lost(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], table: str) -> tuple[str, ...]:
    """Return places of rows that the crosswalk has cost a table."""
    selects = [
        f"SELECT {number} AS part, {FILE} AS file, {ROW} AS row, account_id FROM {part.stored} "
        f"WHERE {REASON} = {quoted(UNLINKED)}"
        for number, part in enumerate(parts)
        if part.table == table and "account_id" in part.columns
    ]
    rows = connection.execute(f"{' UNION ALL '.join(selects)} ORDER BY 1, 2, 3 LIMIT {EXAMPLES}").fetchall()
    return tuple(f"{parts[part].files[file].name} row {row}: {account}" for part, file, row, account in rows)


def crosswalk_warnings(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], path: Path, tables: Sequence[str]
) -> Iterator[str]:
    """Yield for each table and system that loses most of its rows to the crosswalk what is lost, and where to mend it.

    Parameters
    ----------
    path : Path
        Of the crosswalk.
    tables : sequence of str
        The tables of the book that were made.
    """
    for table, systems in _lost(connection, parts).items():
        for system, lost, kept, accounts, amount in systems:
            if lost <= (lost + kept) * (1 - LEAST_KEPT):
                continue
            away = "" if table in tables else f"; {table} is not written, being not known"
            money = f" with {amount} of revenue" if amount else _revenue_without(connection, system, tables)
            yield (
                f"{table}: {lost:,} of {lost + kept:,} rows of {system} are left out: their {accounts:,} accounts"
                f"{money} have no confirmed pair in {path}{_short_ids(connection, parts, table, system)}{away}"
            )


def _lost(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]
) -> dict[str, list[tuple[str, int, int, int, str | None]]]:
    """Return of each table and system: rows that are lost and kept, accounts that are lost, and their revenue."""
    united: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        if part.table in TABLES and part.part.system and "account_id" in part.columns:
            amount = "amount" if part.table == "invoices" and part.columns.get("amount") is Kind.NUMBER else "NULL"
            united.setdefault((part.table, part.part.system), []).append(
                f"SELECT account_id, {REASON} AS why, CAST({amount} AS DECIMAL(24, 6)) AS amount FROM {part.stored}"
            )
    found: dict[str, list[tuple[str, int, int, int, str | None]]] = {}
    for (table, system), selects in united.items():
        unlinked = f"FILTER (why = {quoted(UNLINKED)})"
        lost, kept, accounts, amount = connection.execute(
            f"SELECT count(*) {unlinked}, count(*) FILTER (why IS NULL), count(DISTINCT account_id) {unlinked}, "
            f"CAST(sum(amount) {unlinked} AS DECIMAL(24, 2))::VARCHAR FROM ({' UNION ALL '.join(selects)})"
        ).fetchone() or (0, 0, 0, None)
        if lost:
            found.setdefault(table, []).append((system, lost, kept, accounts, amount))
    return found


def _short_ids(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], table: str, system: str) -> str:
    """Return that most of the ids without a pair are known, but with the 18 signs of Salesforce; else nothing."""
    lost = " UNION ".join(
        f"SELECT account_id AS id FROM {part.stored} WHERE {REASON} = {quoted(UNLINKED)}"
        for part in parts
        if part.table == table and part.part.system == system and "account_id" in part.columns
    )
    known = ["SELECT id, system FROM links", *_own_ids(parts)]
    rows = connection.execute(
        f"WITH lost AS ({lost}), known AS (SELECT id, min(system) AS system FROM ({' UNION ALL '.join(known)}) "
        f"WHERE length(id) = 18 GROUP BY id) SELECT lost.id, known.id, known.system, count(known.id) OVER (), "
        f"(SELECT count(*) FROM lost) FROM lost JOIN known ON known.id = {long_id_sql('lost.id')} "
        "WHERE length(lost.id) = 15 ORDER BY 1 LIMIT 1"
    ).fetchall()
    if not rows or rows[0][3] <= rows[0][4] * LEAST_LONG:
        return ""
    short, long, other, count, _ = rows[0]
    of_other = "" if other in (None, system) else f" of {other}"
    return (
        f"; the crosswalk is not to blame: {count:,} of these ids have 15 signs, and the same{of_other} are known with "
        f"18, as {short!r}, which is {long!r}: account_id = {{ column = ..., long_id = true }} reads them so"
    )


def _own_ids(parts: Sequence[StoredPart]) -> Iterator[str]:
    """Yield the SQL of the ids that accounts and identities bear, with their system."""
    for part in parts:
        key = {"accounts": "account_id", IDENTITIES: "id"}.get(part.table)
        if key in part.columns:
            yield f"SELECT {key} AS id, {quoted(part.part.system or '')} AS system FROM {part.stored}"


def _revenue_without(connection: duckdb.DuckDBPyConnection, system: str, tables: Sequence[str]) -> str:
    """Return what the accounts of the book that have no pair in a system were billed."""
    if "invoices" not in tables:
        return ""
    count, revenue = connection.execute(
        "SELECT count(DISTINCT account_id), CAST(sum(CAST(amount AS DECIMAL(24, 6))) AS DECIMAL(24, 2))::VARCHAR "
        "FROM book_invoices WHERE account_id NOT IN (SELECT account_id FROM links WHERE system = ?)",
        [system],
    ).fetchone() or (0, None)
    return f" ({count:,} accounts of the book, with {revenue} of revenue, have none in {system})" if count else ""


def accounts_of_one_system(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, parts: Sequence[StoredPart], tables: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return accounts that only invoices name, and of each other system those without a pair, with their number."""
    found: dict[str, tuple[str, ...]] = {}
    if any(part.table == "accounts" for part in parts) and {"accounts", "invoices"} <= set(tables):
        rows = connection.execute(
            "SELECT account_id || ' (' || CAST(revenue AS DECIMAL(24, 2)) || ')', count(*) OVER () FROM (SELECT "
            "account_id, sum(CAST(amount AS DECIMAL(24, 6))) AS revenue FROM book_invoices JOIN book_accounts USING "
            "(account_id) WHERE _billed_only GROUP BY account_id) ORDER BY revenue DESC, account_id "
            f"LIMIT {MOST_ACCOUNTS}"
        ).fetchall()
        found |= _listed("only invoices name", rows)
    for system, selects in _described(mapping, parts).items():
        rows = connection.execute(
            f"WITH ids AS ({' UNION '.join(selects)}), waiting AS (SELECT DISTINCT CASE WHEN contains(id, '@') THEN "
            f"{any_address('id')} ELSE id END AS id FROM ids WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM links "
            f"WHERE system = $1)) SELECT id, count(*) OVER () FROM waiting WHERE id NOT IN (SELECT id FROM links WHERE "
            f"system = $1) ORDER BY id LIMIT {MOST_ACCOUNTS}",
            [system],
        ).fetchall()
        found |= _listed(f"of {system} have no confirmed pair", rows)
    return found


def _described(mapping: Mapping, parts: Sequence[StoredPart]) -> dict[str, list[str]]:
    """Return for each system but the master's the SQL of the ids that a source describes."""
    found: dict[str, list[str]] = {}
    for part in parts if mapping.book.master is not None else ():
        system = part.part.system
        if part.table == IDENTITIES and system not in (None, mapping.book.master):
            found.setdefault(str(system), []).append(f"SELECT id FROM {part.stored} WHERE {REASON} IS NULL")
    return found


def _listed(what: str, rows: Sequence[tuple[str, int]]) -> dict[str, tuple[str, ...]]:
    if not rows:
        return {}
    total = rows[0][1]
    return {f"{total:,} account{'s' * (total > 1)} {what}": tuple(row[0] for row in rows)}
