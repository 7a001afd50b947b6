"""Two real books without departures, where churn is silence: six rolling origins each, beside every rival.

Online Retail II (a wholesaler, 180 days of silence) up to the end of its records, and CDNOW (consumers, 120 days). No
choice was made on them: those were made on simulated books and on Online Retail's origins before 2011-06-12.

    CHURN_RISK_REAL_DATA=... python -m benchmarks silence-books
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.online_retail import FILE, book
from benchmarks.record import record, resumed
from features.console import say
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.judge.backtest import backtest
from training.judge.verdict import MODEL
from training.settings import ChurnRule, TrainingSettings
from training.slices.preparing import prepare

PURCHASES = "cdnow_transactions.parquet"
SHOWN = ("roc_auc", "captured_10")


def silence_books() -> None:
    """Backtest both books and record what the model leads each rival by."""
    data = os.environ.get("CHURN_RISK_REAL_DATA")
    if not data:
        say("silence_books: skipped, CHURN_RISK_REAL_DATA names no folder")
        return
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        made = {
            "online_retail": partial(_judged, book, Path(data) / FILE, Path(scratch) / "retail", 180),
            "cdnow": partial(_judged, purchases, Path(data) / PURCHASES, Path(scratch) / "cdnow", 120),
        }
        for name, judged_book in made.items():
            found[name] = resumed("silence_books", name, judged_book)
    summary = {
        name: {
            "grade": judged["grade"],
            **{measure: judged["rivals"][MODEL][measure]["mean"] for measure in SHOWN},
            "lead": {
                rival: {measure: one[measure]["difference"] for measure in SHOWN}
                for rival, one in judged["rivals"].items()
                if rival != MODEL
            },
        }
        for name, judged in found.items()
    }
    record("silence_books", {"summary": summary, "books": found})


def _judged(make: Callable[[Path, Path], Tables], file: Path, folder: Path, days: int) -> dict[str, Any]:
    settings = TrainingSettings(rule=ChurnRule(silence_days=days))
    return backtest(prepare(make(file, folder), settings).data, settings).as_dict()


def purchases(file: Path, folder: Path) -> Tables:
    """Return CDNOW as a book, written to a new folder: a customer's purchases of one day are one invoice."""
    rows = pd.read_parquet(file).assign(day=lambda t: pd.to_datetime(t["purchased_on"]).dt.date)
    daily = rows.groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    invoices = daily.rename(columns={"customer_id": "account_id", "day": "invoiced_on"})
    invoices = invoices.assign(invoice_id=[f"I{number}" for number in range(len(invoices))], currency="USD")
    first = invoices.groupby("account_id")[["invoiced_on"]].min().reset_index()
    folder.mkdir()
    invoices.to_parquet(folder / "invoices.parquet", index=False)
    first.rename(columns={"invoiced_on": "customer_since"}).to_parquet(folder / "accounts.parquet", index=False)
    return validate(open_source(folder))
