"""Lines of estimates: of a list's row, and over time; probabilities go in, points of a small box come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from serving.reports.charts import Point, nice

WIDTH, HEIGHT, MARGIN = 88, 24, 4
#: The top of the box, unless an estimate is above it: a line of small risks must not look like one of great ones.
LEAST_TOP = 0.5


@dataclass(frozen=True)
class Sparkline:
    """A line in a `WIDTH` x `HEIGHT` box; `points` is ready for a polyline, the last one is marked."""

    points: str
    last_x: float
    last_y: float
    text: str


@dataclass(frozen=True)
class Spark:
    """A line of probabilities in a `width` x `height` box; `points` is ready for a polyline."""

    width: int
    height: int
    points: str
    dots: tuple[Point, ...]
    zero_y: float


def sparkline(probabilities: Sequence[float], text: str) -> Sparkline | None:
    """Lay out estimates, oldest first, from 0 to `LEAST_TOP` or the largest; None for fewer than two.

    Parameters
    ----------
    probabilities : sequence of float
        0-1.
    text : str
        The same in words, for who does not see it.

    Examples
    --------
    >>> sparkline([0.0, 0.5], "rises").points
    '4.0,20.0 84.0,4.0'
    """
    if len(probabilities) < 2:
        return None
    top, step = max(LEAST_TOP, *probabilities), (WIDTH - 2 * MARGIN) / (len(probabilities) - 1)
    dots = [
        (round(MARGIN + place * step, 1), round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share / top, 1))
        for place, share in enumerate(probabilities)
    ]
    return Sparkline(" ".join(f"{x},{y}" for x, y in dots), *dots[-1], text)


def spark(days: Sequence[date], probabilities: Sequence[float], width: int = 320, height: int = 72) -> Spark:
    """Lay out probabilities over time, from 0 to a round number at or above the largest.

    Parameters
    ----------
    days : sequence of date
        Oldest first.
    probabilities : sequence of float
        One for each day, 0-1.
    width, height : int
        Size of the box in user units.
    """
    first, span = days[0].toordinal(), max((days[-1] - days[0]).days, 1)
    high = nice(max(*probabilities, 0.01))
    left, right, top, zero = 8.0, width - 56.0, 14.0, height - 8.0
    dots = [
        Point(
            round(left + (right - left) * (day.toordinal() - first) / span, 1),
            round(zero - (zero - top) * probability / high, 1),
        )
        for day, probability in zip(days, probabilities, strict=True)
    ]
    return Spark(width, height, " ".join(f"{dot.x},{dot.y}" for dot in dots), tuple(dots), zero)
