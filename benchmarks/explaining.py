"""SHAP values of the model's trees: ours beside LightGBM's own and `shap.TreeExplainer`, on the same encoded rows.

One thread, in this process, by turns; the figures are processor seconds, the least of some runs. The peers' values are
compared with ours. The rows are the training rows of a simulated book, repeated up to the size.

    python -m benchmarks explaining
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from benchmarks.serving import make_bundle
from features.console import say
from training.experts.shap_tables import ShapTables

SIZES, RUNS = (1, 100, 10_000, 100_000), {1: 50, 100: 20, 10_000: 3, 100_000: 1}


def explaining() -> None:
    """Measure and record."""
    import shap

    with tempfile.TemporaryDirectory() as folder:
        trained = make_bundle(Path(folder))
    trees = trained.trees
    began = time.process_time()
    tables = ShapTables.of(trees.booster)
    if tables is None:
        raise RuntimeError("the trees are too large for tables")
    figures: dict[str, Any] = {"seconds to make the tables": time.process_time() - began}
    encoded = trees.encoder.encode(trained.data.matrix.signals)
    explainer = shap.TreeExplainer(trees.booster)
    ways: dict[str, Callable[[np.ndarray], Any]] = {
        "ours": tables,
        "lightgbm": lambda rows: trees.booster.predict(rows, pred_contrib=True, num_threads=1),
        "shap": lambda rows: explainer.shap_values(rows, check_additivity=False),
    }
    for size in SIZES:
        rows = np.resize(encoded, (size, encoded.shape[1]))
        least = {name: min(_seconds(way, rows) for _ in range(RUNS[size])) for name, way in ways.items()}
        ratios = {f"{name} over ours": least[name] / least["ours"] for name in ("lightgbm", "shap")}
        apart = float(np.abs(tables(rows[:1000]) - np.asarray(ways["lightgbm"](rows[:1000]))).max())
        figures[f"{size} rows"] = {"processor_seconds": least, **ratios, "greatest difference to lightgbm's": apart}
        say(f"{size:,} rows: {figures[f'{size} rows']}")
    summary = {name: found["shap over ours"] for name, found in figures.items() if isinstance(found, dict)}
    record("explaining", {"summary": {"shap.TreeExplainer over ours": summary}, "figures": figures})


def _seconds(way: Callable[[np.ndarray], Any], rows: np.ndarray) -> float:
    began = time.process_time()
    way(rows)
    return time.process_time() - began
