"""The accounts of the portfolio in words: what the store found goes in, a line of each account comes out.

Pages, reports and whatever else tells of a portfolio say the same. Every figure is a stored one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from serving.portfolio.action_words import what_it_brings
from serving.portfolio.first_step import FirstStep, first_step
from serving.portfolio.portfolio_head import NONE
from serving.portfolio.portfolio_query import Found
from serving.reports.quiet import quiet
from serving.reports.report_head import noted_size
from serving.reports.sparks import Sparkline, sparkline
from serving.reports.steps_to_take import Pressing, no_step, shrinking_share
from serving.scoring.scores import Score
from serving.store.score_tables import score_of
from serving.words.crm_link import crm_link
from serving.words.formats import Formats, Lang, shown_change
from serving.words.short_reasons import main_reason
from serving.words.told_by_evidence import next_end
from serving.words.wording import page_texts, screen_texts

#: Hours after which feedback should have been answered.
LATE_HOURS = 48.0
#: Days to the end of a contract from which on the list names it.
SOON_DAYS = 180


@dataclass(frozen=True)
class Line:
    """One account of the list, in words; what is empty is not shown.

    `size`: at risk by what would be lost alone, or not at risk since little would be lost. `profit`: what `action` is
    expected to bring, or why there is none. `value`: what the customer is worth a year. `address` is that of its page
    here, `crm` that in the reader's CRM. `nobody`: that no account manager has it, where others are managed. `advice`:
    the step that must not wait of an account at risk, or that its page advises none; `advice_told`: what its page
    advises first, with whom it means; `pressing`: why it must not wait, while no step is planned or done; `ends`: the
    day of the contract, if that is why.
    """

    account_id: str
    address: str
    crm: str
    name: str
    manager: str
    nobody: str
    band: str
    band_label: str
    threat: str
    size: str
    probability: str
    change: str
    change_kind: str
    spark: Sparkline | None
    revenue_at_risk: str
    action: str
    profit: str
    value: str
    reason: str
    watch: tuple[str, ...]
    flags: tuple[str, ...]
    step: str
    step_note: str
    overdue: bool
    advice: str
    advice_told: str
    pressing: str
    ends: date | None


def lines_of(found: Found, lang: Lang, today: date) -> tuple[Line, ...]:
    """Return the accounts; a step that was due before `today` is overdue."""
    return tuple(_line(row, found.past.get(row["account_id"], ()), found, lang, today) for row in found.rows)


def _line(row: Mapping[str, Any], past: Sequence[Any], found: Found, lang: Lang, today: date) -> Line:
    words, labels, formats = screen_texts(lang), page_texts(lang), Formats(lang, row["currency"])
    known, action = row["band"] != "unknown", row["best_action"]
    change, kind = _change(row, found.before, formats, words["portfolio"])
    evidence, as_of = row["evidence"] or {}, row["as_of"]
    score, step = score_of(row), found.steps.get(row["account_id"])
    done = found.done.get(row["account_id"])
    size = noted_size(score, (found.run.model.get("reference") or {}) if found.run else {})
    at_risk, told = row["band"] == "at_risk" and not row["lapsed"], _step(row, step, done, words["steps"])
    first = first_step(score, evidence, lang) if at_risk else FirstStep()
    return Line(
        account_id=row["account_id"],
        address=f"/accounts/{quote(row['account_id'], safe='')}?lang={lang}",
        crm=crm_link(row["account_id"]),
        name=row["name"] or (evidence.get("account") or {}).get("name") or row["account_id"],
        manager=row["account_manager"] or "",
        nobody=words["portfolio"]["nobody"] if found.managers and not row["account_manager"] else "",
        band=row["band"],
        band_label=labels["bands"][row["band"]],
        threat=labels["headline"]["threat"] if row["threat"] else "",
        size=words["size"][size] if size else "",
        probability=formats.probability(row["churn_probability"]) if known else words["portfolio"]["no_estimate"],
        change=change,
        change_kind=kind,
        spark=_spark(past, formats, words["portfolio"]),
        revenue_at_risk=formats.money(row["revenue_at_risk"]) if known else NONE,
        action=words["actions"].get(action, words["actions"]["other"].format(name=action)) if action else "",
        profit=what_it_brings(row, formats, words["portfolio"]),
        value=words["portfolio"]["value"].format(value=formats.money(row["value"])) if row["value"] > 0 else "",
        reason=main_reason(score, evidence, lang) if known else words["portfolio"]["unknown_reason"],
        watch=(*_standing(score, evidence, formats, words["watch"]), *_watch(evidence, as_of, formats, words["watch"])),
        flags=tuple(words["steps"][flag] for flag in ("disagreed", "unplanned") if row[flag]),
        step=told,
        step_note=_step_note(step, done, formats, words["steps"]),
        overdue=bool(step and step["due_on"] < today),
        advice=_advice(first, score, formats) if at_risk else "",
        advice_told=(first.told or no_step(score, formats)) if at_risk else "",
        ends=next_end(evidence) if first.pressing == "contract" else None,
        pressing="" if told else _pressing(first.pressing, evidence, formats, words["todo"]),
    )


def _advice(first: FirstStep, score: Score, formats: Formats) -> str:
    """Return a step that must not wait, or that there is no occasion for any; others stand on the account's page."""
    return first.text if first.pressing else "" if first.text else no_step(score, formats)


def _pressing(pressing: Pressing, evidence: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    ends = next_end(evidence)
    if pressing == "contract" and ends:
        return words["contract"].format(day=formats.day(ends))
    return words["low"] if pressing else ""


def _step(
    row: Mapping[str, Any], step: Mapping[str, Any] | None, done: Mapping[str, Any] | None, words: Mapping[str, str]
) -> str:
    """Return the next step, else the one that was done, else that the account was reported as handled."""
    planned = step or done
    return planned["what"] if planned else words["handled"] if row["handled"] else ""


def _step_note(
    step: Mapping[str, Any] | None, done: Mapping[str, Any] | None, formats: Formats, words: Mapping[str, str]
) -> str:
    """Return whose step it is and until when, or when it was done."""
    if step:
        return words["of"].format(owner=step["owner"], day=formats.day(step["due_on"]))
    return words["finished"].format(owner=done["owner"], day=formats.day(done["done_at"].date())) if done else ""


def _change(row: Mapping[str, Any], before: date | None, formats: Formats, words: Mapping[str, str]) -> tuple[str, str]:
    """Return the change of the probability in points since the run before, and whether it rose or fell."""
    if before is None or row["probability_before"] is None or "unknown" in (row["band"], row["band_before"]):
        return "", ""
    change = shown_change(row["probability_before"], row["churn_probability"])
    kind = "same" if change == 0 else "up" if change > 0 else "down"
    return words[f"change_{kind}"].format(points=formats.points(change), day=formats.day(before)), kind


def _spark(past: Sequence[Any], formats: Formats, words: Mapping[str, str]) -> Sparkline | None:
    said = (f"{formats.probability(each.churn_probability)} ({formats.day(each.as_of)})" for each in past)
    return sparkline([each.churn_probability for each in past], words["spark"].format(points=", ".join(said)))


def _standing(score: Score, evidence: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> Iterator[str]:
    """Yield what the band does not say: shrinking, without invoices of late."""
    if share := shrinking_share(score, evidence):
        yield words["shrinking"].format(share=formats.percent(share))
    if said := quiet(score, formats, evidence):
        yield said


def _watch(evidence: Mapping[str, Any], as_of: date, formats: Formats, words: Mapping[str, str]) -> list[str]:
    """Return what must not wait: feedback that should have been answered, a contract that is about to end."""
    lines, loops = [], evidence.get("open_loops")
    hours = [loop["hours"] or 0 for loop in loops["rows"]] if loops else []
    late = sum(each > LATE_HOURS for each in hours)
    if loops and late:
        # The evidence keeps the oldest ones: where all of them are late, those it left out may be late too.
        more = late == len(loops["rows"]) < loops["total"]
        text = words["loop" if late == 1 and not more else "loops_more" if more else "loops"]
        oldest = loops["rows"][hours.index(max(hours))]
        # Counted as the account's report counts it.
        longest = formats.dative(formats.waited(oldest.get("opened_at"), max(hours)))
        lines.append(text.format(n=formats.number(late), id=oldest["loop_id"], days=longest))
    ends = next_end(evidence)
    days = (ends - as_of).days if ends else None
    if days is not None and 0 <= days <= SOON_DAYS:
        lines.append(
            words["renewal" if days else "renewal_day"].format(
                days=formats.dative(formats.days(days)), day=formats.day(ends or as_of)
            )
        )
    return lines
