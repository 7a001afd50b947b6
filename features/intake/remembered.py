"""What an import remembers of itself in `book.toml`, and what the next one finds changed.

In: the mapping, the files, the tables. Out: the text of `book.toml`: what the mapping says is known, and fingerprints
of mapping and files with the records and revenue of each month. `[fingerprints]` is read here only.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb

from features.book_facts import FILE, FINGERPRINTS
from features.intake.language.mapping_model import Mapping
from features.intake.records.stored_part import StoredPart
from features.tables import TABLES

Months = MappingOf[str, MappingOf[str, Sequence[int]]]
MOST_NAMED = 6
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Remembered:
    """Fingerprints of this import and of the one before.

    Attributes
    ----------
    text : str
        The new `book.toml`.
    months, before : mapping of table to mapping of month to (records, cents)
        Cents of invoices, 0 elsewhere; `before` is empty at the first import.
    sizes, sizes_before : mapping of file name to bytes
    change : str
        What else than the data may have changed a month: the mapping, or what a person confirmed.
    revenue : mapping of year to str
        The amounts of all invoices of a year, to the cent.
    """

    text: str
    months: Months
    before: Months
    sizes: MappingOf[str, int]
    sizes_before: MappingOf[str, int]
    change: str = ""
    revenue: MappingOf[str, str] = field(default_factory=dict)

    def warnings(self, share: float) -> tuple[str, ...]:
        """Return what has changed since the last import: months by more than a share, files that became smaller."""
        return (*self._months(share), *self._files())

    def _months(self, share: float) -> list[str]:
        told = []
        for table, months in self.before.items():
            last = max(months, default="")
            now = self.months.get(table, {})
            # The last month may not have been over.
            changed = [
                month
                for month in sorted(months)
                if month < last and _differ(months[month], now.get(month, (0, 0)), share)
            ]
            if changed:
                shown = ", ".join(
                    f"{month} ({_difference(months[month], now.get(month, (0, 0)))})" for month in changed[:MOST_NAMED]
                )
                many = f"{len(changed)} month{'s' * (len(changed) > 1)} changed by more than {share:.0%}"
                more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
                told.append(
                    f"{table}: {many} since the last import: {shown}{more}; "
                    + (self.change or "what was known then can no longer be told")
                )
        return told

    def _files(self) -> list[str]:
        return [
            f"{name} became smaller since the last import: {self.sizes_before[name]:,} to {size:,} bytes"
            for name, size in self.sizes.items()
            if size < self.sizes_before.get(name, 0)
        ]


def _differ(before: Sequence[int], now: Sequence[int], share: float) -> bool:
    return any(abs(new - old) > share * abs(old) for old, new in zip(before, now, strict=True))


def _difference(before: Sequence[int], now: Sequence[int]) -> str:
    if before[1] != now[1]:
        return f"revenue {before[1] / 100:,.2f} to {now[1] / 100:,.2f}"
    return f"{before[0]} records to {now[0]}"


def months_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, tuple[int, Decimal]]:
    """Return records and amount of each month of a table that was made, by the time of its records."""
    amount = "sum(CAST(amount AS DECIMAL(24, 6)))" if table == "invoices" else "CAST(0 AS DECIMAL(24, 6))"
    time = TABLES[table].time
    columns = {row[0] for row in connection.execute(f"DESCRIBE book_{table}").fetchall()}
    if not {time, *(("amount",) if table == "invoices" else ())} <= columns:
        return {}
    # Words of each month, not of each row.
    rows = connection.execute(
        f"SELECT strftime(month, '%Y-%m'), rows, amount FROM (SELECT date_trunc('month', {time}) AS month, "
        f"count(*) AS rows, {amount} AS amount FROM book_{table} WHERE {time} IS NOT NULL GROUP BY 1) ORDER BY 1"
    ).fetchall()
    return {month: (count, amount) for month, count, amount in rows}


def _rounded(amount: Decimal) -> Decimal:
    """Return an amount to the cent, half a cent away from 0 as DuckDB rounds."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _by_year(months: MappingOf[str, tuple[int, Decimal]]) -> dict[str, str]:
    years: dict[str, Decimal] = {}
    for month, (_, amount) in sorted(months.items()):
        years[month[:4]] = years.get(month[:4], Decimal()) + amount
    return {year: str(_rounded(amount)) for year, amount in years.items()}


def remember(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    mapping: Mapping,
    parts: Sequence[StoredPart],
    tables: Sequence[str],
    out: Path,
    digests: MappingOf[Path, Future[str]],
) -> Remembered:
    """Return the new `book.toml`, with what the one in `out` remembers; `digests` are those of the files."""
    files = {file.name: file.path for part in parts for file in part.files}
    exact = {table: months_of(connection, table) for table in tables}
    months = {
        table: {month: (rows, int(_rounded(amount) * 100)) for month, (rows, amount) in found.items()}
        for table, found in exact.items()
    }
    before = _before(out)
    digest_of = {name: digests[file].result() for name, file in sorted(files.items())}
    mapping_digest = digest(path)
    text = [f"# Written by `churn-risk import {path.name}`.", ""]
    for table, facts in mapping.known.items():
        text += [f"[{table}]", *(f"{name} = {_toml(value)}" for name, value in facts.items()), ""]
    text += [f"[{FINGERPRINTS}]", f'mapping = "{mapping_digest}"', "", f"[{FINGERPRINTS}.files]"]
    text += [
        f'{json.dumps(name)} = {{ bytes = {files[name].stat().st_size}, sha256 = "{digest}" }}'
        for name, digest in digest_of.items()
    ]
    for table, counted in months.items():
        text += [
            "",
            f"[{FINGERPRINTS}.months.{table}]",
            *(f'"{month}" = [{rows}, {cents}]' for month, (rows, cents) in counted.items()),
        ]
    sizes = {name: file.stat().st_size for name, file in files.items()}
    sizes_before = {name: facts.get("bytes", 0) for name, facts in before.get("files", {}).items()}
    same_files = digest_of == {name: facts.get("sha256") for name, facts in before.get("files", {}).items()}
    change = _change(before.get("mapping") not in (None, mapping_digest), same_files)
    revenue = _by_year(exact.get("invoices", {}))
    return Remembered("\n".join(text) + "\n", months, before.get("months", {}), sizes, sizes_before, change, revenue)


def _change(new_mapping: bool, same_files: bool) -> str:
    """Return what else than the data has changed; nothing where it is the data."""
    if new_mapping and same_files:
        return "the mapping has changed, not the files"
    if new_mapping:
        return "the mapping has changed as well as the files, so it may be either"
    return "neither the mapping nor the files have changed, but what the crosswalk confirms" if same_files else ""


def _before(out: Path) -> dict[str, Any]:
    with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        told = tomllib.loads((out / FILE).read_text(encoding="utf-8")).get(FINGERPRINTS, {})
        return told if isinstance(told, dict) else {}
    return {}


def _toml(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
