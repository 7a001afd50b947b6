"""What an import says of itself: a plain record first, words later.

In: the stored parts and the tables that were made of them. Out: `ImportReport`: rows read, kept and left out by reason
with places; records by month; revenue by year to the cent; accounts of one system only; what will be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from features.intake.asking.unread import UnreadFile
from features.intake.crosswalk import Pair
from features.intake.crosswalk_report import accounts_of_one_system
from features.intake.language.mapping_file import parts_of
from features.intake.language.mapping_model import Mapping
from features.intake.language.typed_sql import quoted
from features.intake.records.several_rows import LINE
from features.intake.records.stored_part import FILE, FOOTER, PLACE, REASON, ROW, StoredPart
from features.intake.remembered import Remembered
from features.schema import Kind
from features.tables import OPTIONAL_HISTORY, TABLES
from features.validation.cut_exports import is_limit
from features.validation.quoting import EXAMPLES


@dataclass(frozen=True)
class LeftOut:
    """Rows of a file that are left out for one reason: how many, their amounts to the cent, up to five places."""

    reason: str
    rows: int
    amount: str | None
    places: tuple[str, ...]


@dataclass(frozen=True)
class FileReport:
    """What became of the rows of one file in one table."""

    file: str
    table: str
    rows: int
    kept: int
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ImportReport:
    """The report of an import.

    Attributes
    ----------
    files : tuple of FileReport
    records : dict of table to int
    by_month : dict of table to dict of month to int
    revenue_by_year : dict of year to str
        Two decimals; a text, so that nothing rounds it.
    gross : tuple of str
        How amounts were made net.
    one_system_only : dict of str to tuple of str
        What is found in one system only, with some of the accounts, those of the highest revenue first.
    unknown : tuple of str
        What the book cannot say.
    proposals : int
        Pairs that wait in the crosswalk for somebody's yes.
    crosswalk : str
        The path of the crosswalk.
    warnings : tuple of str
    unread : tuple of UnreadFile
        Files of the folder that no source reads.
    assumed : tuple of str
        Questions whose answer is empty, with the columns that rest on it.
    """

    files: tuple[FileReport, ...]
    records: dict[str, int]
    by_month: dict[str, dict[str, int]]
    revenue_by_year: dict[str, str]
    gross: tuple[str, ...]
    one_system_only: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    proposals: int
    crosswalk: str
    warnings: tuple[str, ...]
    unread: tuple[UnreadFile, ...] = ()
    assumed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def collect_report(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    parts: Sequence[StoredPart],
    memory: Remembered,
    warnings: Sequence[str],
    proposals: Sequence[Pair],
    crosswalk: Path,
    unread: Sequence[UnreadFile] = (),
) -> ImportReport:
    """Collect the report of an import whose tables are made; `memory` has what they hold by month and year."""
    tables = list(memory.months)
    counted = {table: _one(connection, f"SELECT count(*) FROM book_{table}") for table in tables}
    files = tuple(report for part in parts for report in _files(connection, part))
    return ImportReport(
        files=files,
        records=counted,
        by_month={table: {month: rows for month, (rows, _) in found.items()} for table, found in memory.months.items()},
        revenue_by_year=dict(memory.revenue),
        gross=_gross(parts),
        one_system_only=accounts_of_one_system(connection, mapping, parts, tables),
        unknown=tuple(_unknown(connection, mapping, tables)),
        proposals=len(proposals),
        crosswalk=str(crosswalk),
        warnings=(*warnings, *_cut(files, counted)),
        unread=tuple(unread),
        assumed=tuple(_assumed(mapping)),
    )


def _cut(files: Sequence[FileReport], counted: dict[str, int]) -> Iterator[str]:
    """Yield the files with as many rows as exports often end at; of a whole table but accounts validation tells it."""
    for name, rows in dict.fromkeys((each.file, each.rows) for each in files):
        tables = [each.table for each in files if each.file == name]
        if is_limit(rows) and not any(counted.get(table) == rows for table in tables if table != "accounts"):
            yield f"{name}: exactly {rows:,} rows, at which many exports end: is the rest of {tables[0]} missing?"


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    (count,) = connection.execute(sql).fetchone() or (0,)
    return int(count)


def _files(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> list[FileReport]:
    rows = connection.execute(
        f"SELECT {FILE}, {REASON}, count(*) FROM {part.stored} GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
    ).fetchall()
    totals = _left_out_sums(connection, part)
    footers = dict(part.footers)
    reports = []
    for place, file in enumerate(part.files):
        own = [row[1:] for row in rows if row[0] == place]
        left = [
            LeftOut(reason, count, totals.get((place, reason)), _places(connection, part, place, reason))
            for reason, count in own
            if reason is not None
        ]
        below = footers.get(file.name, 0)
        if below:
            left.append(LeftOut(FOOTER, below, None, ()))
        kept = sum(count for reason, count in own if reason is None)
        reports.append(FileReport(file.name, part.table, sum(row[1] for row in own) + below, kept, tuple(left)))
    return reports


def _left_out_sums(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> dict[tuple[int, str], str]:
    """Return what the rows that are left out come to, by file and reason, to the cent.

    Where rows are no lines that add up, the same amount of one record counts once: a total stands on each of its lines.
    """
    amount = next((name for name, kind in part.columns.items() if kind is Kind.NUMBER), None)
    if amount is None:
        return {}
    where = f"{part.stored} WHERE {REASON} <> {quoted(LINE)} AND {amount} IS NOT NULL"
    if part.part.many != "sum" and part.key:
        unknown = " OR ".join(f"{name} IS NULL" for name in part.key)
        record = f"{', '.join(part.key)}, CASE WHEN {unknown} THEN {PLACE} END"
        where = f"(SELECT DISTINCT {FILE}, {REASON}, {amount}, {record} FROM {where})"
    rows = connection.execute(
        f"SELECT {FILE}, {REASON}, CAST(sum(CAST({amount} AS DECIMAL(24, 6))) AS DECIMAL(24, 2))::VARCHAR FROM {where} "
        "GROUP BY 1, 2"
    ).fetchall()
    return {(file, reason): total for file, reason, total in rows}


def _places(connection: duckdb.DuckDBPyConnection, part: StoredPart, file: int, reason: str) -> tuple[str, ...]:
    key = TABLES[part.table].key[0] if part.table in TABLES else next(iter(part.columns))
    shown = f'"{key}"' if key in part.columns else "NULL"
    rows = connection.execute(
        f"SELECT {ROW}, {shown} FROM {part.stored} WHERE {FILE} = ? AND {REASON} = ? ORDER BY 1 LIMIT {EXAMPLES}",
        [file, reason],
    ).fetchall()
    return tuple(f"row {row}" + (f": {key}" if key else "") for row, key in rows)


def _gross(parts: Sequence[StoredPart]) -> tuple[str, ...]:
    told = []
    for part in parts:
        for name, value in part.part.columns.items():
            if isinstance(value.tax_rate, float) and value.tax_rate:
                told.append(
                    f"{part.table}.{name} of {part.part.source}: divided by {1 + value.tax_rate:g}, being gross"
                )
            elif value.tax_rate is not None and not isinstance(value.tax_rate, float):
                told.append(
                    f"{part.table}.{name} of {part.part.source}: made net, being gross, by the rate of each row"
                )
    return tuple(told)


def _assumed(mapping: Mapping) -> Iterator[str]:
    """Yield each question whose answer is empty, with the columns that rest on it."""
    for name, answer in mapping.answers.items():
        if answer == "":
            told = dict.fromkeys(
                f"{table}.{column}"
                for table, _, part in parts_of(mapping)
                for column, names in part.told_by.items()
                if name in names and not column.startswith(("let.", "leave_out."))
            )
            yield f'{name} = ""' + (f": no column says {', '.join(told)}" if told else "")


def _filled(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Return the columns of a table that was made in which something stands; of one without rows all that it has."""
    names = [row[0] for row in connection.execute(f"DESCRIBE book_{table}").fetchall()]
    counts = ", ".join(f'count("{name}")' for name in names)
    rows, *filled = connection.execute(f"SELECT count(*), {counts} FROM book_{table}").fetchone() or (0,)
    return {name for name, count in zip(names, filled, strict=True) if count or not rows}


def _unknown(connection: duckdb.DuckDBPyConnection, mapping: Mapping, tables: Sequence[str]) -> list[str]:
    told = [f"{table}: not there, so not known" for table in ("churns", *OPTIONAL_HISTORY) if table not in tables]
    for table in tables:
        filled = _filled(connection, table)
        missing = [
            column.name
            for column in TABLES[table].columns
            if column.name not in filled | {"account_id", "customer_since"}
        ]
        if missing:
            told.append(f"{table}: without {', '.join(missing)}")
    if mapping.known.get("surveys", {}).get("invitations") is False:
        told.append("surveys: only answers were exported; who was asked and stayed silent is not known")
    return told
