"""What a probability is worth: the expected profit of contacting an account, and the bands that follow from it."""

from __future__ import annotations

import numpy as np

from training.settings import Economics

NEW_DAYS, FEW_RECORDS = 90, 3


def expected_profit(probability: np.ndarray, value: np.ndarray, economics: Economics) -> np.ndarray:
    """Return (p g (1 - d) - (1 - p) d) value - f for each account, in currency.

    A leaver is kept with probability g and then costs the incentive d; one who would have stayed takes d for nothing;
    every contact costs f.

    References
    ----------
    Verbraken, Verbeke & Baesens, "A novel profit maximizing metric for measuring classification performance of
    customer churn prediction models", 2013.

    Examples
    --------
    >>> expected_profit(np.array([0.5]), np.array([1000.0]), Economics()).round(6).tolist()
    [102.5]
    """
    g, d = economics.success_rate, economics.incentive_share
    return (probability * g * (1 - d) - (1 - probability) * d) * value - economics.contact_cost


def break_even(economics: Economics) -> float:
    """Return d / (g (1 - d) + d): the probability from which an account of value 0 counts as at risk."""
    d = economics.incentive_share
    return d / (economics.success_rate * (1 - d) + d)


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
