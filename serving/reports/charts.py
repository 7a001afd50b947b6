"""Geometry of the charts: figures and the size of a box go in, plain shapes come out, which the templates draw.

The shapes have no words but months and figures, no colours and no markup.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any, Literal

from features.signals.response import GRACE_DAYS

#: Room for the labels of the lines, right of the plot, in user units.
RIGHT_MARGIN = 96.0
#: Marks of unanswered invitations closer than this, in user units, are merged into one mark with their number.
APART = 16.0
Mark = Literal["promoter", "passive", "detractor", "silent", "pending"]
#: The lanes below revenue, from above; for each list of the evidence the kind of its marks and when they were.
LANES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "loops": (("open_loops", "waiting", "opened_at"), ("closed_loops", "settled", "opened_at")),
    "tickets": (("open_tickets", "waiting", "opened_at"), ("closed_tickets", "settled", "opened_at")),
    "actions": (("actions", "action", "done_at"),),
}
#: Height of a lane and of a contract in it, in user units.
LANE, TERM = 26.0, 9.0


@dataclass(frozen=True)
class Bar:
    """A bar; in a waterfall `x` and `width` are percents of the row."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Point:
    """A point with its mark's kind, the number of invitations that it stands for, or a label."""

    x: float
    y: float
    kind: str = ""
    count: int = 1
    label: str = ""


@dataclass(frozen=True)
class Term:
    """A contract's bar; `begins` and `ends` tell whether its ends lie on the axis."""

    bar: Bar
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Lane:
    """What happened of one kind; `y` is its middle, or with contracts that of its first."""

    key: str
    y: float
    marks: tuple[Point, ...] = ()
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class TimeLine:
    """Survey answers, monthly revenue and lanes on one time axis; all in user units of a `width` x `height` box.

    `answered` has the places of the invitations that were answered, in the row of those that were not.
    """

    width: int
    height: int
    left: float
    right: float
    ticks: tuple[Point, ...]
    score_lines: tuple[Point, ...]
    detractor_zone: Bar
    marks: tuple[Point, ...]
    answered: tuple[float, ...]
    silent_y: float
    invoiced: tuple[Bar, ...]
    credited: tuple[Bar, ...]
    money_lines: tuple[tuple[float, float], ...]
    money_top: float
    lanes: tuple[Lane, ...]


def waterfall(base: float, steps: Sequence[float]) -> list[Bar]:
    """Return bars in percent of a row: the base from 0, each step from the end of the last, the total from 0."""
    running = [base]
    for step in steps:
        running.append(running[-1] + step)
    low, high = min(0.0, *running), max(*running, 1e-9) * 1.02
    ends = [(0.0, base), *pairwise(running), (0.0, running[-1])]
    scale = 100 / (high - low)
    return [Bar((min(a, b) - low) * scale, 0, max(abs(b - a) * scale, 0.4), 10) for a, b in ends]


def shown_months(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the months from customer_since or the first invoice on, the last six at least."""
    months: list[Mapping[str, Any]] = evidence["revenue"]["months"]
    since = (evidence["account"]["customer_since"] or "")[:7]
    begun = [place for place, row in enumerate(months) if row["invoiced"] or row["credited"] or row["month"] == since]
    first = 0 if since and since < months[0]["month"] else min([*begun, len(months) - 6])
    return months[max(first, 0) :]


def time_line(evidence: Mapping[str, Any], width: int) -> TimeLine:
    """Lay out the time line of an account's evidence in a box of `width` user units."""
    months = shown_months(evidence)
    left, right = 4.0, width - RIGHT_MARGIN
    axis = _Axis(months[0]["month"], len(months), left, right)
    top, bottom = 24.0, 134.0
    silent_y, money_top, money_bottom = bottom + 20, bottom + 62, bottom + 172
    lanes, lanes_bottom = _lanes(evidence, axis, money_bottom + 8)
    tick_y = lanes_bottom + 18 if lanes else money_bottom + 18

    def y_score(score: float) -> float:
        return bottom - (bottom - top) * score / 10

    rows = (evidence.get("surveys") or {"rows": []})["rows"]
    invoiced, credited, lines = _money(months, axis, money_top, money_bottom)
    return TimeLine(
        width=width,
        height=int(tick_y + 10),
        left=left,
        right=right,
        ticks=axis.ticks(tick_y, every=3 if width > 500 else 6),
        score_lines=tuple(Point(0, y_score(score), label=str(score)) for score in (0, 6, 10)),
        detractor_zone=Bar(left, y_score(6), right - left, bottom - y_score(6)),
        marks=_marks(rows, axis, evidence["as_of"], y_score, silent_y),
        answered=_answered(rows, axis),
        silent_y=silent_y,
        invoiced=invoiced,
        credited=credited,
        money_lines=lines,
        money_top=money_top,
        lanes=lanes,
    )


class _Axis:
    """Calendar months side by side, all of the same width."""

    def __init__(self, first: str, months: int, left: float, right: float) -> None:
        self.first = date.fromisoformat(f"{first}-01")
        self.months, self.left = months, left
        self.step = (right - left) / months

    def month(self, place: int) -> date:
        number = self.first.year * 12 + self.first.month - 1 + place
        return date(number // 12, number % 12 + 1, 1)

    def x(self, day: date) -> float:
        months = (day.year - self.first.year) * 12 + day.month - self.first.month
        return self.left + self.step * (months + (day.day - 0.5) / monthrange(day.year, day.month)[1])

    def ticks(self, y: float, every: int) -> tuple[Point, ...]:
        months = [(place, self.month(place)) for place in range(self.months)]
        chosen = [(place, day) for place, day in months if (day.month - 1) % every == 0]
        return tuple(Point(self.left + self.step * place, y, label=f"{day:%Y-%m}") for place, day in chosen)


def _marks(
    rows: Sequence[Mapping[str, Any]], axis: _Axis, as_of: str, y_score: Any, silent_y: float
) -> tuple[Point, ...]:
    """Return marks: answers at the height of their score, unanswered invitations in a row of their own."""
    marks: list[Point] = []
    silent: Counter[tuple[date, Mark]] = Counter()
    for row in rows:
        sent = date.fromisoformat(row["sent_at"][:10])
        if row["score"] is not None and row["answered_at"]:
            answered = date.fromisoformat(row["answered_at"][:10])
            marks.append(Point(axis.x(max(answered, axis.first)), y_score(row["score"]), row["category"]))
        elif not row["answered_at"] and sent >= axis.first:
            waiting = (date.fromisoformat(as_of) - sent).days <= GRACE_DAYS
            silent[sent, "pending" if waiting else "silent"] += 1
    marks += _merged([Point(axis.x(day), silent_y, kind, count) for (day, kind), count in sorted(silent.items())])
    return tuple(sorted(marks, key=lambda mark: mark.x))


def _answered(rows: Sequence[Mapping[str, Any]], axis: _Axis) -> tuple[float, ...]:
    sent = {date.fromisoformat(row["sent_at"][:10]) for row in rows if row["answered_at"]}
    return tuple(axis.x(day) for day in sorted(sent) if day >= axis.first)


def _lanes(evidence: Mapping[str, Any], axis: _Axis, top: float) -> tuple[tuple[Lane, ...], float]:
    """Return the lanes that have something in these months, and where the last one ends."""
    lanes = []
    terms, lines = _terms(((evidence.get("contracts") or {}).get("rows")) or (), axis, top + 8)
    if terms:
        lanes.append(Lane("contracts", top + 8 + TERM / 2, terms=terms))
        top += LANE + TERM * (lines - 1)
    for key, lists in LANES.items():
        marks: list[Point] = []
        for name, kind, moment in lists:
            days = [date.fromisoformat(row[moment][:10]) for row in ((evidence.get(name) or {}).get("rows")) or ()]
            points = [Point(axis.x(day), top + LANE / 2, kind) for day in sorted(days) if day >= axis.first]
            marks += _merged(points)
        if marks:
            lanes.append(Lane(key, top + LANE / 2, tuple(sorted(marks, key=lambda mark: mark.x))))
            top += LANE
    return tuple(lanes), top


def _terms(contracts: Sequence[Mapping[str, Any]], axis: _Axis, top: float) -> tuple[tuple[Term, ...], int]:
    """Return the bars of contracts, those at the same time below one another, and the number of their lines."""
    lines: list[date] = []
    terms = []
    for row in sorted(contracts, key=lambda row: str(row["starts_on"])):
        starts = date.fromisoformat(row["starts_on"])
        ends = date.fromisoformat(row["ends_on"]) if row["ends_on"] else date.max
        if ends <= axis.first:
            continue
        line = next((place for place, free in enumerate(lines) if free <= starts), len(lines))
        lines[line : line + 1] = [ends]
        left, last = axis.x(max(starts, axis.first)), axis.month(axis.months)
        right = axis.x(ends) if ends < last else axis.left + axis.step * axis.months
        bar = Bar(left, top + TERM * line, max(right - left, 1.0), TERM - 3)
        terms.append(Term(bar, starts >= axis.first, ends < last))
    return tuple(terms), len(lines)


def _merged(points: Sequence[Point]) -> list[Point]:
    """Merge points of one kind that would touch, from left to right."""
    merged: list[Point] = []
    for point in points:
        last = merged[-1] if merged else None
        if last and last.kind == point.kind and point.x - last.x < APART:
            merged[-1] = replace(last, count=last.count + point.count)
        else:
            merged.append(point)
    return merged


def _money(
    months: Sequence[Mapping[str, Any]], axis: _Axis, top: float, bottom: float
) -> tuple[tuple[Bar, ...], tuple[Bar, ...], tuple[tuple[float, float], ...]]:
    """Return bars of invoices above zero, bars of credits below it, and the lines to label as (y, amount)."""
    high = nice(max([row["invoiced"] for row in months]))
    low = nice(max([-row["credited"] for row in months])) if any(row["credited"] for row in months) else 0.0
    scale = (bottom - top) / ((high + low) or 1.0)
    zero = bottom - low * scale
    gap = axis.step * 0.14

    def bar(place: int, amount: float, y: float) -> Bar:
        return Bar(axis.left + axis.step * place + gap, y, axis.step - 2 * gap, amount * scale)

    invoiced = [
        bar(place, row["invoiced"], zero - row["invoiced"] * scale)
        for place, row in enumerate(months)
        if row["invoiced"]
    ]
    credited = [bar(place, -row["credited"], zero) for place, row in enumerate(months) if row["credited"]]
    lines = [(zero, 0.0)] + ([(zero - high * scale, high)] if high else [])
    return tuple(invoiced), tuple(credited), (*lines, *([(zero + low * scale, -low)] if low * scale > 14 else []))


def nice(amount: float) -> float:
    """Return the next round number at or above an amount: 1, 1.5, 2, 2.5, 4, 5, 8 or 10 times a power of ten.

    Examples
    --------
    >>> nice(1234.0)
    1500.0
    """
    if amount <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(amount))
    return next(step * power for step in (1, 1.5, 2, 2.5, 4, 5, 8, 10) if amount <= step * power * (1 + 1e-9))
