"""Geometry of intervals, drawn row by row beside a reference line: intervals go in, a `Drawing` comes out.

All places are percents of the width, 0-100 from the left. A drawing has no colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from training.card.figures import is_known, number
from training.worth.bootstrap import Interval

#: Room left and right of the drawn figures, as a share of their span.
MARGIN = 0.06
#: Ends of the scale of ratios; an arrow shows that an interval goes on beyond them.
RATIOS = (0.1, 10.0)
RATIO_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Mark:
    """A figure and its interval, 0-100 from the left.

    Attributes
    ----------
    kind : 'good', 'bad' or 'open'
        What the interval says about the reference line; 'open' if it says nothing.
    at, low, high : float
        The figure and the ends of its interval.
    cut_low, cut_high : bool
        Whether the interval goes on beyond the edge.
    """

    kind: Literal["good", "bad", "open"]
    at: float
    low: float
    high: float
    cut_low: bool = False
    cut_high: bool = False


@dataclass(frozen=True)
class Tick:
    """A labelled place on the axis, 0-100 from the left."""

    at: float
    label: str


@dataclass(frozen=True)
class Drawing:
    """What is drawn beside the rows of a table.

    Attributes
    ----------
    heading : str
        Name of the figures drawn.
    left, right : str
        Meaning of a mark left or right of the line.
    line : float
        Place of the reference (0 for a lead, 1 for a ratio or a slope); 0-100 from the left.
    ticks : tuple of Tick
    marks : tuple of Mark or None
        One for each row; None if nothing is known.
    """

    heading: str
    left: str
    right: str
    line: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark | None, ...]


def draw_leads(intervals: Sequence[Interval | None], heading: str, left: str, right: str) -> Drawing | None:
    """Draw leads beside 0; a lead above 0 is good.

    Parameters
    ----------
    intervals : sequence of Interval or None
        One for each row of the table; None if it is not known.
    heading : str
        Name of the figures.
    left, right : str
        Meaning of a mark left or right of the line.

    Returns
    -------
    Drawing or None
        None if there is nothing to draw.
    """
    return _even(intervals, heading, left, right, 0.0)


def draw_slopes(intervals: Sequence[Interval | None], heading: str, left: str, right: str) -> Drawing | None:
    """Draw slopes beside 1; an interval that holds 1 is good. Parameters and result as in `draw_leads`."""
    return _even(intervals, heading, left, right, 1.0)


def _even(intervals: Sequence[Interval | None], heading: str, left: str, right: str, line: float) -> Drawing | None:
    """Draw figures on an even scale that includes all of them and the line."""
    ends = [
        end
        for interval in intervals
        if interval is not None
        for end in (interval.low, interval.value, interval.high)
        if is_known(end)
    ]
    if not ends:
        return None
    low, high = min([*ends, line]), max([*ends, line])
    span = (high - low) or 1.0
    low, span = low - MARGIN * span, span * (1 + 2 * MARGIN)

    def place(value: float) -> float:
        return 100 * (value - low) / span

    step = _step(span / 4)
    first = math.ceil(low / step)
    steps = [step * count for count in range(first, math.floor((low + span) / step) + 1)]
    digits = max(0, -math.floor(math.log10(step)))
    ticks = tuple(Tick(place(at), number(at, f",.{digits}f", signed=line == 0)) for at in steps)
    return Drawing(
        heading, left, right, place(line), _apart(ticks), tuple(_mark(interval, place, line) for interval in intervals)
    )


def draw_ratios(intervals: Sequence[Interval | None], heading: str, left: str, right: str) -> Drawing | None:
    """Draw ratios beside 1 on a logarithmic scale, where halving is as wide as doubling.

    An interval that holds 1 is good. Parameters and result as in `draw_leads`.
    """
    ends = [
        end
        for interval in intervals
        if interval is not None
        for end in (interval.low, interval.value, interval.high)
        if is_known(end)
    ]
    if not ends:
        return None
    least, most = RATIOS
    low = math.log(min(max(min(ends), least), 0.5)) - 0.15
    high = math.log(max(min(max(ends), most), 2.0)) + 0.15

    def place(value: float) -> float:
        return 100 * ((math.log(value) if value > 0 else -math.inf) - low) / (high - low)

    ticks = tuple(Tick(place(at), f"{at:g}") for at in RATIO_TICKS if 0 <= place(at) <= 100)
    return Drawing(
        heading, left, right, place(1.0), _apart(ticks), tuple(_mark(interval, place, 1.0) for interval in intervals)
    )


def _mark(interval: Interval | None, place: Callable[[float], float], line: float) -> Mark | None:
    if interval is None:
        return None
    decided = interval.low > line or interval.high < line
    kind: Literal["good", "bad", "open"] = "open"
    if line == 0:
        kind = "open" if not decided else "good" if interval.low > 0 else "bad"
    elif is_known(interval.low) and is_known(interval.high):
        kind = "bad" if decided else "good"
    at = place(interval.value)
    low, high = (place(end) if is_known(end) else at for end in (interval.low, interval.high))
    return Mark(kind, _inside(at), _inside(low), _inside(high), cut_low=low < 0, cut_high=high > 100)


def _inside(place: float) -> float:
    return min(max(place, 0.0), 100.0)


def _step(least: float) -> float:
    """Return the next of 1, 2, 5 or 10 times a power of ten at or above `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if least <= step * power * (1 + 1e-9))


def _apart(ticks: Sequence[Tick], least: float = 12.0) -> tuple[Tick, ...]:
    """Leave out ticks whose labels would touch the previous label or the edge."""
    kept: list[Tick] = []
    for tick in ticks:
        if 4 <= tick.at <= 96 and (not kept or tick.at - kept[-1].at >= least):
            kept.append(tick)
    return tuple(kept)
