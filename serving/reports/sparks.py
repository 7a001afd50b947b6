"""The line of an account's last estimates in a list: probabilities go in, points of a small box come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
