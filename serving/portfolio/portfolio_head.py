"""What stands above the accounts of the portfolio: what the store found goes in; sums and what moved them come out.

Every figure is a stored one, but for the sums and the change since the run before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from serving.portfolio.portfolio_query import Found
from serving.scoring import cautions
from serving.store.book_movement import Part
from serving.words.caution_words import grade_sentence, kept_cautions, told
from serving.words.formats import Formats, Lang, rounded_parts
from serving.words.movement_words import theme_label
from serving.words.wording import screen_texts

#: Stands where there is no figure.
NONE = "–"
#: Most parts of a change that are shown by name.
MOST_PARTS = 7


@dataclass(frozen=True)
class Sum:
    """One sum above the list: `name` is that of its label in `[sums]`."""

    name: str
    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Head:
    """What stands above the accounts.

    Attributes
    ----------
    as_of, model : str
        Empty while no run is published.
    cautions : tuple of str
        What is to be known before the estimates are acted on.
    figures : tuple of Sum
        Each sum, the revenue at risk first, its change last.
    moved : tuple of (label, amount)
        What moved the first sum, the change last.
    urgent : str
        What waits for a decision; empty when nothing does.
    due : str
        How many accounts at risk have a contract that ends soon; empty where none has.
    """

    as_of: str
    model: str
    cautions: tuple[str, ...]
    figures: tuple[Sum, ...]
    moved: tuple[tuple[str, str], ...]
    urgent: str
    decide: str
    due: str


def head_of(found: Found, lang: Lang, today: date) -> Head:
    """Return what stands above the accounts; `today` says how old the estimates are."""
    words, formats = screen_texts(lang), Formats(lang, found.sums.currency)
    model: Mapping[str, Any] = found.run.model if found.run else {}
    return Head(
        as_of=words["portfolio"]["as_of"].format(day=formats.long_day(found.run.as_of)) if found.run else "",
        model=grade_sentence(model["grade"], lang) if "grade" in model else "",
        cautions=(
            *(aged(found.run.as_of, lang, today) if found.run else ()),
            *_lapsed(found, words["portfolio"], formats),
            *(f"{told(one, lang)}." for one in kept_cautions(model) if one.code != "grade"),
        ),
        figures=_figures(found, formats, words["sums"]) if found.run else (),
        moved=moved_lines(found.moved, formats),
        urgent=_urgent(found, formats, words["steps"]),
        decide=words["steps"]["decide"] if found.disagreed else "",
        due=words["todo"]["due_one" if found.due == 1 else "due"].format(n=formats.number(found.due))
        if found.due
        else "",
    )


def aged(as_of: date, lang: Lang, today: date) -> tuple[str, ...]:
    """Return the sentence that the estimates are old, where they are: all days on the page count from their date."""
    return tuple(f"{told(one, lang)}." for one in cautions.aged(as_of, today))


def _lapsed(found: Found, words: Mapping[str, str], formats: Formats) -> tuple[str, ...]:
    """Return the sentence that some accounts have left by the model's rule, where some have."""
    if not found.run or not found.lapsed:
        return ()
    text = words["lapsed_one" if found.lapsed == 1 else "lapsed"]
    return (text.format(n=formats.number(found.lapsed), days=found.run.model["rule"]["silence_days"]),)


def _figures(found: Found, formats: Formats, words: Mapping[str, str]) -> tuple[Sum, ...]:
    """Return the sums above the list; what is expected to be lost has a range in which it falls four times in five.

    Where there is an estimate of none of the accounts, or no account, none of the sums of estimates is shown.
    """
    sums, lost = found.sums, ""
    standing = _heard_and_due(found, formats, words) if sums.accounts else ()
    if not sums.estimated:
        why = words["no_estimates" if sums.accounts else "no_accounts"]
        (first, last) = (Sum(name, words[name], NONE, why) for name in ("revenue_at_risk", "change"))
        return first, *standing, last
    if sums.loss is not None:
        lost = words["loss_range"].format(low=formats.money(sums.loss.low), high=formats.money(sums.loss.high))
    if sums.change is None or found.before is None:
        moved, since = NONE, words["first_run"]
    else:
        moved, since = formats.money(sums.change, signed=True), words["since"].format(day=formats.day(found.before))
    risk = formats.money(sums.revenue_at_risk)
    return (
        Sum("revenue_at_risk", words["revenue_at_risk"], risk, words["revenue_at_risk_note"]),
        *((Sum("loss", words["loss"], lost, words["loss_note"]),) if lost else ()),
        *standing,
        Sum("change", words["change"], moved, since),
    )


def _heard_and_due(found: Found, formats: Formats, words: Mapping[str, str]) -> tuple[Sum, ...]:
    """Return the revenue of the accounts that nobody hears and the contracts that are due; not known is no zero."""
    sums = {"unheard": found.sums.unheard, "due": found.sums.due}
    return tuple(
        Sum(name, words[name], NONE, words[f"{name}_not"])
        if amount is None
        else Sum(name, words[name], formats.money(amount), words[f"{name}_note"])
        for name, amount in sums.items()
    )


def moved_lines(moved: Mapping[Part, float], formats: Formats) -> tuple[tuple[str, str], ...]:
    """Return what moved the revenue at risk as label and amount, the largest first, the sum last; they add up."""
    words = screen_texts(formats.lang)["moved_book"]
    by_size = sorted(((part, amount) for part, amount in moved.items() if amount), key=lambda item: -abs(item[1]))
    if not by_size:
        return ()
    total, shown = sum(moved.values()), by_size[:MOST_PARTS]
    labels = [theme_label(code, formats.lang) if kind == "theme" else words[kind] for (kind, code), _ in shown]
    amounts = [amount for _, amount in shown]
    if len(by_size) > len(shown):
        labels.append(words["others"])
        amounts.append(sum(amount for _, amount in by_size[MOST_PARTS:]))
    told = (formats.money(amount, signed=True) for amount in rounded_parts(amounts, total, 0))
    return (*zip(labels, told, strict=True), (words["total"], formats.money(round(total), signed=True)))


def _urgent(found: Found, formats: Formats, words: Mapping[str, str]) -> str:
    """Return what waits for a decision in a sentence; nothing when nothing does."""
    counts = (("unplanned", found.unplanned), ("disagreed", found.disagreed))
    said = (
        words[f"{name}_count_one" if number == 1 else f"{name}_count"].format(n=formats.number(number))
        for name, number in counts
        if number
    )
    return ", ".join(said)
