"""simulate, validate and features; and bad tables, which every command refuses before it writes anything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from support.commands import Command, versions
from support.exports import PLAIN
from support.served import changed_book

from features.signal import signal_names


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_simulate_and_validate(churn_risk: Command, tmp_path: Path, file_format: str) -> None:
    out = tmp_path / "book"
    done = churn_risk(
        "simulate", "--accounts", 5, "--seed", 7, "--out", out, "--format", file_format, "--months", 6, "--json"
    )
    assert done.code == 0 and done.err == ""
    assert done.result["accounts"] == 5 and done.result["rows"]["accounts"] == 5
    assert (out / f"invoices.{file_format}").is_file()
    checked = churn_risk("validate", out, "--json")
    assert checked.code == 0 and checked.err == ""
    assert checked.result["valid"] is True and checked.result["problems"] == [] and checked.result["missing"] == []
    rows = {name: count for name, count in done.result["rows"].items() if name != "true_hazards"}
    assert checked.result["rows"] == rows


def test_messages_go_to_standard_error(churn_risk: Command, tmp_path: Path) -> None:
    done = churn_risk("simulate", "--accounts", 5, "--out", tmp_path / "book", "--months", 6)
    assert done.code == 0 and done.out == "" and "5 accounts" in done.err
    checked = churn_risk("validate", tmp_path / "book")
    assert checked.code == 0 and checked.out == "" and "keeps the contract" in checked.err


def test_what_is_not_there_is_said(churn_risk: Command, book_folder: Path, tmp_path: Path) -> None:
    done = churn_risk("validate", changed_book(book_folder, tmp_path / "book", absent=("surveys", "loops")))
    assert done.code == 0 and "not there, so not known: loops, surveys" in done.err


def test_warnings_go_to_standard_error_with_json_too(churn_risk: Command, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,customer_since\nA1,2020-01-01T09:00:00\n")
    (tmp_path / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\nI1,A1,2020-02-01,1\n")
    done = churn_risk("validate", tmp_path, "--json")
    assert done.code == 0 and len(done.result["warnings"]) == 1
    assert done.err == f"warning: {done.result['warnings'][0]}\n"


COMMANDS_ON_TABLES = {
    "validate": (),
    "features": ("--as-of", "2026-01-01", "--out", "out.parquet"),
    "train": (),
    "backtest": (),
    "evaluate": ("--as-of", "2025-06-01"),
    "score": ("--as-of", "2026-01-01", "--out", "out.csv"),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("command", COMMANDS_ON_TABLES)
def test_bad_tables_are_listed_and_nothing_is_written(
    churn_risk: Command, home: Path, broken: Path, command: str, as_json: bool
) -> None:
    before = versions(home)
    done = churn_risk(command, broken, *COMMANDS_ON_TABLES[command], *(["--json"] if as_json else []))
    assert done.code == 2 and "Traceback" not in done.err
    expected = (
        "accounts.customer_since", "accounts.account_id: duplicate key", "invoices.amount: missing",
        "invoices.amount: not finite", "invoices.account_id: not in accounts", "surveys.kind", "surveys.answered_at",
        "surveys.score", "surveys.survey_id: duplicate key", "contacts.valid_to", "loops.opened_at",
    )  # fmt: skip
    for problem in expected:
        assert problem in done.err
    if as_json:
        assert done.result["valid"] is False and len(done.result["problems"]) == len(expected)
        assert {"table", "column", "rule", "rows", "ids", "values"} == set(done.result["problems"][0])
    else:
        assert done.out == ""
    assert not list(Path.cwd().iterdir()) and versions(home) == before == ["1"]
    assert not (home / "scores.db").exists()


def test_features_writes_one_row_a_customer_and_date(churn_risk: Command, book_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "matrix.parquet"
    days = ("2025-06-01", "2026-01-01", "2025-06-01")
    asked = [part for day in days for part in ("--as-of", day)]
    done = churn_risk("features", book_folder, *asked, "--out", out, "--json")
    assert done.code == 0 and done.err == ""
    frame = pd.read_parquet(out)
    assert done.result == {"out": str(out), "rows": len(frame), "signals": len(signal_names()), "warnings": []}
    assert list(frame.columns) == ["account_id", "as_of", *signal_names()]
    assert not frame.duplicated(["account_id", "as_of"]).any()
    assert set(frame["as_of"]) == {date(2025, 6, 1), date(2026, 1, 1)}
    accounts, churns = (pd.read_parquet(book_folder / f"{name}.parquet") for name in ("accounts", "churns"))
    for day, rows in frame.groupby("as_of"):
        since = pd.to_datetime(accounts["customer_since"]) < pd.Timestamp(day)
        gone = churns.loc[pd.to_datetime(churns["churned_on"]) < pd.Timestamp(day), "account_id"]
        assert set(rows["account_id"]) == set(accounts.loc[since, "account_id"]) - set(gone)


def test_features_are_parquet_only(churn_risk: Command, book_folder: Path) -> None:
    done = churn_risk("features", book_folder, "--as-of", "2026-01-01", "--out", "matrix.csv")
    assert done.code == 2 and "written as .parquet" in done.err and not list(Path.cwd().iterdir())


def test_an_import_of_bad_files_ends_with_2_and_one_list(churn_risk: Command, tmp_path: Path) -> None:
    bills, mapping, out = tmp_path / "invoices.csv", tmp_path / "mapping.toml", tmp_path / "book"
    bills.write_text("invoice_id,account_id,invoiced_on,amount\nI1,A1,01/02/2025,much\nI2,A1,2025-01")
    mapping.write_text(PLAIN)
    for more in ((), ("--json",), ("--partial",)):
        done = churn_risk("import", mapping, "--out", out, *more)
        assert done.code == 2 and "Traceback" not in done.err
        assert "3 problems" in done.out + done.err or len(done.result["problems"]) == 3
        for said in ("line 3: 'I2,A1,2025-01'", "row 2: 'much'", "row 2: '01/02/2025'"):
            assert said in done.out + done.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["invoices.csv", "mapping.toml"]
