"""The bands: whether an account stands out by its risk, or by what may be lost with it."""

from __future__ import annotations

import numpy as np

from training.bundle.bundle import Reference

NEW_DAYS, FEW_RECORDS = 90, 3
#: An account stands out when the odds that it leaves are so many times those of the book.
STANDS_OUT = 2


def bands(
    probability: np.ndarray,
    value: np.ndarray,
    customer_days: np.ndarray,
    records_365d: np.ndarray,
    reference: Reference,
) -> np.ndarray:
    """Return 'unknown', 'at_risk' or 'safe' for each account, decided in this order.

    An account is judged alone: what it is compared with stands in the model's reference figures.

    Parameters
    ----------
    probability, value : arrays of shape (n,)
        0-1; currency, 0 or more.
    customer_days, records_365d : arrays of shape (n,)
        Days as a customer; records of any kind in 365 days.
    reference : Reference
        Its churn rate and cutoff are read.

    Returns
    -------
    array of str of shape (n,)
    """
    rate = reference.churn_rate
    # odds(p) >= 2 odds(rate), without a division: p may be 1.
    stands_out = probability * (1 - rate) >= STANDS_OUT * rate * (1 - probability)
    at_stake = probability * value
    weighs = (at_stake > 0) & (at_stake >= reference.cutoff)
    unknown = (customer_days < NEW_DAYS) | (records_365d < FEW_RECORDS)
    return np.select([unknown, stands_out | weighs], ["unknown", "at_risk"], "safe")
