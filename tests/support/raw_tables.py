"""A small good book as text, written in any form with whatever a test breaks, and what validation says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InvalidTables, Problem
from features.sources import open_source
from features.tables import TABLES, Table, Tables
from features.validation import validate

GOOD = {
    "accounts": "account_id,name,customer_since\na1,One,2020-01-01\na2,Two,2020-01-01\n",
    "invoices": "invoice_id,account_id,invoiced_on,amount\ni1,a1,2021-01-01,10.5\ni2,a2,2021-01-02,-3\n",
    "churns": "account_id,churned_on,reason\na2,2023-01-01,price\n",
    "contacts": "contact_id,account_id,decision_maker,valid_from,valid_to\nc1,a1,true,2020-01-01,\n",
    "surveys": "survey_id,account_id,contact_id,kind,sent_at,answered_at,score,comment\n"
    "s1,a1,c1,relationship,2021-01-01T10:00:00,2021-01-02T10:00:00,7,fine\n",
    "loops": "loop_id,account_id,survey_id,level,opened_at,closed_at\nl1,a1,s1,frontline,2021-01-03,2021-01-04\n",
    "contracts": "contract_id,account_id,starts_on,ends_on,annual_value,price_change\n"
    "k1,a1,2020-01-01,2021-01-01,100,\n",
    "tickets": "ticket_id,account_id,kind,severity,opened_at,closed_at\nt1,a1,defect,low,2021-01-03,\n",
    "actions": "action_id,account_id,kind,done_at,note\nn1,a1,call,2021-01-05,\n",
    "referrals": "referral_id,account_id,referred_at,contacted_at,won_at,revenue\nr1,a1,2021-01-05,,,\n",
    "memberships": "account_id,program,joined_on,left_on\na1,gold,2021-01-05,\n",
}
Content = str | bytes | pd.DataFrame | pa.Table | None
BARE = {name: GOOD[name] for name in ("accounts", "invoices")}


def folder_of(folder: Path, **tables: Content) -> Path:
    """Write the required tables and those given: text and bytes as CSV, frames as Parquet, None not at all."""
    for name, content in {**BARE, **tables}.items():
        if isinstance(content, str | bytes):
            (folder / f"{name}.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(folder / f"{name}.parquet")
        elif content is not None:
            pq.write_table(content, folder / f"{name}.parquet")
    return folder


def kinds(rows: ir.Table) -> list[tuple[str, str]]:
    """Column names and types, without the precision of timestamps."""
    return [(name, str(kind).split("(")[0]) for name, kind in rows.schema().items()]


def declared(table: Table) -> list[tuple[str, str]]:
    return [(column.name, str(column.kind)) for column in (*table.columns, *table.derived)]


def problems_of(source: Path | str) -> list[Problem]:
    with pytest.raises(InvalidTables) as caught:
        validate(open_source(source))
    return list(caught.value.problems)


def only_problem(source: Path | str) -> Problem:
    (problem,) = problems_of(source)
    return problem


def rows_of(tables: Tables, name: str) -> list[dict[str, Any]]:
    """The rows of a table with None for null, ordered by its key."""
    return sorted(tables[name].to_pyarrow().to_pylist(), key=lambda row: [str(row[key]) for key in TABLES[name].key])


def read(folder: Path, name: str, **tables: Content) -> list[dict[str, Any]]:
    return rows_of(validate(open_source(folder_of(folder, **tables))), name)


def as_csv(folder: Path, tables: dict[str, str]) -> str:
    return str(folder_of(folder, **tables))


def as_parquet(folder: Path, tables: dict[str, str]) -> str:
    return str(folder_of(folder, **{name: text_table(content) for name, content in tables.items()}))


def as_duckdb(folder: Path, tables: dict[str, str]) -> str:
    with duckdb.connect(folder / "book.duckdb") as connection:
        for name, content in tables.items():
            connection.register("rows", text_table(content))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
    return f"duckdb:///{folder / 'book.duckdb'}"


def text_table(content: str) -> pa.Table:
    frame = pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    return pa.table({name: pa.array([value or None for value in frame[name]], pa.string()) for name in frame})
