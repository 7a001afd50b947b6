"""Metrics, plain and weighted by revenue, and what of the lost revenue a ranking would have caught.

Every metric is computed at each as-of date and averaged over the dates, so that no date's churn rate helps another.
Intervals come from resampling accounts, not rows: an account's dates stand or fall together.

References
----------
Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015 (expected calibration error).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from features.errors import NotEnoughData
from training.dataset import Dataset

TOP = 0.10
BINS = 10


@dataclass(frozen=True)
class Metrics:
    """The metrics of one ranking on one set of rows; `weighted_*` count every account by its revenue of 365 days.

    What cannot be told (what was captured where nothing was lost) is not a number here and null in `as_dict`.

    Attributes
    ----------
    roc_auc, pr_auc, brier, calibration_error : float
        0-1. Brier and calibration error are better when lower; null for a ranking that is no probability.
    lift_10 : float
        Churn rate among the 10 % with the highest probability over the churn rate of all.
    captured_10 : float
        Share of the lost revenue that the 10 % of accounts with the highest revenue at risk held.
    rows, churned : int
    churn_rate, lost_revenue_share : float
        Share of the accounts, and of the revenue, that were lost.
    """

    roc_auc: float
    pr_auc: float
    brier: float | None
    calibration_error: float | None
    lift_10: float
    captured_10: float
    weighted_roc_auc: float
    weighted_pr_auc: float
    weighted_brier: float | None
    weighted_calibration_error: float | None
    weighted_lift_10: float
    rows: int
    churned: int
    churn_rate: float
    lost_revenue_share: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the metrics as plain values, null for what is not a number."""
        return _plain(self)


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the interval as plain values, null for what is not a number."""
        return _plain(self)


def _plain(figures: Metrics | Interval) -> dict[str, float | int | None]:
    return {name: None if value != value else value for name, value in asdict(figures).items()}


def captured(churned: np.ndarray, revenue: np.ndarray, risk: np.ndarray, weight: np.ndarray, top: float = TOP) -> float:
    """Return the share of lost revenue in the `top` share of accounts by `risk`; NaN when nothing was lost.

    All arrays have shape (n,); `weight` counts an account several times (1 everywhere: each once).
    """
    order = np.argsort(-risk, kind="stable")
    return _share_in_top(churned[order] * revenue[order] * weight[order], weight[order], top)


def lift(churned: np.ndarray, score: np.ndarray, weight: np.ndarray, top: float = TOP) -> float:
    """Return the churn rate in the `top` share by `score` over that of all; NaN when nobody churned."""
    order = np.argsort(-score, kind="stable")
    return _share_in_top(churned[order] * weight[order], weight[order], top) / top


def _share_in_top(amount: np.ndarray, weight: np.ndarray, top: float) -> float:
    """Share of `amount` in the first `top` of the weight; the row on the edge counts in part."""
    total, room = amount.sum(), top * weight.sum()
    if total <= 0:
        return float("nan")
    before = np.cumsum(weight) - weight
    inside = np.clip((room - before) / np.where(weight > 0, weight, 1), 0, 1)
    return float((amount * inside).sum() / total)


def calibration_error(churned: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> float:
    """Return the expected calibration error over ten bins of equal count."""
    edges = np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, probability, side="right")
    gap = np.bincount(bins, weight * (probability - churned), BINS)
    return float(np.abs(gap).sum() / weight.sum())


def judge(
    data: Dataset, probability: np.ndarray, risk: np.ndarray | None = None, is_probability: bool = True
) -> Metrics:
    """Judge one ranking.

    Parameters
    ----------
    probability : array of shape (n,)
        Churn probability, or any score that grows with risk when `is_probability` is false.
    risk : array of shape (n,), optional
        What accounts are ranked by to catch lost revenue; by default probability x revenue.

    Raises
    ------
    NotEnoughData
        When at none of the dates some accounts churned and some stayed.
    """
    if not date_rows(data):
        raise NotEnoughData(
            f"{data.churned.sum()} of {len(data)} accounts churned: there is nothing to judge a ranking by"
        )
    risk = probability * data.revenue if risk is None else risk
    by_date = [_at_date(data, rows, probability, risk, is_probability) for rows in date_rows(data)]
    means = {name: None if by_date[0][name] is None else _mean([date[name] for date in by_date]) for name in by_date[0]}
    lost = data.revenue[data.churned].sum() / max(data.revenue.sum(), 1e-12)
    return Metrics(
        **means,  # type: ignore[arg-type]
        rows=len(data),
        churned=int(data.churned.sum()),
        churn_rate=float(data.churned.mean()),
        lost_revenue_share=float(lost),
    )


def date_rows(data: Dataset) -> list[np.ndarray]:
    """Return the row numbers of each as-of date at which both outcomes occur."""
    dates = [np.flatnonzero(data.as_of == day) for day in np.unique(data.as_of)]
    return [rows for rows in dates if 0 < data.churned[rows].sum() < len(rows)]


def _at_date(
    data: Dataset, rows: np.ndarray, probability: np.ndarray, risk: np.ndarray, is_probability: bool
) -> dict[str, float | None]:
    churned, score = data.churned[rows].astype(float), probability[rows]
    each, revenue = np.ones(len(rows)), data.revenue[rows]
    found: dict[str, float | None] = {"captured_10": captured(churned, revenue, risk[rows], each)}
    for prefix, weight in (("", each), ("weighted_", revenue if revenue.sum() > 0 else each)):
        both = len(np.unique(churned[weight > 0])) == 2
        found[f"{prefix}roc_auc"] = roc_auc_score(churned, score, sample_weight=weight) if both else float("nan")
        precision = average_precision_score(churned, score, sample_weight=weight) if both else float("nan")
        found[f"{prefix}pr_auc"] = precision
        found[f"{prefix}lift_10"] = lift(churned, score, weight)
        brier = brier_score_loss(churned, score, sample_weight=weight) if is_probability else None
        found[f"{prefix}brier"] = brier
        found[f"{prefix}calibration_error"] = calibration_error(churned, score, weight) if is_probability else None
    return found


Figure = Callable[[np.ndarray], float]


def auc_figure(data: Dataset, score: np.ndarray) -> Figure:
    """Return ROC AUC as a function of account weights, mean over the dates."""
    prepared = [(rows[np.argsort(score[rows], kind="stable")]) for rows in date_rows(data)]

    def figure(weight: np.ndarray) -> float:
        return _mean([_weighted_auc(data.churned[rows], score[rows], weight[rows]) for rows in prepared])

    return figure


def captured_figure(data: Dataset, risk: np.ndarray) -> Figure:
    """Return lost revenue captured in the top 10 % as a function of account weights, mean over the dates."""
    dates = date_rows(data)

    def figure(weight: np.ndarray) -> float:
        parts = [captured(data.churned[rows], data.revenue[rows], risk[rows], weight[rows]) for rows in dates]
        return _mean(parts)

    return figure


def _mean(figures: Sequence[float | None]) -> float:
    """Mean of the figures that are numbers; not a number when none is."""
    known = np.array(figures, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


def _weighted_auc(churned: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """ROC AUC of rows sorted by rising score, not a number without both outcomes; ties count half."""
    group = np.concatenate([[0], np.cumsum(np.diff(score) > 0)])
    lost = np.bincount(group, weight * churned)
    stayed = np.bincount(group, weight * ~churned)
    below = np.cumsum(stayed) - stayed
    pairs = lost.sum() * stayed.sum()
    return float((lost * (below + stayed / 2)).sum() / pairs) if pairs > 0 else float("nan")


def intervals(data: Dataset, figures: Mapping[str, Figure], bootstraps: int, seed: int) -> dict[str, Interval]:
    """Return each figure with its 95 % interval from resampled accounts, all figures on the same resamples.

    A paired difference is a figure like any other: `lambda w: ours(w) - theirs(w)`.
    """
    codes = np.unique(data.accounts, return_inverse=True)[1]
    size = codes.max() + 1
    rng = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(bootstraps):
        weight = rng.multinomial(size, np.full(size, 1 / size))[codes].astype(float)
        for name, figure in figures.items():
            draws[name].append(figure(weight))
    every = np.ones(len(data))
    made = {}
    for name, figure in figures.items():
        drawn = np.array(draws[name])
        known = drawn[~np.isnan(drawn)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (float("nan"), float("nan"))
        made[name] = Interval(figure(every), float(low), float(high))
    return made
