"""(bundle, matrix, probability) -> when an account may leave, and what may be lost though it stays.

For batch scoring, which has the time for it: the endpoint answers without. Each half is there where the bundle carries
its model. The hazard gives the course over time only; its level is that of the served probability (see
`training.models.survival.anchored`), so that no figure here contradicts the score.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from features.matrix import Matrix
from training.bundle.bundle import Bundle
from training.judge.horizons import HORIZONS
from training.lifetime_terms import LifetimeTerms
from training.models.contraction import expected_contraction
from training.models.lifetime import Lifetime, lifetime
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
    monthly : array of shape (rows, 12) or None
        Hazards of the months of 30 days from as_of + lead, of which `risk` is made.
    lifetime : Lifetime or None
        What each customer is expected to bring (`training.models.lifetime`); None unless both models are there.
    """

    risk: np.ndarray | None
    mean_days: np.ndarray | None
    contraction: np.ndarray | None
    monthly: np.ndarray | None = None
    lifetime: Lifetime | None = None

    def of(self, row: int) -> dict[str, Any]:
        """Return one row as plain values; what is not known is left out.

        Returns
        -------
        dict
            {"risk": [{"days": 90, "probability": 0.05}, ...], "mean_days": 340.2, "monthly": [0.01, ...],
            "expected_contraction": 1200.0, "lifetime": {"value": 41000.0, "low": ..., "high": ..., ...}}
        """
        found: dict[str, Any] = {}
        if self.risk is not None and self.mean_days is not None:
            risks = zip(HORIZONS, self.risk[row], strict=True)
            found["risk"] = [{"days": days, "probability": float(risk)} for days, risk in risks]
            found["mean_days"] = float(self.mean_days[row])
        if self.monthly is not None:
            found["monthly"] = self.monthly[row].tolist()
        if self.contraction is not None:
            found["expected_contraction"] = float(self.contraction[row])
        if self.lifetime is not None:
            found["lifetime"] = {part.name: float(getattr(self.lifetime, part.name)[row]) for part in fields(Lifetime)}
        return found


def foresee(
    bundle: Bundle, matrix: Matrix, probability: np.ndarray, terms: LifetimeTerms | None = None
) -> Foreseen | None:
    """Return what the bundle's further models say of every row; None where it has none, or there is no row.

    Parameters
    ----------
    probability : array of shape (rows,)
        The served churn probability, 0-1.
    terms : LifetimeTerms, optional
        How later years count; by default as `LifetimeTerms` has it.
    """
    if not len(matrix) or (bundle.hazard is None and bundle.contraction is None):
        return None
    risk = mean_days = contraction = monthly = worth = None
    if bundle.hazard is not None:
        monthly = anchored(bundle.hazard.monthly(matrix), probability, bundle.rule.horizon_days)
        risk = np.column_stack([risk_within(monthly, days) for days in HORIZONS])
        mean_days = restricted_mean(monthly, YEAR_DAYS)
    if bundle.contraction is not None:
        revenue, share = matrix.facts["revenue_365d"].to_numpy(float), bundle.contraction.share(matrix)
        contraction = expected_contraction(probability, share, revenue)
        if monthly is not None:
            worth = lifetime(monthly, probability, share, revenue, bundle.level, terms or LifetimeTerms())
    return Foreseen(risk, mean_days, contraction, monthly, worth)
