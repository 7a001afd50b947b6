"""The mapping of Online Retail II: on a small workbook of our own, and on the real data where they are."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.settings import ChurnRule
from training.slices.dataset import build_dataset

SCRIPT = Path(__file__).parents[2] / "examples" / "online_retail" / "prepare.py"
REAL_DATA = os.environ.get("CHURN_RISK_REAL_DATA")
FIRST, SECOND = "Year 2009-2010", "Year 2010-2011"


@pytest.fixture(scope="module")
def prepare() -> Any:
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["Invoice", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    return pd.DataFrame(rows, columns=columns).assign(InvoiceDate=lambda t: pd.to_datetime(t["InvoiceDate"]))


def sheets() -> dict[str, pd.DataFrame]:
    return {
        FIRST: lines(
            ("500001", 2, "2010-01-04 09:00", 1.5, 12345.0, "France"),
            ("500001", 1, "2010-01-04 09:00", 4.0, 12345.0, "France"),
            ("C500002", -1, "2010-02-01 10:00", 4.0, 12345.0, "France"),
            ("500003", 5, "2010-02-02 10:00", 1.0, None, "France"),
            ("500004", 1, "2010-12-03 10:00", 7.0, 12346.0, "Germany"),
        ),
        SECOND: lines(
            ("500004", 1, "2010-12-03 10:00", 7.0, 12346.0, "Germany"),
            ("500005", 1, "2011-01-03 10:00", 8.0, 12346.0, "Germany"),
        ),
    }


def test_workbook_becomes_accounts_and_invoices_that_keep_the_contract(prepare: Any, tmp_path: Path) -> None:
    workbook = tmp_path / "online_retail_ii.xlsx"
    with pd.ExcelWriter(workbook) as writer:
        for name, sheet in sheets().items():
            sheet.to_excel(writer, sheet_name=name, index=False)
    tables = prepare.to_tables(prepare.read_lines(workbook))
    invoices = tables["invoices"].set_index("invoice_id")
    assert invoices["amount"].to_dict() == {"500001": 7.0, "500004": 7.0, "500005": 8.0, "C500002": -4.0}
    assert invoices.loc["500001", "invoiced_on"] == date(2010, 1, 4)
    assert tables["accounts"].to_dict("list") == {
        "account_id": ["12345", "12346"],
        "country": ["France", "Germany"],
        "customer_since": [date(2010, 1, 4), date(2010, 12, 3)],
    }
    for name, table in tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    book = validate(open_source(tmp_path))
    assert book.currency == "GBP"
    assert "churns" in book.missing


def test_another_file_is_refused_with_what_it_lacks(prepare: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    pd.DataFrame({"Invoice": ["1"]}).to_csv(path, index=False)
    with pytest.raises(SystemExit, match="Quantity, InvoiceDate, Price, Customer ID, Country are absent"):
        prepare.read_lines(path)


@pytest.mark.skipif(not REAL_DATA, reason="CHURN_RISK_REAL_DATA names no folder with online_retail_ii.parquet")
def test_real_book_has_the_published_counts(prepare: Any, tmp_path: Path) -> None:
    for name, table in prepare.to_tables(prepare.read_lines(Path(str(REAL_DATA)) / "online_retail_ii.parquet")).items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    book = validate(open_source(tmp_path))
    assert book["accounts"].count().execute() == 5942
    # The published counts take an invoice that was cancelled in full for a purchase; ours do not.
    cancelled = {**book.frames, "invoices": book["invoices"].mutate(reversed_on=ibis.null("date"))}
    assert _counted(replace(book, frames=cancelled)) == ([2822, 2780, 2785], [0.41, 0.39, 0.30])
    assert _counted(book) == ([2808, 2759, 2767], [0.41, 0.39, 0.29])


def _counted(book: Tables) -> tuple[list[int], list[float]]:
    """Return accounts and their churn rate at three dates."""
    data = build_dataset(book, [date(2010, 12, 10), date(2011, 3, 10), date(2011, 6, 12)], ChurnRule(silence_days=180))
    rates = pd.Series(data.churned).groupby(data.as_of).mean().round(2)
    return data.matrix.keys.groupby("as_of").size().tolist(), rates.tolist()
