"""A figure over months as a line with its interval: values go in, points of a box come out.

Months without a value are gaps. The axis need not begin at 0; its lines are labelled, and end outside all values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT_MARGIN, TOP, BOTTOM = 6.0, 74.0, 14.0, 214.0
#: Baseline of the first and the last month.
MONTHS_Y = 236.0
MOST_STEPS = 4
STEPS = (1, 2, 2.5, 5, 10)
Numbers = Sequence[float | None]


@dataclass(frozen=True)
class LineChart:
    """A line in a `width` x `height` box, in user units.

    Attributes
    ----------
    lines, bands : tuple of str
        Points of polylines, and of polygons for the intervals, a piece for each run of months without a gap.
    dots : tuple of (x, y)
        The values, oldest first.
    grid : tuple of (y, value)
        Lines of the axis, rising.
    """

    width: int
    height: int
    left: float
    right: float
    months_y: float
    lines: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    grid: tuple[tuple[float, float], ...]


def line_chart(values: Numbers, lows: Numbers, highs: Numbers) -> LineChart | None:
    """Lay out values with their intervals; None where there are fewer than two values.

    Examples
    --------
    >>> chart = line_chart([0.0, None, 10.0], [None] * 3, [None] * 3)
    >>> chart.dots, [value for _, value in chart.grid]
    (((6.0, 214.0), (286.0, 14.0)), [0.0, 2.5, 5.0, 7.5, 10.0])
    """
    known = [number for numbers in (values, lows, highs) for number in numbers if number is not None]
    if sum(value is not None for value in values) < 2:
        return None
    ticks = axis(min(known), max(known))
    right = WIDTH - RIGHT_MARGIN
    step = (right - LEFT) / (len(values) - 1)

    def point(place: int, value: float) -> tuple[float, float]:
        height = (BOTTOM - TOP) * (value - ticks[0]) / (ticks[-1] - ticks[0])
        return round(LEFT + step * place, 1), round(BOTTOM - height, 1)

    there = [(place, value) for place, value in enumerate(values) if value is not None]
    bounded = [(place, low, high) for place, (low, high) in enumerate(zip(lows, highs, strict=True))
               if low is not None and high is not None and values[place] is not None]  # fmt: skip
    bands = [
        [point(place, low) for place, low, _ in run] + [point(place, high) for place, _, high in reversed(run)]
        for run in _runs(bounded)
    ]
    lines = [[point(place, value) for place, value in run] for run in _runs(there)]
    return LineChart(
        WIDTH, HEIGHT, LEFT, right, MONTHS_Y,
        lines=tuple(map(_written, lines)), bands=tuple(map(_written, bands)),
        dots=tuple(point(place, value) for place, value in there),
        grid=tuple((point(0, tick)[1], tick) for tick in ticks),
    )  # fmt: skip


def axis(low: float, high: float) -> list[float]:
    """Return two to six round numbers a step apart, the first at or below and the last at or above all values.

    Examples
    --------
    >>> axis(0.21, 0.62), axis(5.0, 5.0)
    ([0.2, 0.4, 0.6, 0.8], [4.5, 4.75, 5.0, 5.25, 5.5])
    """
    if high - low < 1e-9 * max(abs(high), 1e-6):
        room = abs(high) * 0.1 or 1.0
        low, high = low - room, high + room
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_STEPS))
    step = next(size * power for size in STEPS if (high - low) / (size * power) <= MOST_STEPS + 1e-9)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _runs(rows: Sequence[Any]) -> list[list[Any]]:
    """Return rows whose places follow each other without a gap together."""
    numbered = groupby(enumerate(rows), lambda pair: pair[1][0] - pair[0])
    return [[row for _, row in run] for _, run in numbered]


def _written(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
