"""Draws a training run as PNG files: calibration, gain in revenue, SHAP summary. Only this module imports SHAP."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from features.signal import all_signals
from training.judge.verdict import MODEL
from training.making.pipeline import Judged, Trained

BINS, SHAP_ROWS, SHAP_SIGNALS = 10, 2000, 20
INK, ACCENT, MUTED = "#1f2933", "#0b6e6e", "#9aa5b1"


def draw_plots(trained: Trained, folder: Path) -> list[Path]:
    """Draw the run's pictures as PNG into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    margin, churned = trained.out_of_fold
    figures = {
        "calibration": _calibration(trained.calibrator(margin), churned),
        "revenue_gain": _gain(trained.judged),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    paths.append(folder / "shap_summary.png")
    _shap_summary(trained, paths[-1])
    return paths


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _calibration(probability: np.ndarray, churned: np.ndarray) -> Figure:
    figure, axes = _axes(
        "Calibration, rows the trees had not seen", "predicted churn probability", "share that churned"
    )
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, BINS)
    x = [probability[rows].mean() for rows in bins]
    y = [churned[rows].mean() for rows in bins]
    error = [1.96 * np.sqrt(max(p * (1 - p), 1e-9) / len(rows)) for p, rows in zip(y, bins, strict=True)]
    top = max(*x, *y) * 1.1
    axes.plot([0, top], [0, top], color=MUTED, linewidth=1, label="perfect")
    axes.errorbar(x, y, yerr=error, marker="o", color=ACCENT, label="tenths of the rows, 95 % interval by row")
    axes.legend(frameon=False)
    return figure


def _gain(judged: Judged) -> Figure:
    figure, axes = _axes("Lost revenue caught", "share of accounts contacted", "share of the lost revenue")
    lost = judged.data.revenue * judged.data.churned
    share = np.arange(1, len(lost) + 1) / len(lost)
    for name, probability in judged.probabilities.items():
        order = np.argsort(-probability * judged.data.revenue, kind="stable")
        caught = np.cumsum(lost[order]) / max(lost.sum(), 1e-12)
        ours = name == MODEL
        axes.plot(share, caught, label=name, linewidth=2.2 if ours else 1, color=ACCENT if ours else None)
    axes.axvline(0.10, color=MUTED, linewidth=0.8, linestyle=":")
    axes.legend(frameon=False)
    return figure


def _shap_summary(trained: Trained, path: Path) -> None:
    """Draw SHAP's beeswarm of the latest slice, on pyplot, because the library draws there."""
    import matplotlib as mpl

    if "matplotlib.pyplot" not in sys.modules:  # a notebook keeps its own backend
        mpl.use("Agg")
    import shap
    from matplotlib import pyplot

    latest = trained.data.take(trained.data.as_of == trained.data.as_of.max())
    rng = np.random.default_rng(trained.settings.seed)
    pick = rng.permutation(len(latest))[:SHAP_ROWS]
    drawn = latest.take(pick).matrix
    encoded = trained.trees.encoder.encode(drawn.signals)
    values, _ = trained.fitted.margin.explain(drawn)
    known = ~np.isnan(encoded).all(axis=0)
    labels = np.array([signal.en for signal in all_signals()])[known]
    with mpl.rc_context():
        mpl.rcdefaults()  # SHAP cannot draw with every layout that a user may have set
        figure = pyplot.figure()  # SHAP draws on the current figure, which may be the user's
        shap.summary_plot(
            values[:, known],
            encoded[:, known],
            labels,
            max_display=SHAP_SIGNALS,
            show=False,
            rng=np.random.default_rng(trained.settings.seed),
        )
        figure.savefig(path, dpi=120, bbox_inches="tight")
        pyplot.close(figure)
