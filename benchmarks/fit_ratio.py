"""Our fit step beside a bare LightGBM fit of the same matrix: the ratio of their times, in the same process.

Ours is `training.models.trees.fit_trees` from the labelled slices of a simulated book: categories learnt and encoded,
tables removed from some rows, revenue weights without giants, monotone constraints, the trees. Bare is
`lightgbm.Dataset` and `lightgbm.train` on the matrix encoded beforehand: the same rows, tree parameters, categorical
columns and number of rounds; no weights, no constraints, nothing removed. Both bin the matrix anew. They take turns
after a warm-up of each; a ratio is of neighbours in time, the figure is the median. Processor time stands beside wall
time, which others on the machine disturb. Computing the signals and the folds that choose are no part of either.

    python -m benchmarks fit-ratio
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from benchmarks.record import record
from features.console import say
from features.signal import all_signals
from features.simulation import World, simulate
from features.sources import open_source
from features.validation import validate
from training.models.trees import Encoder, fit_trees
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.slices.preparing import prepare

SIZES = (2000, 5000)
REPEATS = 7
WEIGHTING = "revenue"
MOST = 1.3
OURS, BARE = "ours", "bare LightGBM"


def fit_ratio() -> None:
    """Measure and record."""
    found = {f"{accounts} accounts": measure(accounts, REPEATS) for accounts in SIZES}
    summary = {size: {"ratio": one["ratio"], "cpu_ratio": one["cpu_ratio"]} for size, one in found.items()}
    within = all(one["ratio"]["median"] <= MOST for one in found.values())
    how = {"repeats": REPEATS, "most": MOST, "omp_num_threads": os.environ.get("OMP_NUM_THREADS")}
    record("fit_ratio", {**how, "summary": {**summary, "within": within}, "sizes": found})


def measure(accounts: int, repeats: int) -> dict[str, Any]:
    """Return times in seconds and their ratios on a simulated book of so many accounts."""
    settings = TrainingSettings()
    with tempfile.TemporaryDirectory() as folder:
        simulate(World(accounts=accounts), Path(folder))
        data = prepare(validate(open_source(folder)), settings).data
    fits = {OURS: lambda: _ours(data, settings), BARE: _bare(data, settings)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    for number in range(repeats + 1):
        for name, fit in fits.items():
            took = _timed(fit)
            if number:
                times[name].append(took)
    wall, cpu = (np.array([[took[kind] for took in times[name]] for name in fits]) for kind in (0, 1))
    seconds = {name: float(np.median(row)) for name, row in zip(fits, wall, strict=True)}
    say(f"fit_ratio: {accounts} accounts, {len(data)} rows: {seconds}")
    return {
        "rows": len(data),
        "columns": len(all_signals()),
        "rounds": settings.fit.max_rounds,
        "seconds": seconds,
        "ratio": _quartiles(wall[0] / wall[1]),
        "cpu_ratio": _quartiles(cpu[0] / cpu[1]),
    }


def _ours(data: Dataset, settings: TrainingSettings) -> None:
    fit_trees(data, settings.fit, settings.seed, settings.fit.max_rounds, WEIGHTING, settings.economics)


def _bare(data: Dataset, settings: TrainingSettings) -> Callable[[], None]:
    """Return a fit of the matrix as it is encoded now."""
    text = [item.name for item in all_signals() if item.is_text]
    rows = Encoder.of(data.matrix.signals, text).encode(data.matrix.signals)
    positions = [position for position, item in enumerate(all_signals()) if item.is_text]
    parameters = settings.fit.parameters(settings.seed)

    def fit() -> None:
        train = lightgbm.Dataset(rows, data.churned, categorical_feature=positions)
        lightgbm.train(parameters, train, num_boost_round=settings.fit.max_rounds)

    return fit


def _timed(fit: Callable[[], None]) -> tuple[float, float]:
    """Return wall time and processor time of one fit, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    fit()
    return time.perf_counter() - wall, time.process_time() - cpu


def _quartiles(ratios: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high)}
