"""(bundle, matrix, probability) -> when an account may leave, and what may be lost though it stays.

For batch scoring, which has the time for it: the endpoint answers without. Each half is there where the bundle carries
its model. The hazard gives the course over time only; its level is that of the served probability (see
`training.models.survival.anchored`), so that no figure here contradicts the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from features.matrix import Matrix
from training.bundle.bundle import Bundle
from training.judge.horizons import HORIZONS
from training.models.contraction import expected_contraction
from training.models.survival import anchored, restricted_mean, risk_within

YEAR_DAYS = 365


@dataclass(frozen=True)
class Foreseen:
    """What the hazard and the contraction say of each row of a matrix; None where the bundle has no such model.

    Attributes
    ----------
    risk : array of shape (rows, 3) or None
        Probability of churning within 90, 180 and 365 days of as_of + lead, given that the lead is survived, 0-1. At
        the rule's horizon it is the churn probability, to 1e-9.
    mean_days : array of shape (rows,) or None
        Mean of min(days from as_of + lead to the churn, 365), 0-365.
    contraction : array of shape (rows,) or None
        Revenue expected to be lost though the account stays, currency a year; at most (1 - p) revenue_365d, not
        below 0.
    """

    risk: np.ndarray | None
    mean_days: np.ndarray | None
    contraction: np.ndarray | None

    def of(self, row: int) -> dict[str, Any]:
        """Return one row as plain values; what is not known is left out.

        Returns
        -------
        dict
            {"risk": [{"days": 90, "probability": 0.05}, ...], "mean_days": 340.2, "expected_contraction": 1200.0}
        """
        found: dict[str, Any] = {}
        if self.risk is not None and self.mean_days is not None:
            risks = zip(HORIZONS, self.risk[row], strict=True)
            found["risk"] = [{"days": days, "probability": float(risk)} for days, risk in risks]
            found["mean_days"] = float(self.mean_days[row])
        if self.contraction is not None:
            found["expected_contraction"] = float(self.contraction[row])
        return found


def foresee(bundle: Bundle, matrix: Matrix, probability: np.ndarray) -> Foreseen | None:
    """Return what the bundle's further models say of every row; None where it has none, or there is no row.

    Parameters
    ----------
    probability : array of shape (rows,)
        The served churn probability, 0-1.
    """
    if not len(matrix) or (bundle.hazard is None and bundle.contraction is None):
        return None
    risk = mean_days = contraction = None
    if bundle.hazard is not None:
        monthly = anchored(bundle.hazard.monthly(matrix), probability, bundle.rule.horizon_days)
        risk = np.column_stack([risk_within(monthly, days) for days in HORIZONS])
        mean_days = restricted_mean(monthly, YEAR_DAYS)
    if bundle.contraction is not None:
        revenue = matrix.facts["revenue_365d"].to_numpy(float)
        contraction = expected_contraction(probability, bundle.contraction.share(matrix), revenue)
    return Foreseen(risk, mean_days, contraction)
