"""The verdict on the hazard's course: compared with the single-horizon model at the horizons other than its own.

In: later rows with the days to their churns, and the predictions of both models, which learnt from earlier data. Out: a
`HazardVerdict`, with ROC AUC and Brier score at 90, 180 and 365 days and at the rule's horizon, and account-clustered
intervals. Four forecasts are compared:

- the hazard by itself;
- the risk that reports show: the hazard's course at the single-horizon model's level
  (`training.models.survival.anchored`);
- the single-horizon model's probability, which is only a ranking at a horizon other than its own;
- the same probability spread evenly over time, which ranks as it does.

What is shown decides, not the hazard by itself: nobody sees its ranking at the rule's horizon, where the risk shown is
the single-horizon model's probability. The course tells something at the other horizons only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.models.landmarks import Landmarks
from training.models.survival import anchored, risk_within
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, difference, intervals, mean_over, ratio
from training.worth.evaluation import auc_figure, date_rows

HORIZONS = (90, 180, 365)
HAZARD, SHOWN, SINGLE, EVEN = "hazard", "shown", "single horizon", "spread evenly"
#: What is shown minus the single-horizon model, whose Brier score is that of its probability spread evenly.
DIFFERENCE = "difference"
#: The course is as good if it surely keeps this share of the single-horizon model's gain over .5.
KEPT = 0.95


@dataclass(frozen=True)
class AtHorizon:
    """The hazard and the single-horizon model at one horizon.

    Attributes
    ----------
    days : int
    rows, churned : int
        Rows whose outcome within the horizon is known.
    churn_rate, mean_risk : float
        Realised rate, and mean of the risk shown, 0-1.
    roc_auc : mapping of 'hazard', 'shown', 'single horizon' and 'difference' to Interval
        Mean over the as-of dates.
    brier : mapping of 'hazard', 'shown', 'spread evenly' and 'difference' to Interval
        0-1, lower is better.
    """

    days: int
    rows: int
    churned: int
    churn_rate: float
    mean_risk: float
    roc_auc: Mapping[str, Interval]
    brier: Mapping[str, Interval]

    @property
    def as_good(self) -> bool:
        """Whether the course shown is as good as none; see `judge_hazard`."""
        gap, gain = self.roc_auc[DIFFERENCE], self.roc_auc[SINGLE].value - 0.5
        ranks = gap.value >= 0 and gap.low >= -(1 - KEPT) * max(gain, 0.0)
        return ranks and self.brier[DIFFERENCE].low <= 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, an interval as value, low and high."""
        roc_auc = {name: interval.as_dict() for name, interval in self.roc_auc.items()}
        brier = {name: interval.as_dict() for name, interval in self.brier.items()}
        return vars(self) | {"roc_auc": roc_auc, "brier": brier}


@dataclass(frozen=True)
class HazardVerdict:
    """Whether the hazard's course is good enough to be shown, and its figures at every horizon with enough data.

    Attributes
    ----------
    horizon_days : int
        The rule's horizon, at which there is no course to judge.
    as_good : bool
        Whether the course is as good as none at every other horizon. False when no other horizon can be judged.
    horizons : tuple of AtHorizon
        Sorted by rising horizon.
    """

    horizon_days: int
    as_good: bool
    horizons: tuple[AtHorizon, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, None for NaN."""
        return vars(self) | {"horizons": [horizon.as_dict() for horizon in self.horizons]}


def judge_hazard(
    test: Landmarks, monthly: np.ndarray, single: np.ndarray, horizon_days: int, bootstraps: int, seed: int
) -> HazardVerdict:
    """Compare the risk shown with the single-horizon model.

    The course is as good as none when three conditions hold at each horizon other than the rule's. The ROC AUC of the
    risk shown is at least that of the single-horizon model. The paired interval excludes a loss of more than a
    twentieth of that model's gain over .5: the first condition says little with few churns, and an interval that
    excludes any loss would demand a better course, not an equally good one. And its Brier score is not worse, beyond
    chance, than that of the single-horizon model's probability spread evenly over time.

    Parameters
    ----------
    test : Landmarks
        n rows later than the rows both models learnt from, with all churns known so far.
    monthly : array of shape (n, 12)
        Hazards, 0-1, not anchored.
    single : array of shape (n,)
        The single-horizon model's probability of churning within the rule's horizon, 0-1.
    horizon_days : int
        The rule's horizon.
    bootstraps, seed : int
        Number of resamples and seed of the intervals.
    """
    shown, even = (anchored(course, single, horizon_days) for course in (monthly, np.zeros_like(monthly)))
    horizons = []
    for days in sorted({*HORIZONS, horizon_days}):
        rows, data = test.rows_known(days), test.within(days)
        if date_rows(data):
            courses = {HAZARD: monthly, SHOWN: shown, EVEN: even}
            risks = {name: risk_within(course[rows], days) for name, course in courses.items()}
            horizons.append(_at_horizon(data, days, risks, single[rows], bootstraps, seed))
    others = [horizon.as_good for horizon in horizons if horizon.days != horizon_days]
    return HazardVerdict(horizon_days, bool(others) and all(others), tuple(horizons))


def _at_horizon(
    data: Dataset, days: int, risk: Mapping[str, np.ndarray], single: np.ndarray, bootstraps: int, seed: int
) -> AtHorizon:
    ranked = {HAZARD: risk[HAZARD], SHOWN: risk[SHOWN], SINGLE: single}
    aucs = {name: auc_figure(data, probability) for name, probability in ranked.items()}
    aucs[DIFFERENCE] = difference(aucs[SHOWN], aucs[SINGLE])
    briers = {name: brier_figure(data, probability) for name, probability in risk.items()}
    briers[DIFFERENCE] = difference(briers[SHOWN], briers[EVEN])
    return AtHorizon(
        days=days,
        rows=len(data),
        churned=int(data.churned.sum()),
        churn_rate=float(data.churned.mean()),
        mean_risk=float(risk[SHOWN].mean()),
        roc_auc=intervals(data.accounts, aucs, bootstraps, seed),
        brier=intervals(data.accounts, briers, bootstraps, seed),
    )


def brier_figure(data: Dataset, probability: np.ndarray) -> Figure:
    """Return the mean Brier score over the dates as a function of row weights; `probability` has shape (n,)."""
    error = (probability - data.churned) ** 2
    dates = date_rows(data)

    def at_date(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return ratio(weight @ error[rows], weight.sum(axis=-1))

    return lambda weight: mean_over([at_date(rows, weight[..., rows]) for rows in dates])
