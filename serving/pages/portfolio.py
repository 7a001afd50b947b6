"""The page of the portfolio as a record that a template only has to print: texts, none of them computed there.

What the store found goes in, in a reader's language and currency it comes out, with the ways to other filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from serving.portfolio.portfolio_head import Sum, head_of
from serving.portfolio.portfolio_lines import Line, lines_of
from serving.portfolio.portfolio_query import Found
from serving.portfolio.wanted import BANDS, SORTS, Wanted
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts, screen_texts

#: Most accounts that are named above the list.
NAMED = 5
#: What of the address each sum's list has.
_LISTS = {
    "revenue_at_risk": {"sort": "revenue_at_risk"},
    "unheard": {"unheard": "yes", "sort": "revenue_at_risk"},
    "due": {"ending": "yes", "sort": "revenue_at_risk"},
    "change": {"sort": "change"},
}


@dataclass(frozen=True)
class Choice:
    """One entry of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Portfolio:
    """The page: `figures` are the sums, each with the address of the list that it is of; `moved` is what moved the
    first, its sum last. `pressing` names accounts of this page whose first step must not wait, and why.

    `unmanaged` says whether the reader can choose the accounts that nobody manages; `warned` names the grade and how
    many cautions there are, for where they are folded.
    """

    as_of: str
    model: str
    cautions: tuple[str, ...]
    warned: str
    figures: tuple[tuple[Sum, str], ...]
    moved: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    bands: tuple[tuple[str, str, str, bool], ...]
    sorts: tuple[Choice, ...]
    threats: tuple[Choice, ...]
    managers: tuple[Choice, ...]
    unmanaged: bool
    counted: str
    urgent: str
    decide: str
    urgent_address: str
    due: str
    due_address: str
    pressing: tuple[Line, ...]
    others_pressing: str
    before: str
    after: str
    pdf: str


def portfolio(found: Found, wanted: Wanted, lang: Lang, chooses: bool, today: date) -> Portfolio:
    """Return the page in words.

    Parameters
    ----------
    chooses : bool
        Whether the reader sees the accounts of more than one, and so may choose a manager.
    today : date
        From then on a step that was due before is overdue.
    """
    head, formats = head_of(found, lang, today), Formats(lang, found.sums.currency)
    words, lines = screen_texts(lang), lines_of(found, lang, today)
    pressing = sorted((line for line in lines if line.pressing), key=lambda line: line.ends or date.max)
    return Portfolio(
        as_of=head.as_of,
        model=head.model,
        cautions=head.cautions,
        warned=_warned(found, len(head.cautions), words["portfolio"]),
        figures=tuple((each, _address(each.name, wanted, lang)) for each in head.figures),
        moved=head.moved,
        lines=lines,
        bands=_bands(found, wanted, lang),
        sorts=_choices(SORTS, words["sorts"], wanted.sort),
        threats=_choices(("yes", "no"), words["threats"], wanted.threat),
        managers=tuple(Choice(name, name, name == wanted.manager) for name in found.managers) if chooses else (),
        unmanaged=chooses and bool(found.managers) and found.unmanaged,
        urgent=head.urgent,
        decide=head.decide,
        urgent_address=wanted.query(lang, todo="yes") if not wanted.todo else wanted.query(lang, todo=""),
        due=head.due,
        due_address=wanted.query(lang, band="at_risk", ending="yes"),
        pressing=tuple(pressing[:NAMED]),
        others_pressing=_others(len(pressing) - NAMED, formats, words["todo"]),
        counted=_counted(found, formats, words["portfolio"]),
        before=wanted.query(lang, page=found.page - 1) if found.page > 1 else "",
        after=wanted.query(lang, page=found.page + 1) if found.page < found.pages else "",
        pdf=f"/report.pdf{wanted.query(lang)}",
    )


def _address(name: str, wanted: Wanted, lang: Lang) -> str:
    """Return the address of the accounts that a sum is of, the largest first; empty where that is no list."""
    changes = _LISTS.get(name)
    return wanted.query(lang, **changes) if changes else ""


def _others(number: int, formats: Formats, words: Mapping[str, str]) -> str:
    if number <= 0:
        return ""
    return words["others_one" if number == 1 else "others"].format(n=formats.number(number))


def _warned(found: Found, cautions: int, words: Mapping[str, str]) -> str:
    grade = found.run.model.get("grade") if found.run else None
    graded = words["grade"].format(grade=grade) if grade else ""
    counted = words["caution" if cautions == 1 else "cautions"].format(n=cautions) if cautions else ""
    return ", ".join(filter(None, (graded, counted)))


def _bands(found: Found, wanted: Wanted, lang: Lang) -> tuple[tuple[str, str, str, bool], ...]:
    """Return address, label, number and whether it is the chosen one, for all accounts and for each band."""
    formats, labels = Formats(lang), page_texts(lang)["bands"]
    everything = sum(found.counts.values())
    whole = (wanted.query(lang, band=""), screen_texts(lang)["portfolio"]["all"], formats.number(everything))
    return (
        (*whole, not wanted.band),
        *(
            (
                wanted.query(lang, band=band),
                labels[band],
                formats.number(found.counts.get(band, 0)),
                band == wanted.band,
            )
            for band in BANDS
        ),
    )


def _choices(values: Sequence[str], labels: Mapping[str, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, labels[value], value == chosen) for value in values)


def _counted(found: Found, formats: Formats, words: Mapping[str, str]) -> str:
    if not found.rows:
        return ""
    return words["page_one" if found.sums.accounts == 1 else "page"].format(
        page=formats.number(found.page), pages=formats.number(found.pages), total=formats.number(found.sums.accounts)
    )
