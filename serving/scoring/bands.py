"""The bands: what the expected profit of contacting an account makes of it."""

from __future__ import annotations

import numpy as np

from training.settings import Economics
from training.worth.economics import break_even, expected_profit

NEW_DAYS, FEW_RECORDS = 90, 3


def bands(
    probability: np.ndarray,
    value: np.ndarray,
    customer_days: np.ndarray,
    records_365d: np.ndarray,
    economics: Economics,
) -> np.ndarray:
    """Return 'unknown', 'at_risk' or 'safe' for each account, decided in this order; arrays of shape (n,)."""
    profitable = expected_profit(probability, value, economics) > 0
    at_risk = np.where(value > 0, profitable, probability >= break_even(economics))
    unknown = (customer_days < NEW_DAYS) | (records_365d < FEW_RECORDS)
    return np.select([unknown, at_risk], ["unknown", "at_risk"], "safe")
