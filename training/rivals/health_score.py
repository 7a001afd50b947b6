"""The health score of customer-success suites: a hand-weighted mean of normalised measures, in groups.

In: a matrix. Out: the score, 0 to 1, shape (n,), and the rival `HEALTH`.

Each measure is scaled linearly from 0 (at `worst`) to 1 (at `best`); a value beyond a bound counts as the bound. The
score of a group is the mean of its known measures. The health score is the weighted mean of the known groups. Missing
groups are left out, and the weights of the rest are rescaled. Only the sigmoid from score to probability is learnt.

The weights of the groups come from a published calculator: usage .35, NPS .25, support .20, engagement .20. In trade,
purchases take the place of usage. The measures of each group and their bounds are this project's choice.

References
----------
Gainsight, "How to update customer health scorecards" (the score is the weighted mean of the measures).
https://support.gainsight.com/Product_Documentation/Scorecards/User_Guides/How_to_Update_Customer_Health_Scorecards_(1.0)
Planhat, "Setting up your health factors" (linear between two bounds).
https://help.planhat.com/en/articles/9587221-setting-up-your-health-factors
SaaS Tained Numbers, "Customer health score calculator" (the weights).
https://saastainednumbers.com/es/churn-retention/customer-health-score-calculator/
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.matrix import Matrix
from training.rivals.rules import rule


@dataclass(frozen=True)
class Measure:
    """A signal with the values at which it counts as 0 and as 1."""

    signal: str
    worst: float
    best: float


@dataclass(frozen=True)
class Group:
    """Measures that are averaged together, and the weight of the group in the score."""

    name: str
    weight: float
    measures: tuple[Measure, ...]


SCORECARD = (
    Group(
        "usage",
        0.35,
        (
            # A relative change of -1/3 is half the revenue of the half-year before, 1/3 is twice as much.
            Measure("revenue_trend_180d", worst=-1 / 3, best=1 / 3),
            Measure("invoice_recency_days", worst=180, best=0),
        ),
    ),
    Group(
        "NPS",
        0.25,
        (
            Measure("nps_last", worst=0, best=10),
            Measure("nps_slope_365d", worst=-3, best=3),
        ),
    ),
    Group(
        "support",
        0.20,
        (
            Measure("tickets_severe_365d", worst=3, best=0),
            Measure("tickets_open", worst=3, best=0),
            Measure("loops_open", worst=2, best=0),
            Measure("loop_closed_48h_share_365d", worst=0, best=1),
        ),
    ),
    Group(
        "engagement",
        0.20,
        (
            Measure("response_rate_180d", worst=0, best=0.5),
            Measure("silence_once_responsive", worst=1, best=0),
            Measure("contacts_active", worst=1, best=3),
        ),
    ),
)


def health(matrix: Matrix) -> np.ndarray:
    """Return the health score, 0 (worst) to 1 (best), shape (n,); NaN when no measure is known."""
    scores = np.column_stack([_group_score(matrix, group) for group in SCORECARD])
    weights = np.where(np.isnan(scores), 0.0, [group.weight for group in SCORECARD])
    return _ratio(np.nan_to_num(scores * weights).sum(axis=1), weights.sum(axis=1))


def _group_score(matrix: Matrix, group: Group) -> np.ndarray:
    scaled = np.clip(np.column_stack([_scaled(matrix, measure) for measure in group.measures]), 0, 1)
    return _ratio(np.nansum(scaled, axis=1), (~np.isnan(scaled)).sum(axis=1))


def _scaled(matrix: Matrix, measure: Measure) -> np.ndarray:
    return (matrix.signals[measure.signal].to_numpy(float) - measure.worst) / (measure.best - measure.worst)


def _ratio(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)


HEALTH = rule("health score", lambda matrix: 1 - health(matrix))
