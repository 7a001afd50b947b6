"""Faded sums: a record counts half after a half-life of age, a quarter after two.

They forget gently, where a window forgets at its edge, and they are known from the first day of a book, where a window
must wait until the book is recorded for its length.
"""

from __future__ import annotations

import math

import ibis.expr.types as ir


def faded(age_days: ir.Value, half_life_days: float) -> ir.Value:
    """Return the weight of a record of that age: 1 now, 1/2 after a half-life, 1/4 after two."""
    return (age_days * (math.log(0.5) / half_life_days)).exp()
