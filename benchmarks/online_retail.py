"""Online Retail II: trained on what was known before 2011-06-12, judged once at that date.

Needs the data in the folder that CHURN_RISK_REAL_DATA names (see `examples/online_retail`); skipped without it.

    CHURN_RISK_REAL_DATA=... python -m benchmarks online-retail
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.record import record
from features.console import say
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.bundle import load_bundle, write_bundle
from training.judgement import evaluate_at
from training.pipeline import train
from training.settings import ChurnRule, TrainingSettings

ORIGIN, SILENCE_DAYS = date(2011, 6, 12), 180
FILE = "online_retail_ii.parquet"
PREPARE = Path(__file__).parent.parent / "examples" / "online_retail" / "prepare.py"


def online_retail() -> None:
    """Train, judge and record."""
    data = os.environ.get("CHURN_RISK_REAL_DATA")
    if not data:
        say("online_retail: skipped, CHURN_RISK_REAL_DATA names no folder")
        return
    with tempfile.TemporaryDirectory() as scratch:
        tables = _book(Path(data) / FILE, Path(scratch) / "book")
        trained = train(tables, TrainingSettings(rule=ChurnRule(silence_days=SILENCE_DAYS), until=ORIGIN))
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        write_bundle(folder, trained, "", "")
        judged = evaluate_at(tables, ORIGIN, load_bundle(folder))
    found = judged.verdict.as_dict()
    summary = {
        name: found["metrics"][name] for name in ("model", "logistic regression", "recency alone", "revenue alone")
    }
    short = {name: {key: one[key] for key in ("roc_auc", "captured_10")} for name, one in summary.items()}
    intervals = {name: found["intervals"][name] for name in ("roc_auc", "captured_10")}
    choice = {"weighting": trained.choice.weighting, "rounds": trained.choice.rounds}
    record("online_retail", {"summary": {**choice, **short, "intervals": intervals}, "verdict": found})


def _book(lines: Path, folder: Path) -> Tables:
    spec = importlib.util.spec_from_file_location("prepare", PREPARE)
    assert spec is not None and spec.loader is not None
    prepare: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    folder.mkdir()
    for name, table in prepare.to_tables(prepare.read_lines(lines)).items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return validate(open_source(folder))
