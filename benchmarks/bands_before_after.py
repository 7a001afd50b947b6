"""What share of accounts and of value each band holds: by the contract's rule, and by the one before it.

Before, one kind of contact (30 % success, an incentive of 5 % of the value, a cost of 15) decided: at risk was whom
contacting was expected to pay for. A model is fitted on each book, and the newest date is scored with it.

    CHURN_RISK_REAL_DATA=... python -m benchmarks bands
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.online_retail import FILE, book
from benchmarks.record import record
from features.simulation import World, simulate
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from serving.scoring.bands import FEW_RECORDS, NEW_DAYS, bands
from training.contacting import SINGLE
from training.making.packing import reference_of
from training.models.fitting import fit_model
from training.settings import ChurnRule, TrainingSettings
from training.slices.preparing import prepare
from training.worth.economics import action_profit, best_actions

ACCOUNTS, SEEDS = 1500, (1, 2)


def bands_before_after() -> None:
    """Fit, score the newest mature date, count, and record."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, tables, rule in _books(Path(scratch)):
            found[name] = _counted(tables, TrainingSettings(rule=rule))
    summary = {name: figures["now"]["at_risk"] for name, figures in found.items()}
    record("bands", {"summary": summary, "books": found})


def _books(folder: Path) -> Iterator[tuple[str, Tables, ChurnRule]]:
    for seed in SEEDS:
        simulate(World(accounts=ACCOUNTS, seed=seed), folder / str(seed))
        yield f"simulated, seed {seed}", validate(open_source(str(folder / str(seed)))), ChurnRule()
    if data := os.environ.get("CHURN_RISK_REAL_DATA"):
        yield "Online Retail II", book(Path(data) / FILE, folder / "retail"), ChurnRule(silence_days=180)


def _counted(tables: Tables, settings: TrainingSettings) -> dict[str, Any]:
    data = prepare(tables, settings).data
    fitted = fit_model(data, settings)
    reference = reference_of(data, fitted, settings.economics)
    newest = data.on(data.dates[-1:]).matrix
    probability, value = fitted.probability(newest), newest.value
    days, records = (newest.facts[name].to_numpy(float) for name in ("customer_days", "records_365d"))
    now = bands(probability, value, days, records, reference)
    incentive = SINGLE.incentive_share
    even = incentive / (SINGLE.success_rate * (1 - incentive) + incentive)
    pays = np.where(value > 0, action_profit(probability, value, SINGLE) > 0, probability >= even)
    unknown = (days < NEW_DAYS) | (records < FEW_RECORDS)
    before = np.select([unknown, pays], ["unknown", "at_risk"], "safe")
    place, profit = best_actions(probability, value, settings.economics)
    advised = (now == "at_risk") & (profit > 0)
    names = np.array([*settings.economics.actions])[place]
    return {
        "as_of": str(data.dates[-1]),
        "accounts": len(newest),
        "churn_rate": reference.churn_rate,
        "cutoff": reference.cutoff,
        "before": _shares(before, value),
        "now": _shares(now, value),
        "best_action": {name: int((advised & (names == name)).sum()) for name in settings.economics.actions},
    }


def _shares(band: np.ndarray, value: np.ndarray) -> dict[str, dict[str, float]]:
    return {
        name: {"accounts": float((band == name).mean()), "value": float(value[band == name].sum() / value.sum())}
        for name in ("at_risk", "safe", "unknown")
    }
