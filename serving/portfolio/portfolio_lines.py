"""The portfolio in words: what the store found goes in; its sums, what moved them and its accounts come out.

Pages, reports and whatever else tells of a portfolio say the same. Every figure is a stored one, but for the sums and
the change since the run before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from serving.portfolio.action_words import what_it_brings
from serving.portfolio.portfolio_query import Found
from serving.reports.quiet import quiet
from serving.reports.report_head import by_size
from serving.reports.sparks import Sparkline, sparkline
from serving.reports.steps_to_take import shrinking_share
from serving.scoring import cautions
from serving.scoring.scores import Score
from serving.store.book_movement import Part
from serving.store.score_tables import score_of
from serving.words.caution_words import grade_sentence, kept_cautions, told
from serving.words.crm_link import crm_link
from serving.words.formats import Formats, Lang, rounded_parts, shown_change
from serving.words.movement_words import theme_label
from serving.words.short_reasons import main_reason
from serving.words.wording import page_texts, screen_texts

#: Hours after which feedback should have been answered.
LATE_HOURS = 48.0
#: Days to the end of a contract from which on the list names it.
SOON_DAYS = 180
#: Stands where there is no figure.
NONE = "–"
#: Most parts of a change that are shown by name.
MOST_PARTS = 7


@dataclass(frozen=True)
class Line:
    """One account of the list, in words; what is empty is not shown. `size`: at risk by what would be lost alone.

    `profit`: what `action` is expected to bring, or why there is none. `address` is that of its page here, `crm` that
    in the reader's CRM.
    """

    account_id: str
    address: str
    crm: str
    name: str
    manager: str
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
    reason: str
    watch: tuple[str, ...]
    flags: tuple[str, ...]
    step: str
    step_note: str
    overdue: bool


@dataclass(frozen=True)
class Head:
    """What stands above the accounts.

    Attributes
    ----------
    as_of, model : str
        Empty while no run is published.
    cautions : tuple of str
        What is to be known before the estimates are acted on.
    figures : tuple of (label, value, note)
        Each sum, the revenue at risk first, its change last.
    moved : tuple of (label, amount)
        What moved the first sum, the change last.
    urgent : str
        What waits for a decision; empty when nothing does.
    """

    as_of: str
    model: str
    cautions: tuple[str, ...]
    figures: tuple[tuple[str, str, str], ...]
    moved: tuple[tuple[str, str], ...]
    urgent: str
    decide: str


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
    )


def lines_of(found: Found, lang: Lang, today: date) -> tuple[Line, ...]:
    """Return the accounts; a step that was due before `today` is overdue."""
    return tuple(_line(row, found.past.get(row["account_id"], ()), found, lang, today) for row in found.rows)


def aged(as_of: date, lang: Lang, today: date) -> tuple[str, ...]:
    """Return the sentence that the estimates are old, where they are: all days on the page count from their date."""
    return tuple(f"{told(one, lang)}." for one in cautions.aged(as_of, today))


def _lapsed(found: Found, words: Mapping[str, str], formats: Formats) -> tuple[str, ...]:
    """Return the sentence that some accounts have left by the model's rule, where some have."""
    if not found.run or not found.lapsed:
        return ()
    text = words["lapsed_one" if found.lapsed == 1 else "lapsed"]
    return (text.format(n=formats.number(found.lapsed), days=found.run.model["rule"]["silence_days"]),)


def _figures(found: Found, formats: Formats, words: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return the sums above the list; what is expected to be lost has a range in which it falls four times in five.

    Where there is an estimate of none of the accounts, or no account, none of the sums of estimates is shown.
    """
    sums, lost = found.sums, ""
    standing = _heard_and_due(found, formats, words) if sums.accounts else ()
    if not sums.estimated:
        why = words["no_estimates" if sums.accounts else "no_accounts"]
        (first, last) = ((words[name], NONE, why) for name in ("revenue_at_risk", "change"))
        return first, *standing, last
    if sums.loss is not None:
        lost = words["loss_range"].format(low=formats.money(sums.loss.low), high=formats.money(sums.loss.high))
    if sums.change is None or found.before is None:
        moved, since = NONE, words["first_run"]
    else:
        moved, since = formats.money(sums.change, signed=True), words["since"].format(day=formats.day(found.before))
    return (
        (words["revenue_at_risk"], formats.money(sums.revenue_at_risk), words["revenue_at_risk_note"]),
        *(((words["loss"], lost, words["loss_note"]),) if lost else ()),
        *standing,
        (words["change"], moved, since),
    )


def _heard_and_due(found: Found, formats: Formats, words: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return the revenue of the accounts that nobody hears and the contracts that are due; not known is no zero."""
    sums = {"unheard": found.sums.unheard, "due": found.sums.due}
    return tuple(
        (words[name], NONE, words[f"{name}_not"])
        if amount is None
        else (words[name], formats.money(amount), words[f"{name}_note"])
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


def _line(row: Mapping[str, Any], past: Sequence[Any], found: Found, lang: Lang, today: date) -> Line:
    words, labels, formats = screen_texts(lang), page_texts(lang), Formats(lang, row["currency"])
    known, action = row["band"] != "unknown", row["best_action"]
    change, kind = _change(row, found.before, formats, words["portfolio"])
    evidence, as_of = row["evidence"] or {}, row["as_of"]
    score, step = score_of(row), found.steps.get(row["account_id"])
    done = found.done.get(row["account_id"])
    size = by_size(score, (found.run.model.get("reference") or {}) if found.run else {})
    return Line(
        account_id=row["account_id"],
        address=f"/accounts/{quote(row['account_id'], safe='')}?lang={lang}",
        crm=crm_link(row["account_id"]),
        name=row["name"] or (evidence.get("account") or {}).get("name") or row["account_id"],
        manager=row["account_manager"] or "",
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
        reason=main_reason(score, evidence, lang) if known else words["portfolio"]["unknown_reason"],
        watch=(*_standing(score, evidence, formats, words["watch"]), *_watch(evidence, as_of, formats, words["watch"])),
        flags=tuple(words["steps"][flag] for flag in ("disagreed", "unplanned") if row[flag]),
        step=_step(row, step, done, words["steps"]),
        step_note=_step_note(step, done, formats, words["steps"]),
        overdue=bool(step and step["due_on"] < today),
    )


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
    ends = renewal(evidence)
    days = (ends - as_of).days if ends else None
    if days is not None and 0 <= days <= SOON_DAYS:
        lines.append(words["renewal"].format(days=formats.dative(formats.days(days)), day=formats.day(ends or as_of)))
    return lines


def renewal(evidence: Mapping[str, Any]) -> date | None:
    """Return the day on which the next running contract ends, as far as the evidence says it."""
    contracts = evidence.get("contracts") or {"rows": ()}
    ends = [row["ends_on"] for row in contracts["rows"] if row["running"] and row["ends_on"]]
    return date.fromisoformat(min(ends)[:10]) if ends else None
