"""The programme's figures of a stored run in words: label, definition and reasons, and values as readers write them.

In: a record as `serving.scoring.book_figures.Part` has it, or None with the reason. Out: every figure that this version
declares, in its own order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.figures.figure import Figure, all_figures
from features.figures.known import because
from serving.scoring.book_figures import NUMBERS, told
from serving.words.formats import Formats, Lang


@dataclass(frozen=True)
class Point:
    """A figure at one date, None without a run; `reason` says why there is no value, in words."""

    as_of: date | None
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    reason: str | None


@dataclass(frozen=True)
class Group:
    """A figure of a group of a split at the run's own date; `group` is None where the attribute is not known."""

    split: str
    group: str | None
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    reason: str | None


@dataclass(frozen=True)
class FigureInWords:
    """A figure with its series, oldest first; the last point is of the run's own date.

    Attributes
    ----------
    figure : Figure
    label, definition, source : str
        In the reader's language.
    points : tuple of Point
    groups : tuple of Group
        Those that the run keeps.
    """

    figure: Figure
    label: str
    definition: str
    source: str
    points: tuple[Point, ...]
    groups: tuple[Group, ...] = ()

    @property
    def now(self) -> Point:
        """The figure at the run's own date."""
        return self.points[-1]


def figures_in_words(
    record: Mapping[str, Any] | None, as_of: date | None, lang: Lang, absent: str = "not_stored"
) -> tuple[FigureInWords, ...]:
    """Return every declared figure.

    Parameters
    ----------
    record : mapping or None
        Figures of a run; None: none are known.
    as_of : date or None
        Date of what is not in the record.
    lang : 'de' or 'en'
    absent : str
        Code of the reason where there is no record; a figure that a record lacks was not stored.
    """
    return tuple(
        FigureInWords(
            figure,
            figure.de if lang == "de" else figure.en,
            figure.definition_de if lang == "de" else figure.definition_en,
            figure.source_in(lang),
            _points(figure.name, record, as_of, lang, absent),
            _groups(figure.name, record, lang),
        )
        for figure in all_figures()
    )


def _points(
    name: str, record: Mapping[str, Any] | None, as_of: date | None, lang: Lang, absent: str
) -> tuple[Point, ...]:
    lists = None if record is None else record["figures"].get(name)
    if record is None or lists is None:
        code = absent if record is None else "not_stored"
        return (Point(as_of, None, None, None, None, because(code).told(lang)),)
    days = [date.fromisoformat(day) for day in record["dates"]]
    columns = (lists[column] for column in NUMBERS)
    reasons = (told(reason, lang) for reason in lists["reason"])
    return tuple(Point(*row) for row in zip(days, *columns, reasons, strict=True))


def _groups(name: str, record: Mapping[str, Any] | None, lang: Lang) -> tuple[Group, ...]:
    """Return the groups of a figure; runs from before they were kept have none."""
    kept = {} if record is None else record.get("groups", {})
    return tuple(
        Group(split, **{column: row[column] for column in ("group", *NUMBERS)}, reason=told(row["reason"], lang))
        for split, of_split in kept.items()
        for row in of_split.get(name, ())
    )


def written(value: float, figure: Figure, formats: Formats) -> str:
    """Return a value of a figure as readers of the language write it, with its unit.

    Examples
    --------
    >>> grr = next(figure for figure in all_figures() if figure.name == "grr_invoiced")
    >>> written(0.7421, grr, Formats("en"))
    '74.2%'
    """
    match figure.unit:
        case "share":
            return formats.percent(value, 1)
        case "currency":
            return formats.money(value)
        case "NPS points":
            return formats.number(value, 1)
        case "currency per currency":
            return formats.number(value, 3)
        case "hours":
            return formats.hours(value)
        case _:  # What is counted: accounts, contacts, records.
            return formats.number(value)
