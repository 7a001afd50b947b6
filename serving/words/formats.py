"""Figures as a reader of German or English writes them: numbers, percents, money, dates and spans, by Babel.

A figure may be signed ("+12 %"); the minus is the typographic one. English follows British usage. Parts are rounded
for a table so that what is shown adds up to what is shown as their sum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from math import floor
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_currency, parse_pattern
from babel.units import format_unit

Lang = Literal["de", "en"]
LANGS: tuple[Lang, ...] = ("de", "en")
MINUS, NBSP = "\u2212", "\u00a0"
#: Hours from here on, and days from here on, are told in the next larger unit.
MANY_HOURS, MANY_DAYS = 72, 731


#: Decimals of a fraction that is shown as points with one decimal.
POINT_DIGITS = 3
#: Figures that stay written: most points and counts come again and again.
KEPT_FIGURES = 20_000


class Formats:
    """How figures are written in one language.

    Parameters
    ----------
    lang : 'de' or 'en'
    currency : str, optional
        ISO code of the book's currency; without one, amounts are bare numbers.
    """

    def __init__(self, lang: Lang, currency: str | None = None) -> None:
        if lang not in LANGS:
            raise ValueError(f"lang must be one of {', '.join(LANGS)}, not {lang!r}")
        self.lang, self.currency = lang, currency

    @cached_property
    def locale(self) -> Locale:
        """Babel's locale."""
        return _locale(self.lang)

    def number(self, value: float, digits: int = 0, signed: bool = False) -> str:
        """Return a number with exactly `digits` decimals."""
        rounded = round(value, digits) or 0.0
        return self._sign(_decimal(abs(rounded), digits, self.lang), rounded, signed)

    def percent(self, fraction: float, digits: int = 0, signed: bool = False) -> str:
        """Return a fraction as percent: 0.08 is 8 %."""
        text = self.number(fraction * 100, digits, signed)
        return f"{text}{NBSP}%" if self.lang == "de" else f"{text}%"

    def probability(self, fraction: float) -> str:
        """Return a probability as percent, with a decimal below 10 %, never as a bare 0 or 100."""
        if 0 < fraction < 0.001:
            return f"<{NBSP}{self.percent(0.001, 1)}"
        if 0.999 < fraction < 1:
            return f">{NBSP}{self.percent(0.999, 1)}"
        return self.percent(fraction, 1 if fraction < 0.0995 else 0)

    def points(self, fraction: float) -> str:
        """Return a contribution in points of probability, signed: 0.08 is +8.0."""
        return self.number(fraction * 100, 1, signed=True)

    def money(self, amount: float, signed: bool = False, whole: bool = False) -> str:
        """Return an amount in the book's currency where it is known; without cents from 100 on, or if `whole`."""
        cents = not whole and 0 < abs(round(amount, 2)) < 100
        rounded = round(amount, 2 if cents else 0) or 0.0
        pattern = self.locale.currency_formats["standard"].pattern.split(";")[0]
        if self.currency is None:
            return self.number(rounded, 2 if cents else 0, signed)
        pattern = pattern if cents else pattern.replace("0.00", "0")
        text = format_currency(abs(rounded), self.currency, pattern, locale=self.locale, currency_digits=False)
        return self._sign(text, rounded, signed)

    def day(self, iso: str | date) -> str:
        """Return the day of a date or of an instant (its UTC day, as the time cut is)."""
        return _day(date.fromisoformat(iso[:10]) if isinstance(iso, str) else iso, self.lang)

    def long_day(self, iso: str | date) -> str:
        """Return a date with the month spelt out."""
        found = date.fromisoformat(iso[:10]) if isinstance(iso, str) else iso
        return format_date(found, "long", locale=self.locale)

    def month(self, iso: str) -> str:
        """Return a month such as '2026-01'."""
        return format_skeleton("yMMM", datetime.fromisoformat(f"{iso[:7]}-01"), locale=self.locale)

    def hours(self, hours: float, signed: bool = False) -> str:
        """Return a span given in hours, from 72 hours on in days."""
        if abs(hours) >= MANY_HOURS:
            return self.days(hours / 24, signed)
        return self._span(hours, "hour", 0, signed)

    def days(self, days: float, signed: bool = False) -> str:
        """Return a span given in days, from two years on in years."""
        if abs(days) >= MANY_DAYS:
            return self._span(days / 365.25, "year", 1, signed)
        return self._span(days, "day", 0, signed)

    def waited(self, since: str | None, hours: float) -> str:
        """Return a span of hours since an instant; from 72 hours on in days of the calendar, as dates beside it count.

        Examples
        --------
        >>> Formats("en").waited("2025-11-17T15:00:00Z", 1065.0)
        '45\\xa0days'
        """
        if since is None or abs(hours) < MANY_HOURS:
            return self.hours(hours)
        first = datetime.fromisoformat(since)
        # Hours are rounded: a second keeps an end at midnight on its day.
        last = first + timedelta(hours=hours, seconds=1)
        return self.days((last.date() - first.date()).days)

    def months(self, months: float) -> str:
        """Return a span given in months."""
        return self._span(months, "month", 1, signed=False)

    def listed(self, texts: Sequence[str]) -> str:
        """Return texts one after the other: "a, b and c"."""
        return format_list(texts, locale=self.locale)

    def dative(self, span: str) -> str:
        """Return a span as it stands after a preposition: German says "nach 3 Tagen"."""
        return re.sub(r"(Tage|Monate|Jahre)$", r"\1n", span) if self.lang == "de" else span

    def country(self, code: str) -> str:
        """Return a country's name for a two-letter code; anything else as it stands."""
        return str(self.locale.territories.get(code.upper(), code)) if len(code) == 2 else code

    def _span(self, value: float, unit: str, digits: int, signed: bool) -> str:
        rounded = round(abs(value), digits)
        shown = int(rounded) if rounded == int(rounded) else rounded
        return self._sign(_unit(shown, unit, self.lang), round(value, digits), signed)

    @staticmethod
    def _sign(text: str, value: float, signed: bool) -> str:
        if value < 0:
            return MINUS + text
        return f"+{text}" if signed and value > 0 else text


def shown_change(before: float, after: float) -> float:
    """Return the change between two probabilities as they are shown with a decimal, so that a reader can follow it.

    Examples
    --------
    >>> shown_change(0.0404, 0.0806)
    0.041
    """
    return round(round(after, POINT_DIGITS) - round(before, POINT_DIGITS), POINT_DIGITS)


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


@cache
def _locale(lang: Lang) -> Locale:
    return Locale.parse("de_DE" if lang == "de" else "en_GB")


@lru_cache(maxsize=4096)
def _unit(count: float, unit: str, lang: Lang) -> str:
    """Return a number with its unit of time; most of a book's spans are the same few."""
    return str(format_unit(count, f"duration-{unit}", locale=_locale(lang))).replace(" ", NBSP)


@lru_cache(KEPT_FIGURES)
def _day(day: date, lang: Lang) -> str:
    return format_date(day, "dd.MM.yyyy" if lang == "de" else "d MMM yyyy", locale=_locale(lang))


@cache
def _pattern(digits: int) -> NumberPattern:
    return parse_pattern("#,##0" + ("." + "0" * digits if digits else ""))


@lru_cache(KEPT_FIGURES)
def _decimal(value: float, digits: int, lang: Lang) -> str:
    """Return a number that is not negative, with exactly so many decimals."""
    return str(_pattern(digits).apply(value, _locale(lang)))
