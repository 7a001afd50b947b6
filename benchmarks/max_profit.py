"""EMPB and AUEPC, the published profit measures for B2B churn: they never select a model.

EMPB is the profit per customer at the best cut of a ranking, and finds that cut on the very labels it is judged by.
AUEPC is the area under the curve of profit over that of a perfect ranking, 1 at best; it is drawn as far as a perfect
ranking still earns, so it falls below 0 where few leave and most contacts cost more than they bring. Both are computed
by `empulse` 0.13 or later: before, EMPB was on another scale; since 0.13 it is a mean per customer, in currency.

The chance that a contact keeps a leaver is Beta(20 g, 20 (1 - g)) with mean g: Beta(6, 14), the usual one, at g = .3.
Both measures use its mean alone.

References
----------
Janssens, Bogaert, Bagué & Van den Poel, "B2Boost: instance-dependent profit-driven modelling of B2B churn", Annals of
Operations Research, 2022 (EMPB).
Rahman, Janssens & Bogaert, "Profit-driven pre-processing in B2B customer churn modeling using fairness techniques",
Journal of Business Research 189, 115159, 2025 (AUEPC). doi:10.1016/j.jbusres.2024.115159
"""

from __future__ import annotations

from typing import Any

import numpy as np

from training.contacting import Action
from training.slices.dataset import Dataset
from training.worth.bootstrap import mean_of
from training.worth.evaluation import date_rows

#: alpha + beta of the success rate's distribution.
CONCENTRATION = 20.0
#: A Beta distribution has no mean of exactly 0 or 1.
LEAST_RATE = 1e-9


def empb(data: Dataset, score: np.ndarray, action: Action) -> float:
    """Return the expected maximum profit per customer, in currency, 0 or more; mean over the dates.

    Parameters
    ----------
    data : Dataset
        n rows; those of value 0 are left out.
    score : array of shape (n,)
        Expected profit of contacting, or any score by which accounts are called, highest first.
    action : Action
        The one kind of contact that the metric knows of.

    Returns
    -------
    float
        Not a number where no date has both outcomes.
    """
    from empulse.metrics import empb_score

    return _mean_over_dates(empb_score, data, score, action)


def auepc(data: Dataset, score: np.ndarray, action: Action) -> float:
    """Return the area under the expected profit curve, 1 at best, unbounded below; parameters and dates as `empb`."""
    from empulse.metrics import auepc_score

    return _mean_over_dates(auepc_score, data, score, action)


def _mean_over_dates(metric: Any, data: Dataset, score: np.ndarray, action: Action) -> float:
    valued = data.matrix.value > 0
    part, ranked = data.take(valued), score[valued]
    rate = float(np.clip(action.success_rate, LEAST_RATE, 1 - LEAST_RATE))
    found = [
        metric(
            part.churned[rows].astype(int),
            ranked[rows],
            clv=part.matrix.value[rows],
            alpha=CONCENTRATION * rate,
            beta=CONCENTRATION * (1 - rate),
            incentive_fraction=action.incentive_share,
            contact_cost=action.contact_cost,
        )
        for rows in date_rows(part)
    ]
    return mean_of(found)
