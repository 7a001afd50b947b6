"""What a refresh depends on: checks, each with what was found, in words, and whether it passed.

In: a count and the counts of the same kind before it. Out: whether it lies outside of what they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: How far a count may lie beyond the lowest and highest of a year before. Half of the records gone, or each written
#: twice, is a factor of 2; seasons are within a year's range, and few books grow by half on top of them.
FACTOR = 1.5
#: And beyond chance: so many standard deviations of a Poisson count. A dozen tables and months are looked at, and some
#: records come in batches, so that 3 erred on sound books.
DEVIATIONS = 4.0
#: Most names in one sentence.
MOST_NAMED = 5


@dataclass(frozen=True)
class Check:
    """One thing that a refresh depends on.

    Attributes
    ----------
    name : str
        What was looked at.
    passed : bool
    found : str
        What was found and what was allowed, a clause without a full stop.
    """

    name: str
    passed: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain values."""
        return asdict(self)


def is_outside(count: float, earlier: Sequence[float] | np.ndarray) -> bool:
    """Whether a count lies outside of the range of earlier ones by more than the factor, and beyond chance.

    Examples
    --------
    >>> [is_outside(count, [100, 120]) for count in (50, 70, 150, 250)]
    [True, False, False, True]
    >>> is_outside(5, [10, 12])  # half, but so few tell nothing
    False
    """
    low, high = float(np.min(earlier)), float(np.max(earlier))
    too_few = count < min(low / FACTOR, low - DEVIATIONS * low**0.5)
    too_many = count > max(high * FACTOR, high + DEVIATIONS * max(high, 1.0) ** 0.5)
    return bool(too_few or too_many)


def named(texts: Iterable[str]) -> str:
    """Return some texts as one, the first few in full.

    Examples
    --------
    >>> named("abcdefg")
    'a; b; c; d; e; and 2 more'
    """
    every = list(texts)
    more = [f"and {len(every) - MOST_NAMED} more"] if len(every) > MOST_NAMED else []
    return "; ".join([*every[:MOST_NAMED], *more])
