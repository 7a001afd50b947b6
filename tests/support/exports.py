"""What the tests of `import` share: made-up exports, a mapping of them, and the book that comes of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from features.errors import InvalidTables
from features.intake.import_report import ImportReport
from features.intake.importing import import_book

REAL_DATA = os.environ.get("CHURN_RISK_REAL_DATA")
#: The public exports lie beside the public data sets.
REAL_EXPORTS = Path(REAL_DATA).parent / "exports" if REAL_DATA else Path()
needs_real_exports = pytest.mark.skipif(
    not (REAL_DATA and REAL_EXPORTS.is_dir()), reason="CHURN_RISK_REAL_DATA has no folder exports beside it"
)
INVOICES = "invoice_id,account_id,invoiced_on,amount\nI1,A1,2025-01-02,100\nI2,A2,2025-02-03,50.50\n"
#: A mapping of `invoices.csv` as it is, to which a test adds what it is about.
PLAIN = """format = 1

[sources.bills]
files = "invoices.csv"

[[tables.invoices]]
from = "bills"
[tables.invoices.columns]
invoice_id = "invoice_id"
account_id = "account_id"
invoiced_on = "invoiced_on"
amount = "amount"
"""


class Exports:
    """A folder of exports with a mapping beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "book"
        self.mapping = folder / "mapping.toml"

    def put(self, name: str, text: str, encoding: str = "utf-8") -> Exports:
        """Write a file of the folder."""
        (self.folder / name).write_bytes(text.encode(encoding))
        return self

    def book(self, mapping: str, **options: Any) -> ImportReport:
        """Import by a mapping and return the report; the book is whole unless `partial` is set."""
        self.mapping.write_text(mapping, encoding="utf-8")
        return import_book(self.mapping, self.out, **options).report

    def refused(self, mapping: str, **options: Any) -> list[str]:
        """Return the problems of an import that must fail and write nothing."""
        with pytest.raises(InvalidTables) as caught:
            self.book(mapping, **options)
        assert not self.out.exists(), "something was written"
        assert not list(self.folder.glob(".import-*")), "the scratch folder was left"
        return [str(problem) for problem in caught.value.problems]

    def rows(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return the rows of a table of the book, in order."""
        path = self.out / f"{table}.parquet"
        return duckdb.connect().execute(f"SELECT {columns} FROM '{path}' ORDER BY ALL").fetchall()


def left_out(report: ImportReport, table: str) -> dict[str, int]:
    """Return the rows of a table that are left out, by reason."""
    reasons: dict[str, int] = {}
    for file in report.files:
        for left in file.left_out if file.table == table else ():
            reasons[left.reason] = reasons.get(left.reason, 0) + left.rows
    return reasons


def real_exports(scratch: Path, *names: str) -> Exports:
    """Return a folder with copies of some of the public exports."""
    folder = scratch / names[0] / "exports"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes((REAL_EXPORTS / name).read_bytes())
    return Exports(folder)
