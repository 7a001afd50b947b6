"""The words of one language: page texts and what is said of themes and signals, read once from the locale files.

Also a signal's value with its unit, as tables show it. A signal, theme or text that has no words raises.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil
from typing import Any

from features.signal import Signal, all_signals
from serving.errors import MissingWords
from serving.words.formats import LANGS, NBSP, Formats, Lang
from serving.words.glossary import glossary

COUNTS = frozenset(
    {"actions", "contacts", "invitations", "invoices", "loops", "programmes", "referrals", "terms", "tickets"}
)
#: Differences: shown with their sign.
SIGNED_UNITS = frozenset({"fraction", "relative change", "NPS points per year"})
#: Sums in which a record counts less the older it is; no span of time, even where the unit is days.
FADED = "_halflife_"
#: The glossary's subject of each text signal that has one.
SUBJECT_OF = {"account_segment": "segment", "account_industry": "industry"}
#: From here on a relative change is from nothing to something or the other way.
ALL = 0.9995
#: Days since an instant whose day stands beside them: counted by the calendar, as a reader would.
AGES = frozenset({"action_age_days", "invoice_recency_days", "loop_open_oldest_days", "ticket_open_oldest_days"})
#: Half of what the last digit shown stands for, by unit: what is smaller is told as no change or nothing.
SMALL = {"share": 0.005, "fraction": 0.0005, "relative change": 0.0025, "hours": 0.5, "months": 0.05}
SMALL_POINTS = 0.05


@dataclass(frozen=True)
class Catalogue:
    """What is said of themes and signals in one language; see `locales/reasons/en.toml`."""

    lang: Lang
    themes: Mapping[str, str]
    effect: Mapping[str, str]
    generic: Mapping[str, str]
    signals: Mapping[str, Mapping[str, str | list[str]]]
    advice: Mapping[str, str]

    def theme(self, code: str) -> str:
        """Return a theme's label."""
        if code not in self.themes:
            raise MissingWords(
                f"theme {code!r} has no label in {self.lang}: add it to locales/reasons/{self.lang}.toml"
            )
        return self.themes[code]

    def sentences(self, signal: str, case: str) -> list[str]:
        """Return the sentences to try for a signal in a case, the most telling first."""
        if signal not in self.signals:
            raise MissingWords(
                f"signal {signal!r} has no sentence in {self.lang}: add it to locales/reasons/{self.lang}.toml"
            )
        found = self.signals[signal].get(case, self.signals[signal]["other"])
        return [found] if isinstance(found, str) else list(found)


#: A figure, put in words when it is asked for.
Words = Callable[[], str]


class Figures(dict[str, str]):
    """What a sentence names, put in words only when it asks: what is given, and what `known` tells by name."""

    def __init__(self, given: Mapping[str, Words], known: Callable[[str], str]) -> None:
        super().__init__()
        self._given, self._known = given, known

    def __missing__(self, name: str) -> str:
        """Put a figure in words."""
        return self._given[name]() if name in self._given else self._known(name)


@cache
def catalogue(lang: Lang) -> Catalogue:
    """Return the words for themes, signals and advice."""
    return Catalogue(lang=lang, **_read(f"reasons/{lang}.toml", lang))


@cache
def page_texts(lang: Lang) -> Mapping[str, Any]:
    """Return the texts of the pages, by section."""
    return _read(f"{lang}.toml", lang)


@cache
def screen_texts(lang: Lang) -> Mapping[str, Any]:
    """Return the texts of the pages that an account manager works with, by section."""
    return _read(f"pages/{lang}.toml", lang)


@cache
def programme_texts(lang: Lang) -> Mapping[str, Any]:
    """Return the texts of the board's report and of loss reviews, by section."""
    return _read(f"programme/{lang}.toml", lang)


def _read(path: str, lang: str) -> dict[str, Any]:
    if lang not in LANGS:
        raise ValueError(f"lang must be one of {', '.join(LANGS)}, not {lang!r}")
    return tomllib.loads(files("serving.words").joinpath("locales", path).read_text(encoding="utf-8"))


@cache
def _signals() -> dict[str, Signal]:
    return {item.name: item for item in all_signals()}


def signal_of(name: str) -> Signal:
    """Return a signal by name.

    Raises
    ------
    MissingWords
        When the code has no such signal.
    """
    if name not in _signals():
        raise MissingWords(f"signal {name!r} is not one of this version's signals")
    return _signals()[name]


def label(signal: Signal, lang: Lang) -> str:
    """Return what a signal is called."""
    return signal.de if lang == "de" else signal.en


def is_signed(signal: Signal) -> bool:
    """Whether the value is a difference, shown with its sign."""
    difference = signal.name.endswith("_trend") or "_change_" in signal.name
    return signal.unit in SIGNED_UNITS or difference


def is_small(signal: Signal, value: float) -> bool:
    """Whether a value is told as nothing or no change."""
    if FADED in signal.name:
        return value == 0
    limit = SMALL_POINTS if signal.unit.startswith("NPS") else SMALL.get(signal.unit, 0.0)
    return value == 0 or abs(value) < limit


def figure(signal: Signal, value: float | str | None, formats: Formats) -> str:
    """Return a signal's value with its unit, as it stands in a table; an en dash when it is not known."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return _text(signal.name, value, formats)
    generic, signed = catalogue(formats.lang).generic, is_signed(signal)
    match signal.unit:
        case "flag":
            return generic["yes" if value >= 0.5 else "no"]
        case "share" if signal.name == "response_rate_drop":
            return generic["percent_points"].format(n=formats.number(value * 100)).replace(" ", NBSP)
        case "share":
            return formats.percent(value)
        case "fraction":
            return formats.percent(value, 1, signed)
        case "relative change":
            return _relative(value, formats)
        case "currency" | "currency per year":
            return formats.money(value)
        case "days" | "months" if FADED in signal.name:
            return formats.number(value, 1)
        case "hours":
            return formats.hours(value, signed)
        case "days":
            return formats.days(ceil(round(value, 4)) if signal.name in AGES else value)
        case "months":
            return formats.months(value)
        case "root of currency":
            return formats.number(value)
        case "times the usual gap":
            return generic["times"].format(n=formats.number(value, 1))
        case "NPS points" | "NPS points per year":
            return formats.number(value, 0 if value == round(value) else 1, signed)
        case unit if unit in COUNTS:
            return formats.number(value, 0 if value == round(value) else 1, signed)
        case unit:
            raise MissingWords(f"signal {signal.name!r}: no format for the unit {unit!r}")


def _text(signal: str, value: str, formats: Formats) -> str:
    """Return the value of a text signal as readers call it."""
    if signal == "account_country":
        return formats.country(value)
    subject = SUBJECT_OF.get(signal)
    return value if subject is None else glossary().say(subject, value, formats.lang)


def size(signal: Signal, value: float, formats: Formats) -> str:
    """Return the size of a value, without its sign, with its unit, as it stands in a sentence."""
    if signal.unit.startswith("NPS"):
        shown = bare(abs(value), formats)
        return catalogue(formats.lang).generic["point" if shown == "1" else "points"].format(n=shown)
    if signal.name == "response_rate_drop":
        return catalogue(formats.lang).generic["percent_points"].format(n=formats.number(abs(value) * 100))
    if signal.unit == "relative change":
        return formats.percent(abs(_ratio(value)))
    return figure(signal, abs(value), formats).lstrip("+")


def bare(value: float, formats: Formats) -> str:
    """Return a number without unit, with a decimal only where there is one."""
    rounded = round(value, 1)
    return formats.number(rounded, 0 if rounded == round(rounded) else 1)


def _ratio(relative: float) -> float:
    """(now - before) / (now + before) as the change against before: -1/3 is -50 %."""
    return 2 * relative / (1 - relative)


def _relative(value: float, formats: Formats) -> str:
    if value >= ALL:
        return catalogue(formats.lang).generic["new"]
    return formats.percent(max(_ratio(value), -1.0), signed=True)
