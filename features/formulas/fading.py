"""Faded sums: a record counts half after a half-life of age, a quarter after two.

A faded sum forgets gradually; a window forgets at its edge. A faded sum is known from the first day of a book; a window
is known only once the book covers its length.

In: ages in days. Out: weights between 0 and 1.
"""

from __future__ import annotations

import math

import ibis.expr.types as ir


def faded(age_days: ir.Value, half_life_days: float) -> ir.Value:
    """Return the weight of a record of that age: 1 now, 1/2 after a half-life, 1/4 after two."""
    return (age_days * (math.log(0.5) / half_life_days)).exp()
