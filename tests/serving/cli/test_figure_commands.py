"""The command `figures`: results as JSON, CSV and Parquet, and one list of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from support.commands import Command

ACCOUNTS = "account_id,segment,customer_since\nA,=cmd,2023-01-01\nB,,2023-01-01\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    days = pd.date_range("2023-01-01", "2025-03-01", freq="MS")
    lines = [f"{name}{day:%Y%m},{name},{day:%Y-%m-%d},{100 if name == 'A' else 50}" for name in "AB" for day in days]
    book = tmp_path / "book"
    book.mkdir()
    (book / "accounts.csv").write_text(ACCOUNTS)
    (book / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n" + "\n".join(lines) + "\n")
    return book


def test_figures_as_a_series_in_json_and_safe_csv(churn_risk: Command, folder: Path, tmp_path: Path) -> None:
    asked = ("figures", str(folder), "--as-of", "2025-03-01", "--by", "segment", "--figure", "grr_invoiced",
             "--figure", "revenue_closing_invoiced", "--figure", "logo_churn")  # fmt: skip
    out = tmp_path / "figures.csv"
    done = churn_risk(*asked, "--every", "month", "--out", str(out), "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["figures"][0]["name"] == told["values"][0]["figure"]
    last = [
        row for row in told["values"] if row["as_of"] == "2025-03-01" and row["figure"] == "revenue_closing_invoiced"
    ]
    assert {row["group"]: row["value"] for row in last if row["split"]} == {"=cmd": 1200, None: 600}
    reasons = {row["reason"] for row in told["values"] if row["figure"] == "grr_invoiced"}
    assert None in reasons and any("before invoices is recorded" in str(reason) for reason in reasons)
    assert {row["reason"] for row in told["values"] if row["figure"] == "logo_churn"} == {"table churns is missing"}
    written = pd.read_csv(out)
    assert len(written) == len(told["values"]) and set(written["group"].dropna()) == {"'=cmd"}
    shown = churn_risk(*asked, "--lang", "de")
    assert "Bindung über 12 Monate; Definitionen in docs/figures.md" in " ".join(shown.err.split())
    assert "gesamt" in shown.err
    assert shown.code == 0 and "Bruttobindung" in shown.err and "100,0 %" in shown.err and "1.800" in shown.err


def test_everything_wrong_is_said_at_once(churn_risk: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.xlsx"
    done = churn_risk("figures", str(folder), "--as-of", "2026-05-01", "--by", "colour", "--figure", "grr_invoice",
                      "--out", str(out))  # fmt: skip
    assert done.code == 2 and done.out == "" and not out.exists()
    for said in ("'grr_invoice'", "is it grr_invoiced", "'colour'", "segment, industry", "figures.xlsx",
                 "2026-05-01: lies after the data, which end 2025-03-01"):  # fmt: skip
        assert said in done.err
    # A book of monthly invoices may be asked a month after its last one.
    assert "2025-04-01 is the latest that can be asked" in done.err
    early = churn_risk("figures", str(folder), "--as-of", "2022-05-01")
    assert early.code == 2 and "lies before the records, which begin 2023-01-01" in early.err
