"""The verdict on the contraction model: compared on later slices with two forecasts that need no model.

In: the model, the rows it learnt from, later rows and their churn probabilities. Out: a `ContractionVerdict`.

The rivals are the book's mean share, weighted by revenue, and each account's shrinking of the last year, repeated. All
are judged in the form that reports show, (1 - p) share revenue_365d, against the loss: shrink revenue_365d for an
account that stayed, 0 for one that left. Intervals resample accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from features.errors import NotEnoughData
from features.matrix import Matrix
from training.models.contraction import Contraction, Shrinkage, expected_contraction
from training.worth.bootstrap import Figure, Interval, difference, intervals, one_by_one, ratio

MODEL, MEAN, REPEATED = "model", "book mean", "last year's shrinking repeated"
YEAR_ON_YEAR = "revenue_yoy_365d"


@dataclass(frozen=True)
class Judged:
    """Figures of one forecast of the share on the rows judged.

    Attributes
    ----------
    expected : float
        Sum of the expected losses, in currency per year.
    ratio : Interval
        Expected divided by actual loss; 1 is right.
    absolute_error, squared_error : Interval
        Errors of the share of the accounts that stayed, weighted by revenue, 0-1. The squared error decides, because
        it judges means.
    rank_correlation : Interval
        Spearman's correlation of the shares of the accounts that stayed, -1 to 1.
    gain : Interval or None
        Squared error minus the model's: above 0 the model is better. None for the model itself.
    """

    expected: float
    ratio: Interval
    absolute_error: Interval
    squared_error: Interval
    rank_correlation: Interval
    gain: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, an interval as value, low and high."""
        figures = vars(self).items()
        return {name: value.as_dict() if isinstance(value, Interval) else value for name, value in figures}


@dataclass(frozen=True)
class ContractionVerdict:
    """The contraction model and its rivals.

    Attributes
    ----------
    rows, accounts : int
    revenue, lost : float
        Sums over the rows of revenue_365d, and of the part of it lost by shrinking, in currency per year.
    judged : mapping of name to Judged
        'model' first.
    """

    rows: int
    accounts: int
    revenue: float
    lost: float
    judged: Mapping[str, Judged]

    @property
    def earns_its_place(self) -> bool:
        """Whether the model's squared error is lower than every rival's, with paired intervals above 0."""
        return all(figures.gain.above for figures in self.judged.values() if figures.gain is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, None for NaN."""
        judged = {name: figures.as_dict() for name, figures in self.judged.items()}
        return vars(self) | {"judged": judged, "earns_its_place": self.earns_its_place}


def judge_contraction(
    contraction: Contraction,
    learnt: Shrinkage,
    test: Shrinkage,
    probability: np.ndarray,
    bootstraps: int,
    seed: int,
) -> ContractionVerdict:
    """Judge the model and its rivals.

    Parameters
    ----------
    learnt : Shrinkage
        The rows on which the model was fitted.
    test : Shrinkage
        n later rows, purged against the rows learnt from.
    probability : array of shape (n,)
        Churn probability of each row, 0-1.
    bootstraps, seed : int
        Number of resamples and seed of the intervals.

    Raises
    ------
    NotEnoughData
        When nothing was lost by shrinking.
    """
    lost = np.where(test.data.churned, 0.0, test.share * test.data.revenue)
    if not lost.sum() > 0:
        raise NotEnoughData(f"none of {len(test)} rows shrank: there is nothing to judge contraction by")
    mean = _book_mean(learnt)
    shares = {
        MODEL: contraction.share(test.data.matrix),
        MEAN: np.full(len(test), mean),
        REPEATED: _repeated(test.data.matrix, mean),
    }
    accounts = test.data.accounts
    amounts = {name: expected_contraction(probability, share, test.data.revenue) for name, share in shares.items()}
    figures = {name: _figures(test, share, amounts[name], lost) for name, share in shares.items()}
    model_error = figures[MODEL]["squared_error"]
    gains = {name: difference(rival["squared_error"], model_error) for name, rival in figures.items() if name != MODEL}
    measured = {name: intervals(accounts, own, bootstraps, seed) for name, own in figures.items()}
    gained = intervals(accounts, gains, bootstraps, seed)
    return ContractionVerdict(
        rows=len(test),
        accounts=len(np.unique(accounts)),
        revenue=float(test.data.revenue.sum()),
        lost=float(lost.sum()),
        judged={
            name: Judged(float(amounts[name].sum()), **own, gain=gained.get(name)) for name, own in measured.items()
        },
    )


def _book_mean(learnt: Shrinkage) -> float:
    stayed = learnt.stayed
    return float(np.average(stayed.share, weights=stayed.data.revenue))


def _repeated(matrix: Matrix, mean: float) -> np.ndarray:
    """Share by which the last 365 days fell short of the 365 before, shape (n,); the book's mean where not known.

    The signal is c = (now - before) / (now + before), so now / before = (1 + c) / (1 - c).
    """
    change = matrix.signals[YEAR_ON_YEAR].to_numpy(float)
    fallen = np.minimum(change, 0.0)
    return np.where(np.isnan(change), mean, np.clip(-2 * fallen / (1 - fallen), 0, 1))


def _figures(test: Shrinkage, share: np.ndarray, amount: np.ndarray, lost: np.ndarray) -> dict[str, Figure]:
    stayed = ~test.data.churned
    revenue = test.data.revenue * stayed
    error = share - test.share
    return {
        "ratio": _over(amount, lost),
        "absolute_error": _over(np.abs(error) * revenue, revenue),
        "squared_error": _over(error**2 * revenue, revenue),
        "rank_correlation": _correlation(share, test.share, stayed),
    }


def _over(above: np.ndarray, below: np.ndarray) -> Figure:
    return lambda weight: ratio(weight @ above, weight @ below)


def _correlation(expected: np.ndarray, realised: np.ndarray, rows: np.ndarray) -> Figure:
    """Weighted correlation of ranks; NaN when one of the two does not vary."""
    ranks = np.stack([rankdata(expected[rows]), rankdata(realised[rows])])

    def figure(weight: np.ndarray) -> float:
        if np.ptp(ranks, axis=1).min() <= 0 or weight[rows].sum() <= 0:
            return float("nan")
        (first, covariance), (_, second) = np.cov(ranks, aweights=weight[rows])
        return float(covariance / np.sqrt(first * second)) if min(first, second) > 0 else float("nan")

    return one_by_one(figure)
