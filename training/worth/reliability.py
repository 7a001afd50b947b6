"""How far probabilities agree with outcomes, in accounts and in money.

In: labelled rows and their churn probabilities. Out: `Reliability`, the calibration slope and, by band of revenue, the
predicted and the lost revenue.

The calibration slope is the slope of a logistic regression of the outcome on the log-odds of the probability. 1 is
right; below 1 the probabilities are too extreme. Revenue bands split the accounts of each date by rank in revenue.

References
----------
Cox, "Two further applications of a model for binary regression", 1958 (slope and intercept).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, intervals, one_by_one, plain, ratio

#: Name -> the shares of the accounts, counted from the smallest revenue, at which the band begins and ends.
BANDS: Mapping[str, tuple[float, float]] = {
    "smaller half": (0.0, 0.5),
    "next 30 %": (0.5, 0.8),
    "next 15 %": (0.8, 0.95),
    "largest 5 %": (0.95, 1.0),
}
STEPS, CONVERGED, FLAT = 60, 1e-8, 1e-12


@dataclass(frozen=True)
class Band:
    """Predicted and realised figures of one band of revenue, over all dates judged.

    Attributes
    ----------
    name : str
    rows, churned : int
    predicted_rate, churn_rate : float
        Mean probability, and the share that churned.
    predicted_loss, realised_loss : float
        Revenue of 365 days in currency: sum of probability x revenue, and revenue of the accounts that churned.
    ratio : Interval
        Predicted divided by realised loss.
    """

    name: str
    rows: int
    churned: int
    predicted_rate: float
    churn_rate: float
    predicted_loss: float
    realised_loss: float
    ratio: Interval


@dataclass(frozen=True)
class Reliability:
    """How far the probabilities can be trusted.

    Attributes
    ----------
    slope, weighted_slope : Interval
        Calibration slope, unweighted and weighted by revenue.
    bands : tuple of Band
        From the smallest revenue to the largest, then all accounts together.
    """

    slope: Interval
    weighted_slope: Interval
    bands: tuple[Band, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "slope": self.slope.as_dict(),
            "weighted_slope": self.weighted_slope.as_dict(),
            "bands": [{**plain(band), "ratio": band.ratio.as_dict()} for band in self.bands],
        }

    def warning(self) -> str | None:
        """Return a warning where the predicted loss is too low or too high beyond chance, else None."""
        (whole,) = (band for band in self.bands if band.name == "all")
        if not (whole.ratio.high < 1 or whole.ratio.low > 1):
            return None
        low = whole.ratio.high < 1
        return (
            f"the predicted loss was {whole.ratio.value:.2f} times ({whole.ratio.low:.2f} to {whole.ratio.high:.2f}) "
            f"what was lost, with {whole.predicted_rate:.1%} predicted to churn and {whole.churn_rate:.1%} that did: "
            f"probabilities and money at risk may be too {'low' if low else 'high'}; the order of accounts is not "
            "affected"
        )


def reliability(data: Dataset, probability: np.ndarray, settings: TrainingSettings) -> Reliability:
    """Compare probabilities, shape (n,), with outcomes."""
    masks = {name: _band_rows(data, low, high) for name, (low, high) in BANDS.items()}
    masks["all"] = np.ones(len(data), dtype=bool)
    figures: dict[str, Figure] = {name: _ratio(data, probability, mask) for name, mask in masks.items()}
    figures["slope"] = slope_figure(data.churned, probability)
    figures["weighted slope"] = slope_figure(data.churned, probability, data.revenue)
    measured = intervals(data.accounts, figures, settings.bootstraps, settings.seed)
    bands = tuple(_band(name, data.take(mask), probability[mask], measured[name]) for name, mask in masks.items())
    return Reliability(measured["slope"], measured["weighted slope"], bands)


def slope_figure(churned: np.ndarray, probability: np.ndarray, size: np.ndarray | None = None) -> Figure:
    """Return the calibration slope as a function of row weights.

    All arrays have shape (n,). The weights multiply `size`, by default 1 for each row.
    """
    margin = logit(np.clip(probability, 1e-9, 1 - 1e-9))
    each = np.ones(len(margin)) if size is None else size
    return one_by_one(lambda weight: _slope(margin, churned.astype(float), weight * each))


def _slope(margin: np.ndarray, churned: np.ndarray, weight: np.ndarray) -> float:
    """Fit a weighted logistic regression on one variable by Newton's method, in steps of at most 1.

    Return the slope; NaN when the likelihood has no maximum.
    """
    if min(weight[churned > 0].sum(), weight[churned == 0].sum()) <= 0 or np.ptp(margin) < FLAT:
        return float("nan")
    scale = margin.std()
    design = np.column_stack([(margin - margin.mean()) / scale, np.ones(len(margin))])
    coefficients = np.array([scale, 0.0])
    for _ in range(STEPS):
        rate = expit(design @ coefficients)
        gradient = design.T @ (weight * (churned - rate))
        curvature = (design * (weight * rate * (1 - rate))[:, None]).T @ design
        if np.linalg.det(curvature) < FLAT * weight.sum() ** 2:
            return float("nan")
        step = np.linalg.solve(curvature, gradient)
        coefficients = coefficients + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < CONVERGED:
            return float(coefficients[0] / scale)
    return float("nan")


def _band_rows(data: Dataset, low: float, high: float) -> np.ndarray:
    inside = np.zeros(len(data), dtype=bool)
    for day in np.unique(data.as_of):
        rows = np.flatnonzero(data.as_of == day)
        ranked = rows[np.argsort(data.revenue[rows], kind="stable")]
        inside[ranked[round(low * len(rows)) : round(high * len(rows))]] = True
    return inside


def _ratio(data: Dataset, probability: np.ndarray, mask: np.ndarray) -> Figure:
    predicted, realised = probability * data.revenue * mask, data.churned * data.revenue * mask
    return lambda weight: ratio(weight @ predicted, weight @ realised)


def _band(name: str, rows: Dataset, probability: np.ndarray, ratio: Interval) -> Band:
    return Band(
        name=name,
        rows=len(rows),
        churned=int(rows.churned.sum()),
        predicted_rate=float(probability.mean()) if len(rows) else float("nan"),
        churn_rate=float(rows.churned.mean()) if len(rows) else float("nan"),
        predicted_loss=float(probability @ rows.revenue),
        realised_loss=float(rows.churned @ rows.revenue),
        ratio=ratio,
    )
