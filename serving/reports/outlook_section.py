"""The outlook of a report: stored evidence goes in, texts and figures come out.

It says when the customer may leave, and what revenue may be lost though it stays, as scoring computed and stored it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.figures.known import because
from serving.reports.report_head import Figure, window
from serving.scoring.foresight import YEAR_DAYS
from serving.words.formats import Formats
from serving.words.wording import page_texts


@dataclass(frozen=True)
class When:
    """The risk within growing horizons; `mean` says how much of a year is left on average, `note` explains it."""

    risks: tuple[Figure, ...]
    mean: str
    note: str


@dataclass(frozen=True)
class Shrinking:
    """The revenue expected to be lost though the customer stays."""

    loss: Figure
    note: str


@dataclass(frozen=True)
class Worth:
    """What the customer is expected to bring over the years; a reason in the place of what is not known."""

    value: Figure
    note: str


@dataclass(frozen=True)
class OutlookView:
    """Its parts; each is None if the evidence does not hold it, `worth` if the run counts no lifetime values."""

    when: When | None
    shrinking: Shrinking | None
    worth: Worth | None = None


def outlook_of(
    evidence: Mapping[str, Any],
    rule: Mapping[str, Any],
    formats: Formats,
    terms: Mapping[str, float] | None = None,
) -> OutlookView | None:
    """Return the outlook that an account's evidence holds, None if it holds none.

    Parameters
    ----------
    rule : mapping
        The model's rule of churn: horizon_days, lead_days; may be empty.
    terms : mapping, optional
        How the run counts the years of lifetime values, see `training.lifetime_terms`.
    """
    outlook, words = evidence.get("outlook") or {}, page_texts(formats.lang)["outlook"]
    when = _when(outlook["risk"], outlook["mean_days"], rule, formats, words) if "risk" in outlook else None
    shrinking = (
        _shrinking(outlook["expected_contraction"], formats, words) if "expected_contraction" in outlook else None
    )
    worth = _worth(outlook, terms, formats, words) if terms else None
    return OutlookView(when, shrinking, worth) if when or shrinking else None


def _worth(outlook: Mapping[str, Any], terms: Mapping[str, float], formats: Formats, words: Mapping[str, str]) -> Worth:
    lifetime = outlook.get("lifetime")
    if lifetime is None:
        reason = because("no_decline" if "risk" in outlook else "no_course").told(formats.lang)
        return Worth(Figure(words["lifetime"], "–", words["lifetime_none"].format(reason=reason)), "")
    low, high = (formats.money(lifetime[name], whole=True) for name in ("low", "high"))
    margin = formats.percent(terms["margin"])
    note = words["lifetime_note"].format(
        earned=words["in_revenue"] if terms["margin"] == 1 else words["in_margin"].format(share=margin),
        rate=formats.percent(terms["discount_rate"], 1), years=formats.number(terms["years"]),
    )  # fmt: skip
    value = formats.money(lifetime["value"], whole=True)
    return Worth(Figure(words["lifetime"], value, words["lifetime_bounds"].format(low=low, high=high)), note)


def _when(
    risks: Sequence[Mapping[str, Any]],
    mean_days: float,
    rule: Mapping[str, Any],
    formats: Formats,
    words: Mapping[str, str],
) -> When:
    lead = rule.get("lead_days") or 0
    figures = tuple(
        Figure(
            window(risk["days"], lead, formats),
            formats.probability(risk["probability"]),
            words["same"] if risk["days"] == rule.get("horizon_days") else "",
        )
        for risk in risks
    )
    year = words["year_lead"].format(lead=formats.number(lead)) if lead else words["year"]
    days = round(mean_days)
    mean = words["mean" if days < YEAR_DAYS else "mean_all"]
    return When(figures, mean.format(year=year, days=formats.number(days), of=YEAR_DAYS), words["when_note"])


def _shrinking(loss: float, formats: Formats, words: Mapping[str, str]) -> Shrinking:
    return Shrinking(Figure(words["loss"], formats.money(loss), words["loss_formula"]), words["shrinking_note"])
