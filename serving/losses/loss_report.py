"""Loss reviews in words: reviews go in; a record and a complete HTML document come out, or plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from serving.losses.departures import BEFORE, FACTS, Departure
from serving.losses.past_runs import Sight, Why
from serving.losses.reviews import Review
from serving.losses.verdicts import VERDICTS
from serving.reports.report_html import rendered
from serving.words.formats import Formats, Lang
from serving.words.glossary import glossary
from serving.words.short_reasons import main_reason
from serving.words.wording import figure, label, page_texts, programme_texts, signal_of

#: Losses of a page whose review is written out; the list above has all of them.
WRITTEN_OUT = 20
UNKNOWN = "–"


@dataclass(frozen=True)
class LossLine:
    """A loss in words; `rows` is the table of what was known: a label, then a cell for each of `BEFORE`.

    `rows` and `reason` are those of a review that is written out; else they are empty.
    """

    account_id: str
    name: str
    manager: str
    ended: str
    revenue: str
    cause: str
    verdict: str
    verdict_label: str
    returned: str
    rows: tuple[tuple[str, ...], ...]
    reason: str
    late: str


@dataclass(frozen=True)
class LossReport:
    """The report in words.

    Attributes
    ----------
    figures : tuple of (label, number, note, money)
        How many losses by verdict.
    lines : tuple of LossLine
        All losses, in the order of the list.
    written_out : tuple of LossLine
        Those of a page, whose review is written out.
    counted : str
        Which these are; empty where they are all.
    """

    lang: Lang
    title: str
    facts: tuple[str, ...]
    figures: tuple[tuple[str, str, str, str], ...]
    lines: tuple[LossLine, ...]
    written_out: tuple[LossLine, ...]
    counted: str
    heads: tuple[str, ...]


def loss_report(
    found: Sequence[Review], first: date, as_of: date, currency: str | None, lang: Lang, page: int = 1
) -> LossReport:
    """Return the reviews of the losses from `first` on and before `as_of` in words; `page`: which are written out."""
    texts, formats = programme_texts(lang)["losses"], Formats(lang, currency)
    last, of_page = formats.day(as_of - timedelta(days=1)), written_out(page)
    lines = tuple(_line(review, texts, formats, place in of_page) for place, review in enumerate(found))
    shown = lines[of_page.start : of_page.stop]
    return LossReport(
        lang=lang,
        title=texts["title"].format(day=formats.long_day(as_of)),
        facts=(
            texts["period"].format(first=formats.day(first), last=last),
            *([texts["currency"].format(currency=currency)] if currency else []),
        ),
        figures=tuple(_sums(verdict, found, texts, formats) for verdict in VERDICTS),
        lines=lines,
        written_out=shown,
        counted=texts["reviews_first"].format(
            first=formats.number(of_page.start + 1),
            last=formats.number(of_page.start + len(shown)),
            total=formats.number(len(lines)),
        )
        if len(lines) > len(shown)
        else "",
        heads=(texts["what"], *(texts["before"].format(days=days) for days in BEFORE)),
    )


def written_out(page: int) -> range:
    """Return the places of the losses whose review a page writes out."""
    return range((page - 1) * WRITTEN_OUT, page * WRITTEN_OUT)


def render_losses(report: LossReport, paper: bool = False) -> str:
    """Return the report as a complete HTML5 document, for a screen or for paper."""
    texts = programme_texts(report.lang)["losses"]
    return rendered("loss_report.html.j2", report.lang, paper, report=report, losses=texts)


def as_plain(review: Review) -> dict[str, Any]:
    """Return a review as plain values, dates as ISO text."""
    departure, cause = review.departure, review.cause
    return {
        "account_id": departure.account_id, "name": departure.name, "account_manager": departure.account_manager,
        "ended_on": departure.ended_on.isoformat(), "returned": departure.returned,
        "revenue_365d": departure.revenue, "cause": cause and cause[0], "cause_from": cause and cause[1],
        "verdict": review.verdict, "seen_days_before": review.seen_days,
        "known": [_known(review, days) for days in BEFORE],
    }  # fmt: skip


def verdict_label(review: Review, lang: Lang) -> str:
    """Return whether the model had seen a loss, in words, and that what says so was scored only afterwards."""
    texts = programme_texts(lang)["losses"]
    said = str(texts[f"is_{review.verdict}"].format(days=review.seen_days))
    told_by_name = review.verdict == "seen_afterwards"
    return str(texts["seen_after"].format(label=said)) if review.judged_afterwards and not told_by_name else said


def _known(review: Review, days: int) -> dict[str, Any]:
    """Return what was known so many days before the end: the run, or why there is none, and the plain facts."""
    sight, ended_on = review.sights[days], review.departure.ended_on
    said: dict[str, Any] = {"run": None, "why": sight}
    if isinstance(sight, Sight):
        run = sight.run
        said = {
            "run": {
                "as_of": run.as_of.isoformat(), "model_version": run.model_version,
                "scored_at": run.scored_at.isoformat(), "scored_afterwards": run.scored_at.date() >= ended_on,
                "churn_probability": sight.churn_probability, "revenue_at_risk": sight.revenue_at_risk,
                "band": sight.band, "rank": sight.rank, "of": run.accounts, "top": sight.is_top, "seen": sight.seen,
            },
            "why": None,
        }  # fmt: skip
    facts = review.departure.facts.get(days)
    on = (ended_on - timedelta(days=days)).isoformat()
    return {"days": days, "on": on, **said, "facts": None if facts is None else dict(facts)}


def _sums(
    verdict: str, found: Sequence[Review], texts: Mapping[str, str], formats: Formats
) -> tuple[str, str, str, str]:
    revenues = [review.departure.revenue for review in found if review.verdict == verdict]
    money = texts["lost"].format(money=formats.money(sum(revenues)))
    return texts[verdict], formats.number(len(revenues)), texts[f"{verdict}_note"], money


def _line(review: Review, texts: Mapping[str, str], formats: Formats, in_full: bool) -> LossLine:
    departure, last = review.departure, review.last
    reason = main_reason(last.score, last.evidence, formats.lang) if last and last.score.band != "unknown" else ""
    return LossLine(
        account_id=departure.account_id,
        name=departure.name or departure.account_id,
        manager=departure.account_manager or "",
        ended=formats.day(departure.ended_on),
        revenue=formats.money(departure.revenue),
        cause=_cause(review, texts, formats.lang),
        verdict=review.verdict,
        verdict_label=verdict_label(review, formats.lang),
        returned=texts["returned"] if departure.returned else "",
        rows=(*_of_runs(review, texts, formats), *_of_book(departure, texts, formats)) if in_full else (),
        reason=texts["reason"].format(reason=reason) if reason else "",
        late=_late(review, texts, formats),
    )


def _late(review: Review, texts: Mapping[str, str], formats: Formats) -> str:
    """Return what a run said that came too late to count, and why it does not; empty where there is none."""
    late, ended_on = review.late, review.departure.ended_on
    if late is None or late.band == "unknown":
        return ""
    text = texts["late"].format(
        day=formats.day(late.run.as_of), days=(ended_on - late.run.as_of).days, asked=min(BEFORE),
        share=formats.probability(late.churn_probability), rank=formats.number(late.rank),
        of=formats.number(late.run.accounts),
    )  # fmt: skip
    known_until = late.run.known_until
    fair = known_until is not None and known_until <= late.run.as_of
    return text if fair else f"{text} {texts['late_learnt']}"


def _cause(review: Review, texts: Mapping[str, str], lang: Lang) -> str:
    if review.cause is None:
        return texts["no_cause"]
    text, table = review.cause
    if table == "churns":
        return glossary().say("churn_reason", text, lang)
    return texts["from_feedback"].format(text=text)


def _of_runs(review: Review, texts: Mapping[str, str], formats: Formats) -> list[tuple[str, ...]]:
    """Return the rows about the stored runs."""
    sights = [review.sights[days] for days in BEFORE]
    ended_on, bands = review.departure.ended_on, page_texts(formats.lang)["bands"]

    def run(sight: Sight | Why) -> str:
        if not isinstance(sight, Sight):
            return texts[sight]
        text = texts["run_after" if sight.run.scored_at.date() >= ended_on else "run_is"]
        return text.format(day=formats.day(sight.run.as_of), version=sight.run.model_version)

    def place(sight: Sight) -> str:
        return texts["place_is"].format(rank=formats.number(sight.rank), of=formats.number(sight.run.accounts))

    def said(sight: Sight) -> tuple[str, str, str]:
        if sight.band == "unknown":
            return UNKNOWN, UNKNOWN, bands[sight.band]
        return formats.probability(sight.churn_probability), place(sight), bands[sight.band]

    cells = [said(sight) if isinstance(sight, Sight) else (UNKNOWN,) * 3 for sight in sights]
    return [
        (texts["run"], *(run(sight) for sight in sights)),
        *((texts[name], *(cell[place] for cell in cells)) for place, name in enumerate(("estimate", "place", "band"))),
    ]


def _of_book(departure: Departure, texts: Mapping[str, str], formats: Formats) -> list[tuple[str, ...]]:
    """Return the rows of plain facts; what was never known has none."""
    rows = []
    for name in FACTS:
        signal = signal_of(name)
        facts = [departure.facts.get(days) for days in BEFORE]
        if all(of_day is None or of_day[name] is None for of_day in facts):
            continue
        cells = (texts["not_customer"] if of_day is None else figure(signal, of_day[name], formats) for of_day in facts)
        rows.append((label(signal, formats.lang), *cells))
    return rows
