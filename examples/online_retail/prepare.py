"""Map UCI "Online Retail II" to the contract's tables: `accounts.parquet` and `invoices.parquet`.

    python examples/online_retail/prepare.py online_retail_ii.xlsx book/

The data (CC BY 4.0) are every invoice line of a UK wholesaler, 2009-12-01 to 2011-12-09; many customers are shops. Get
them from the UCI Machine Learning Repository, data set 502; the workbook or a Parquet or CSV copy of its lines will do.

| contract | from |
|---|---|
| accounts.account_id | `Customer ID` as a whole number; lines without one are anonymous sales and left out |
| accounts.country | `Country` of the customer's first line |
| accounts.customer_since | day of the customer's first line: nothing earlier is recorded |
| invoices.invoice_id | `Invoice`; those that start with C are credit notes |
| invoices.invoiced_on | day of the invoice's first line |
| invoices.amount | sum of `Quantity` x `Price` over its lines, in pounds; negative for a credit note |
| invoices.currency | GBP |

The two yearly sheets overlap from 2010-12-01 to 2010-12-09 (22,523 lines): of an invoice that stands in both, the later
sheet's lines are left out. There is no churns table: churn is derived from silence (`--silence-days 180`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

COLUMNS = ["Invoice", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
CURRENCY = "GBP"


def read_lines(path: Path) -> pd.DataFrame:
    """Return the invoice lines once each, from the workbook or from a Parquet or CSV copy of it.

    A copy may mark lines that stand in both sheets (`is_overlap_dup`) or name the sheet (`source_sheet`).
    """
    if path.suffix == ".xlsx":
        sheets = pd.read_excel(path, sheet_name=None)
        lines = pd.concat([sheet.assign(source_sheet=name) for name, sheet in sorted(sheets.items())])
    else:
        lines = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    absent = [name for name in COLUMNS if name not in lines]
    if absent:
        raise SystemExit(f"{path}: the columns {', '.join(absent)} are absent; is this Online Retail II?")
    return lines[~_repeated(lines)]


def _repeated(lines: pd.DataFrame) -> pd.Series:
    if "is_overlap_dup" in lines:
        return lines["is_overlap_dup"].astype(bool)
    if "source_sheet" not in lines:
        return pd.Series(False, index=lines.index)
    first = lines["source_sheet"] == lines["source_sheet"].min()
    return ~first & lines["Invoice"].astype(str).isin(set(lines.loc[first, "Invoice"].astype(str)))


def to_tables(lines: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the accounts and invoices of invoice lines."""
    known = lines.dropna(subset=["Customer ID"]).assign(
        account_id=lambda t: t["Customer ID"].astype("int64").astype(str),
        invoice_id=lambda t: t["Invoice"].astype(str),
        day=lambda t: pd.to_datetime(t["InvoiceDate"]).dt.date,
        amount=lambda t: t["Quantity"] * t["Price"],
    )
    known = known.sort_values(["day", "invoice_id"], kind="stable")
    invoices = known.groupby("invoice_id", as_index=False).agg(
        account_id=("account_id", "first"), invoiced_on=("day", "min"), amount=("amount", "sum")
    )
    accounts = known.groupby("account_id", as_index=False).agg(
        country=("Country", "first"), customer_since=("day", "min")
    )
    return {"accounts": accounts, "invoices": invoices.assign(currency=CURRENCY)}


def main() -> None:
    """Read the file named first, write the tables into the folder named second."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: prepare.py online_retail_ii.{xlsx,parquet,csv} FOLDER")
    lines, folder = read_lines(Path(sys.argv[1])), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in to_tables(lines).items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
        print(f"{len(table):,} {name} in {folder / name}.parquet")


if __name__ == "__main__":
    main()
