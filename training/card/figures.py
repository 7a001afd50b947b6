"""Figures as the card writes them: numbers go in, text comes out.

The text has a typographic minus, separated thousands, and a dash for what is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from training.worth.bootstrap import Interval

DASH, MINUS, NBSP = "\u2013", "\u2212", "\u00a0"


def number(value: float | None, form: str, signed: bool = False) -> str:
    """Return a number in a Python format; a dash if it is None or not finite.

    Examples
    --------
    >>> number(-1234.5, ",.0f"), number(0.04, ".3f", signed=True), number(None, ".3f")
    ('−1,234', '+0.040', '–')
    """
    if not is_known(value):
        return DASH
    text = format(abs(value), form)  # type: ignore[arg-type]  # known, so no None
    if not any(digit in text for digit in "123456789"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text  # type: ignore[operator]


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as percent (0.08 is 8.0 %); a dash if it is not known."""
    return number(None if not is_known(fraction) else 100 * fraction, f",.{digits}f") + (  # type: ignore[operator]
        f"{NBSP}%" if is_known(fraction) else ""
    )


def interval_of(plain: Mapping[str, Any] | None) -> Interval | None:
    """Return an interval from plain values; an unknown end becomes NaN. Return None if the figure is not known."""
    if plain is None or not is_known(plain.get("value")):
        return None
    low, high = (plain.get(end) if is_known(plain.get(end)) else math.nan for end in ("low", "high"))
    return Interval(float(plain["value"]), float(low), float(high))  # type: ignore[arg-type]


def with_interval(interval: Interval | None, form: str, signed: bool = False) -> str:
    """Return `figure (low to high)`; a dash stands for a figure or an interval that is not known."""
    if interval is None:
        return DASH
    return f"{number(interval.value, form, signed)} ({limits(interval, form, signed)})"


def limits(interval: Interval, form: str, signed: bool = False) -> str:
    """Return `low to high`; a dash if an end is not known."""
    if not (is_known(interval.low) and is_known(interval.high)):
        return DASH
    return f"{number(interval.low, form, signed)} to {number(interval.high, form, signed)}"


def is_known(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def days(count: int) -> str:
    """Return a number of days in words."""
    return f"{count:,} day{'' if count == 1 else 's'}"


def several(items: list[str], last: str = "and") -> str:
    """Return a list in words.

    Examples
    --------
    >>> several(["silence", "recency", "revenue"])
    'silence, recency and revenue'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def capital(text: str) -> str:
    """Return a text with a capital first letter; the other letters are unchanged."""
    return text[:1].upper() + text[1:]
