"""Metrics of a ranking: plain, weighted by revenue, lost revenue captured, and profit.

In: labelled rows and their scores. Out: `Metrics`, or a `Figure` for intervals. Every metric is computed at each as-of
date and averaged over the dates, so differences in churn rate between dates do not influence it.

References
----------
Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015 (expected calibration error).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from features.errors import NotEnoughData
from training.contacting import Economics
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, mean_of, mean_over, plain, ratio, whole
from training.worth.economics import expected_profit, realised_profit
from training.worth.pairs import Pairs

TOP = 0.10
BINS = 10


@dataclass(frozen=True)
class Metrics:
    """The metrics of one ranking on one set of rows; `weighted_*` weigh every account by its revenue of 365 days.

    A metric that cannot be computed is NaN, and None in `as_dict`: for instance the share captured when nothing was
    lost.

    Attributes
    ----------
    roc_auc, pr_auc, brier, calibration_error : float
        0-1. Lower is better for Brier score and calibration error.
    lift_10 : float
        Churn rate among the 10 % with the highest probability, divided by the churn rate of all.
    captured_5, captured_10, captured_20 : float
        Share of the lost revenue that belonged to the 5, 10, 20 % of accounts with the highest revenue at risk.
    profit_at_capacity : float
        Profit of contacting accounts by falling expected profit, as many as capacity allows; currency per account of
        the book.
    largest_loss_share : float
        Share of the lost revenue that belonged to the largest lost account. Near 1, one account decides what was
        captured.
    rows, churned : int
    churn_rate, lost_revenue_share : float
        Share of the accounts, and of the revenue, that was lost.
    """

    roc_auc: float
    pr_auc: float
    brier: float
    calibration_error: float
    lift_10: float
    captured_5: float
    captured_10: float
    captured_20: float
    profit_at_capacity: float
    weighted_roc_auc: float
    weighted_pr_auc: float
    weighted_brier: float
    weighted_calibration_error: float
    weighted_lift_10: float
    largest_loss_share: float
    rows: int
    churned: int
    churn_rate: float
    lost_revenue_share: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the metrics as plain values, None for NaN."""
        return plain(self)


def captured(churned: np.ndarray, revenue: np.ndarray, risk: np.ndarray, weight: np.ndarray, top: float = TOP) -> float:
    """Return the share of lost revenue in the `top` share of accounts by `risk`; NaN when nothing was lost.

    Parameters
    ----------
    churned, revenue, risk : arrays of shape (n,)
        0 or 1; currency; any score that rises with risk.
    weight : array of shape (n,)
        How often each account counts.
    top : float
        0-1.
    """
    order = np.argsort(-risk, kind="stable")
    return float(_share_in_top((churned * revenue)[order], weight[order], top))


def lift(churned: np.ndarray, score: np.ndarray, weight: np.ndarray, top: float = TOP) -> float:
    """Return the churn rate in the `top` share by `score`, divided by that of all; NaN when no account churned.

    Parameters
    ----------
    churned, score, weight : arrays of shape (n,)
        0 or 1; any score that rises with risk; how often each account counts.
    top : float
        0-1.
    """
    order = np.argsort(-score, kind="stable")
    return float(_share_in_top(churned[order], weight[order], top)) / top


def _share_in_top(amount: np.ndarray, weight: np.ndarray, top: float) -> np.ndarray:
    """Share of `amount`, shape (n,), in the first `top` of the weight, shape (..., n); the result has shape (...)."""
    held = np.flatnonzero(amount)
    return ratio(_in_top(amount, weight, top), (amount[held] * weight[..., held]).sum(axis=-1))


def _in_top(amount: np.ndarray, weight: np.ndarray, top: float) -> np.ndarray:
    """Sum of the weighted `amount` in the first `top` share of the weight; the row at the edge counts in part."""
    until = np.cumsum(weight, axis=-1)
    edge = top * until[..., -1:]
    # Most rows lie beyond the edge under every weight: they add nothing.
    count = int((until < edge).sum(axis=-1).max()) + 1
    amount, weight, until = amount[:count], weight[..., :count], until[..., :count]
    inside = np.clip((edge - (until - weight)) / np.where(weight > 0, weight, 1), 0, 1)
    return np.asarray((amount * weight * inside).sum(axis=-1))


def calibration_error(churned: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> float:
    """Return the expected calibration error over ten bins of equal count; all arrays have shape (n,)."""
    edges = np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, probability, side="right")
    gap = np.bincount(bins, weight * (probability - churned), BINS)
    return float(np.abs(gap).sum() / weight.sum())


def judge(
    data: Dataset,
    probability: np.ndarray,
    economics: Economics = Economics(),  # noqa: B008 (frozen)
) -> Metrics:
    """Judge one ranking.

    Parameters
    ----------
    probability : array of shape (n,)
        Churn probability, 0-1.
    economics : Economics
        Value and cost of a contact, and the capacity for contacts.

    Raises
    ------
    NotEnoughData
        When there is no date at which some accounts churned and some stayed.
    """
    if not date_rows(data):
        raise NotEnoughData(
            f"{data.churned.sum()} of {len(data)} accounts churned: there is nothing to judge a ranking by"
        )
    by_date = [_at_date(data.take(rows), probability[rows], economics) for rows in date_rows(data)]
    means = {name: mean_of([date[name] for date in by_date]) for name in by_date[0]}
    lost = data.revenue[data.churned].sum() / max(data.revenue.sum(), 1e-12)
    return Metrics(
        **means,
        rows=len(data),
        churned=int(data.churned.sum()),
        churn_rate=float(data.churned.mean()),
        lost_revenue_share=float(lost),
    )


def date_rows(data: Dataset) -> list[np.ndarray]:
    """Return the row numbers of each as-of date at which both outcomes occur, one int array per date."""
    dates = [np.flatnonzero(data.as_of == day) for day in np.unique(data.as_of)]
    return [rows for rows in dates if 0 < data.churned[rows].sum() < len(rows)]


def _at_date(data: Dataset, probability: np.ndarray, economics: Economics) -> dict[str, float]:
    churned, each, revenue = data.churned.astype(float), np.ones(len(data)), data.revenue
    lost = churned * revenue
    figures = {
        f"captured_{round(100 * top)}": captured(churned, revenue, probability * revenue, each, top)
        for top in (0.05, 0.10, 0.20)
    }
    figures["profit_at_capacity"] = whole(profit_figure(data, probability, economics), len(data))
    figures["largest_loss_share"] = float(lost.max() / lost.sum()) if lost.sum() > 0 else float("nan")
    for prefix, weight in (("", each), ("weighted_", revenue if revenue.sum() > 0 else each)):
        roc_auc, precision = float("nan"), float("nan")
        if len(np.unique(churned[weight > 0])) == 2:
            roc_auc = roc_auc_score(churned, probability, sample_weight=weight)
            precision = average_precision_score(churned, probability, sample_weight=weight)
        figures[f"{prefix}roc_auc"], figures[f"{prefix}pr_auc"] = roc_auc, precision
        figures[f"{prefix}lift_10"] = lift(churned, probability, weight)
        figures[f"{prefix}brier"] = brier_score_loss(churned, probability, sample_weight=weight)
        figures[f"{prefix}calibration_error"] = calibration_error(churned, probability, weight)
    return figures


def auc_figure(data: Dataset, score: np.ndarray) -> Figure:
    """Return the mean ROC AUC over the dates as a function of row weights; `score` has shape (n,)."""
    prepared = [Pairs.of(rows[np.argsort(score[rows], kind="stable")], data.churned, score) for rows in date_rows(data)]
    return lambda weight: mean_over([pairs.auc(weight) for pairs in prepared])


def captured_figure(data: Dataset, risk: np.ndarray, top: float = TOP) -> Figure:
    """Return the mean over the dates of `captured` as a function of row weights; `risk` has shape (n,)."""
    lost, prepared = data.churned * data.revenue, _falling(data, risk)
    return lambda weight: mean_over([_share_in_top(lost[rows], weight[..., rows], top) for rows in prepared])


def profit_figure(data: Dataset, probability: np.ndarray, economics: Economics) -> Figure:
    """Return the profit of contacting by falling expected profit up to capacity, as a function of row weights.

    Each account gets the action that is expected to bring most. The profit is in currency per account, mean over the
    dates; `probability` has shape (n,).
    """
    value = data.matrix.value
    profit = realised_profit(data.churned, probability, value, economics)
    prepared = _falling(data, expected_profit(probability, value, economics))

    def at_date(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return ratio(_in_top(profit[rows], weight, economics.capacity), weight.sum(axis=-1))

    return lambda weight: mean_over([at_date(rows, weight[..., rows]) for rows in prepared])


def cutoff_figure(
    data: Dataset, probability: np.ndarray, economics: Economics, cutoffs: Mapping[np.datetime64, float]
) -> Figure:
    """Return the profit of contacting every account whose expected profit reaches the cutoff of its date.

    The figure is a function of row weights: currency per account, mean over the dates that have a cutoff.

    Parameters
    ----------
    probability : array of shape (n,)
        Churn probability, 0-1.
    cutoffs : mapping of as-of date to float
        The cutoff of expected profit that was set before the date, in currency.
    """
    value = data.matrix.value
    score = expected_profit(probability, value, economics)
    profit = realised_profit(data.churned, probability, value, economics)
    dates = [rows for rows in date_rows(data) if data.as_of[rows[0]] in cutoffs]
    brought = [profit[rows] * (score[rows] >= cutoffs[data.as_of[rows[0]]]) for rows in dates]
    pairs = list(zip(dates, brought, strict=True))
    return lambda weight: mean_over([_per_account(amount, weight[..., rows]) for rows, amount in pairs])


def _per_account(amount: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return ratio((amount * weight).sum(axis=-1), weight.sum(axis=-1))


def _falling(data: Dataset, score: np.ndarray) -> list[np.ndarray]:
    """Return the row numbers of each date, sorted by falling score."""
    return [rows[np.argsort(-score[rows], kind="stable")] for rows in date_rows(data)]
