"""What misleads in scores of a book at a date: outcomes that the model has learnt, no customers, no departures.

In: a book, the as-of date, the bundle that scores, the number of customers. Out: sentences for `score`, without a full
stop.
"""

from __future__ import annotations

from datetime import date

from features.tables import Tables
from training.bundle.bundle import Bundle


def book_warnings(tables: Tables, as_of: date, bundle: Bundle, customers: int) -> list[str]:
    """Return what may mislead in scores of a book at a date.

    Parameters
    ----------
    customers : int
        How many were scored.
    """
    if not customers:
        return [_nobody(tables, as_of, bundle)]
    warnings = []
    if "churns" in tables.missing and not bundle.rule.by_silence:
        warnings.append("there is no churns table, so accounts that have left count as customers")
    if as_of < bundle.learnt_until:
        warnings.append(
            f"version {bundle.version} has learnt outcomes up to {bundle.learnt_until}, and so who left after {as_of}: "
            "these scores look better than any that could have been had on that day. For what could be known then, "
            f"train with `--until {as_of}` and judge it with `churn-risk evaluate`"
        )
    return warnings


def _nobody(tables: Tables, as_of: date, bundle: Bundle) -> str:
    rule = (
        "an account is a customer here with two invoices in the 365 days before"
        if bundle.rule.by_silence
        else "an account is a customer from customer_since on, until it leaves"
    )
    first = tables["accounts"].customer_since.min().to_pyarrow().as_py()
    return f"no account is a customer at {as_of}, so nobody is scored: {rule}; the first customer_since is {first}"
