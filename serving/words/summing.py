"""Parts rounded for a table so that what is shown adds up to what is shown as their sum."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor


def rounded_parts(parts: Sequence[float], total: float, digits: int) -> list[float]:
    """Round parts to so many decimals; they add up to the rounded total (method of the largest remainder).

    Examples
    --------
    >>> rounded_parts([0.4, 0.4, 0.4], 1.2, 0), rounded_parts([-2.6, 1.3], -1.3, 0)
    ([1.0, 0.0, 0.0], [-2.0, 1.0])
    """
    if not parts:
        return []
    scaled = [part * 10**digits for part in parts]
    units = [floor(each) for each in scaled]
    left = round(round(total, digits) * 10**digits) - sum(units)
    by_remainder = sorted(range(len(parts)), key=lambda place: units[place] - scaled[place])
    for number in range(abs(left)):
        units[by_remainder[number % len(parts)]] += 1 if left > 0 else -1
    return [unit / 10**digits for unit in units]
