"""The accounts behind a figure that is a sum, as a record that a template only has to print.

In: the figure in words and what the store has of its accounts. Out: `BehindTable`; its lines and what is not listed sum
to the figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.store import Behind
from serving.words.figure_words import FigureInWords, written
from serving.words.formats import Formats, Lang
from serving.words.wording import screen_texts


@dataclass(frozen=True)
class BehindLine:
    """What one account adds; `has_page`: a score of it is stored with the run, so that it has a page."""

    account_id: str
    name: str
    manager: str
    value: str
    exact: float
    has_page: bool


@dataclass(frozen=True)
class BehindTable:
    """A figure and its accounts, the largest first.

    Attributes
    ----------
    label, definition, value, day : str
        The figure in the reader's language.
    lines : tuple of BehindLine
    others, others_value : str
        How many more there are, and what they add; empty where all are listed.
    none : str
        Why no account is listed; empty where some are.
    """

    label: str
    definition: str
    value: str
    day: str
    lines: tuple[BehindLine, ...] = ()
    others: str = ""
    others_value: str = ""
    none: str = ""


def behind_table(found: FigureInWords, behind: Behind | None, currency: str | None, lang: Lang) -> BehindTable:
    """Return the record of a figure at the run's own date; `behind` is None where no account stands behind it."""
    formats, words, now = Formats(lang, currency), screen_texts(lang)["figures"], found.now
    value = words["unknown"].format(reason=now.reason) if now.value is None else _say(now.value, found, formats)
    day = "" if now.as_of is None else screen_texts(lang)["portfolio"]["as_of"].format(day=formats.day(now.as_of))
    if behind is None:
        none = "" if now.value is None else words["no_sum"]
        return BehindTable(found.label, found.definition, value, day, none=none)
    lines = tuple(
        BehindLine(
            row["account_id"], row["name"] or row["account_id"], row["account_manager"] or "",
            _say(row["value"], found, formats), row["value"], row["is_scored"],
        )
        for row in behind.accounts
    )  # fmt: skip
    others = words["others"].format(n=formats.number(behind.others)) if behind.others else ""
    others_value = _say(behind.others_value, found, formats) if behind.others else ""
    none = "" if lines else words["nobody_adds"]
    return BehindTable(found.label, found.definition, value, day, lines, others, others_value, none)


def _say(value: float, found: FigureInWords, formats: Formats) -> str:
    return written(value, found.figure, formats)
