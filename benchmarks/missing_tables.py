"""What each optional table is worth: the model trained with every table, and again without one.

On simulated books of our own generator, so an order to try tables in and no promise: a real book may lean on another.

    python -m benchmarks missing-tables
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.across import mean_interval
from benchmarks.record import record, resumed
from benchmarks.worlds import JUDGED, UNTIL
from features.console import say
from features.simulation import World, simulate
from features.sources import open_source
from features.tables import OPTIONAL_HISTORY
from features.validation import validate
from training.models.fitting import fit_model
from training.settings import TrainingSettings
from training.slices.dataset import build_dataset
from training.slices.preparing import prepare
from training.worth.bootstrap import whole
from training.worth.evaluation import auc_figure

SEEDS, ACCOUNTS = range(3), 2000
NOTHING = "nothing"


def missing_tables() -> None:
    """Measure each table and record what the ROC AUC loses without it."""
    found = [resumed("missing_tables", str(seed), lambda seed=seed: _measure(seed)) for seed in SEEDS]
    lost = {name: mean_interval([one[NOTHING] - one[name] for one in found]) for name in found[0] if name != NOTHING}
    lost = dict(sorted(lost.items(), key=lambda item: -item[1]["mean"]))
    record("missing_tables", {"accounts": ACCOUNTS, "roc_auc_lost_without": lost, "seeds": found})


def _measure(seed: int) -> dict[str, float]:
    """Return the ROC AUC without nothing, and without each table that the book has."""
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch)
        simulate(World(accounts=ACCOUNTS, seed=seed), book)
        names = [name for name in OPTIONAL_HISTORY if (book / f"{name}.parquet").is_file() and name != "churns"]
        found = {NOTHING: _roc_auc(book, seed)}
        for name in names:
            aside = (book / f"{name}.parquet").rename(book / f"{name}.aside")
            found[name] = _roc_auc(book, seed)
            aside.rename(book / f"{name}.parquet")
            say(f"seed {seed}: {found[NOTHING]:.4f} with all tables, {found[name]:.4f} without {name}")
    return found


def _roc_auc(book: Path, seed: int) -> float:
    settings = TrainingSettings(until=UNTIL, seed=seed, weighting="none")
    tables = validate(open_source(book))
    prepared = prepare(tables, settings)
    test = build_dataset(tables, JUDGED, settings.rule, prepared.recorded_since)
    probability: np.ndarray = fit_model(prepared.data, settings).probability(test.matrix)
    return whole(auc_figure(test, probability), len(test))
