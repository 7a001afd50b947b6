"""Online Retail II: chosen on origins whose labels end by 2011-06-12, then judged once there, beside every rival.

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

from benchmarks.max_profit import auepc, empb
from benchmarks.record import record, resumed
from features.console import say
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.judge.backtest import backtest
from training.judge.origins import Origin, against
from training.judge.verdict import MODEL, judge_all
from training.models.fitting import fit_model
from training.models.folds import FORWARD
from training.rivals import ALL
from training.rivals.boosted import PLAIN, at_equal_size
from training.settings import ChurnRule, TrainingSettings
from training.slices.dataset import build_dataset
from training.slices.preparing import prepare
from training.worth.economics import action_profit
from training.worth.evaluation import judge
from training.worth.reliability import reliability

ORIGIN, SILENCE_DAYS = date(2011, 6, 12), 180
FILE = "online_retail_ii.parquet"
PREPARE = Path(__file__).parent.parent / "examples" / "online_retail" / "prepare.py"
SETTINGS = TrainingSettings(rule=ChurnRule(silence_days=SILENCE_DAYS), until=ORIGIN)
BOOTSTRAPS = 1000
DRAWS = range(5)


def online_retail() -> None:
    """Backtest what was known before the origin, then train on it, judge once at the origin, and record."""
    data = os.environ.get("CHURN_RISK_REAL_DATA")
    if not data:
        say("online_retail: skipped, CHURN_RISK_REAL_DATA names no folder")
        return
    with tempfile.TemporaryDirectory() as scratch:
        tables = book(Path(data) / FILE, Path(scratch) / "book")
        before = resumed("online_retail", "origins", lambda: _before(tables))
        judged = resumed("online_retail", "judged", lambda: _judged(tables))
    verdict = judged["verdict"]
    kept = ("roc_auc", "captured_10", "profit_at_capacity")
    summary = {
        **judged["choice"],
        "contenders": {name: {key: one[key] for key in kept} for name, one in verdict["metrics"].items()},
        "intervals": {key: verdict["intervals"][key] for key in kept},
        "rivals_better_beyond_chance": judged["behind"],
        "rivals_with_a_better_point_estimate": judged["ahead"],
        "plain_lightgbm_at_equal_size": judged["equal_size"],
    }
    record("online_retail", {"summary": summary, "origins_before": before, "judged_once": judged})


def _before(tables: Tables) -> dict[str, Any]:
    """Rolling origins whose labels end by the origin: what choices may be made on."""
    return backtest(prepare(tables, SETTINGS).data, SETTINGS).as_dict()


def _judged(tables: Tables) -> dict[str, Any]:
    prepared = prepare(tables, SETTINGS)
    learnt = prepared.data
    fitted = fit_model(learnt, SETTINGS)
    test = build_dataset(tables, [ORIGIN], SETTINGS.rule, prepared.recorded_since)
    origin = Origin(learnt, test, FORWARD)
    probabilities = {MODEL: fitted.probability(test.matrix)} | against(ALL, origin, SETTINGS)
    settings = TrainingSettings(rule=SETTINGS.rule, bootstraps=BOOTSTRAPS)
    verdict = judge_all(test, probabilities, settings)
    checked = reliability(test, probabilities[MODEL], settings)
    leads = {name: interval for name, interval in verdict.intervals.items() if " - " in name}
    action = settings.economics.strongest
    scores = {name: action_profit(given, test.matrix.value, action) for name, given in probabilities.items()}
    return {
        "choice": {"weighting": fitted.choice.weighting, "rounds": fitted.choice.rounds, "why": fitted.choice.why},
        "verdict": verdict.as_dict(),
        "behind": verdict.behind(),
        "ahead": [name for name, interval in leads.items() if interval.value < 0],
        "reliability": checked.as_dict(),
        "max_profit": {
            name: {"empb": empb(test, score, action), "auepc": auepc(test, score, action)}
            for name, score in scores.items()
        },
        "equal_size": _equal_size(origin),
    }


def _equal_size(origin: Origin) -> list[dict[str, float]]:
    """Plain LightGBM on as many rows, drawn from all slices, as the latest slice has."""
    found = []
    for seed in DRAWS:
        drawn = Origin(at_equal_size(origin.learnt, seed), origin.test, origin.how)
        probability = against([PLAIN], drawn, SETTINGS)[PLAIN.name]
        metrics = judge(origin.test, probability)
        found.append({"roc_auc": metrics.roc_auc, "captured_10": metrics.captured_10})
    return found


def book(lines: Path, folder: Path) -> Tables:
    """Return the book that the example makes of the invoice lines, written to a new folder."""
    spec = importlib.util.spec_from_file_location("prepare", PREPARE)
    assert spec is not None and spec.loader is not None
    prepare: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    folder.mkdir()
    for name, table in prepare.to_tables(prepare.read_lines(lines)).items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return validate(open_source(folder))
