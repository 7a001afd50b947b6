"""A digest as a record that templates only have to print: findings go in, texts in the reader's language come out.

The accounts to call are lines of the portfolio, with its own words and figures; every figure is a stored one. Names of
contacts, and what customers wrote, stand in no digest: a mail is read in more places than the account's page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from serving.digest.alert_records import records_told
from serving.digest.digest_findings import WEEK, Findings
from serving.digest.lost_accounts import told_of
from serving.digest.standing_changes import Change
from serving.portfolio.portfolio_head import Head, head_of
from serving.portfolio.portfolio_lines import Line, lines_of
from serving.portfolio.wanted import Wanted
from serving.webhooks.delivery.slack import alert_words
from serving.words.crm_link import crm_link
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts, screen_texts

#: Most entries of a section that are listed, and how much of a text that somebody wrote.
MOST, LONGEST = 15, 300
#: Most accounts that a sentence names.
NAMED = 5
Words = Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """One line about an account: what is `told` of it; `address` and `crm` are empty where there is none."""

    name: str
    account_id: str
    address: str
    crm: str
    told: str


@dataclass(frozen=True)
class Section:
    """Entries of one kind under a heading; `name` is that of the section in `locales/`."""

    name: str
    heading: str
    entries: tuple[Entry, ...]
    more: str


@dataclass(frozen=True)
class Digest:
    """One digest in words; what is empty is not shown.

    Attributes
    ----------
    subject : str
        Without names of customers: it shows on locked screens.
    deputy : str
        That the reader stands in for the manager.
    figures : tuple of (str, str, str)
        Label, value and note of the sums over all of the manager's accounts, as the portfolio has them.
    calls : tuple of Line
        The accounts to call, as lines of the portfolio; `call_addresses` are absolute, or empty, and `call_steps` say
        what to do first, naming contacts by role.
    sections : tuple of Section
        What must not wait, what changed, what left the list, what is due, what was said and done.
    address : str
        Of the portfolio.
    foot : tuple of str
        Whose accounts, as of when, and what decided what is shown.
    """

    lang: Lang
    subject: str
    title: str
    deputy: str
    as_of: str
    notes: tuple[str, ...]
    figures: tuple[tuple[str, str, str], ...]
    calls: tuple[Line, ...]
    call_addresses: tuple[str, ...]
    call_steps: tuple[str, ...]
    no_calls: str
    more: str
    sections: tuple[Section, ...]
    address: str
    foot: tuple[str, ...]
    words: Mapping[str, Words]


@dataclass(frozen=True)
class Filters:
    """What decides what a digest shows: whose accounts, for whom, on which day, in which zone."""

    manager: str
    reader: str
    capacity: int
    points: float
    day: date
    zone: ZoneInfo
    public_url: str | None


def digest_of(findings: Findings, filters: Filters, lang: Lang) -> Digest:
    """Return a digest in words."""
    words, found = texts(lang), findings.found
    formats, base = Formats(lang, found.sums.currency), (filters.public_url or "").rstrip("/")
    head, calls = head_of(found, lang, filters.day), lines_of(found, lang, filters.day)
    sections = tuple(each for each in _sections(findings, filters, formats, base) if each.entries)
    deputy = words["head"]["deputy"].format(name=filters.manager) if filters.reader != filters.manager else ""
    return Digest(
        lang=lang,
        subject=_subject(findings, filters, formats, words),
        title=words["head"]["title"].format(week=filters.day.isocalendar().week),
        deputy=deputy,
        as_of=head.as_of[:1].upper() + head.as_of[1:],
        notes=(*filter(None, (head.model,)), *head.cautions, *_other_model(findings, words["changes"])),
        figures=_figures(findings, head, formats, words["figures"]),
        calls=calls,
        call_addresses=tuple(base + line.address if base else "" for line in calls),
        call_steps=tuple(line.advice_told for line in calls),
        no_calls="" if calls else words["calls"]["none"],
        more="".join(_more(findings, formats, words["calls"])),
        sections=sections,
        address=f"{base}/{Wanted(manager=filters.manager).query(lang)}" if base else "",
        foot=tuple(_foot(findings, filters, formats, words["foot"])),
        words=words | {"columns": screen_texts(lang)["columns"], "steps": screen_texts(lang)["steps"]},
    )


@cache
def texts(lang: Lang) -> dict[str, Words]:
    """Return the texts of digests, by section."""
    path = files("serving.digest").joinpath("locales", f"{lang}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def counted(number: int, name: str, words: Words, formats: Formats) -> str:
    """Return a number with what it counts, in the singular or the plural."""
    return words[f"{name}_one" if number == 1 else name].format(n=formats.number(number))


def _subject(findings: Findings, filters: Filters, formats: Formats, words: Mapping[str, Words]) -> str:
    late = sum(step["due_on"] < filters.day for step in findings.steps)
    numbers = {
        "calls": len(findings.found.rows),
        "alerts": len(findings.alerts),
        "changes": len(findings.changes) + len(findings.gone) + len(findings.lost),
        "late": late,
        "due": len(findings.steps) - late,
        "said": len(findings.said) + len(findings.done),
    }
    parts = (counted(number, name, words["subject"], formats) for name, number in numbers.items() if number)
    subject = words["subject"]["whole"].format(week=filters.day.isocalendar().week, parts=", ".join(parts))
    if filters.reader == filters.manager:
        return subject
    return words["subject"]["deputy"].format(name=filters.manager, subject=subject)


def _figures(findings: Findings, head: Head, formats: Formats, words: Words) -> tuple[tuple[str, str, str], ...]:
    """Return the sums of the portfolio; their notes say that they are of all accounts, not of those listed."""
    sums, (risk, *_, change) = findings.found.sums, head.figures
    whole = counted(sums.accounts, "whole", words, formats)
    if sums.loss is not None:
        low, high = formats.money(sums.loss.low), formats.money(sums.loss.high)
        whole = f"{whole} {words['range'].format(low=low, high=high)}"
    return (risk.label, risk.value, whole), (change.label, change.value, change.note)


def _more(findings: Findings, formats: Formats, words: Words) -> Iterator[str]:
    unknown = findings.found.counts.get("unknown", 0)
    parts = [
        counted(number, name, words, formats)
        for name, number in (("more", findings.more), ("unknown", unknown))
        if number
    ]
    if findings.handled:
        named = list(findings.handled[:NAMED])
        if rest := len(findings.handled) - len(named):
            named.append(counted(rest, "rest", words, formats))
        parts.append(words["handled"].format(names=", ".join(named)))
    yield " ".join(parts)


def _other_model(findings: Findings, words: Words) -> Iterator[str]:
    """Yield that another model scored since, where changes may come from it alone."""
    before, run = findings.before.model_version, findings.found.run
    if findings.changes and run is not None and before != run.model_version:
        yield words["model"].format(before=before, after=run.model_version)


def _sections(findings: Findings, filters: Filters, formats: Formats, base: str) -> Iterator[Section]:
    words, lang = texts(formats.lang), formats.lang
    entry = _entries(lang, base)
    since = formats.day(findings.before.as_of) if findings.before.as_of else ""
    changes = [
        entry(each.account_id, each.name, *_changed(each, formats, words["changes"])) for each in findings.changes
    ]
    alerts = [
        entry(
            row["account_id"],
            row["name"],
            "",
            alert_words(alert.kind, len(alert.records), alert.since.isoformat(), lang)
            + records_told(row, alert, words["alerts"], formats),
        )
        for row, alert in findings.alerts
    ]
    yield _section("alerts", words["alerts"]["heading"], alerts, formats)
    yield _section("changes", words["changes"]["heading"].format(day=since), changes, formats)
    reviews = f"{base}/losses?lang={lang}" if base else ""
    lost = [replace(entry(*told_of(each, words["lost"], formats)), address=reviews) for each in findings.lost]
    yield _section("lost", words["lost"]["heading"].format(day=since), lost, formats)
    gone = [entry(each.account_id, each.name, "", words["gone"][each.why]) for each in findings.gone]
    yield _section("gone", words["gone"]["heading"], gone, formats)
    due = [entry(each["account_id"], each["name"], *_step(each, filters.day, formats)) for each in findings.steps]
    yield _section("due", words["due"]["heading"], due, formats)
    news = [entry(each["account_id"], each["name"], *_said(each, filters, formats)) for each in findings.said]
    news += [entry(each["account_id"], each["name"], *_done(each, filters, formats)) for each in findings.done]
    day = formats.day(findings.said_since.astimezone(filters.zone).date())
    yield _section("said", words["said"]["heading"].format(day=day), news, formats)


def _section(name: str, heading: str, entries: Sequence[Entry], formats: Formats) -> Section:
    over = len(entries) - MOST
    more = counted(over, "more", texts(formats.lang)["head"], formats) if over > 0 else ""
    return Section(name, heading, tuple(entries[:MOST]), more)


def _entries(lang: Lang, base: str) -> Callable[[str, str | None, str, str], Entry]:
    """Return what makes an entry of an account's id and name, what it is about, and what is told of that."""

    def entry(account_id: str, name: str | None, about: str, text: str) -> Entry:
        address = f"{base}/accounts/{quote(account_id, safe='')}?lang={lang}" if base else ""
        told = f"{about.removesuffix(':')}: {text}" if about and text else about or text
        return Entry(name or account_id, account_id, address, crm_link(account_id), told)

    return entry


def _changed(change: Change, formats: Formats, words: Words) -> tuple[str, str]:
    """Return what a change is, and the figures; an unknown account shows none."""
    before, after, bands = change.before, change.after, page_texts(formats.lang)["bands"]
    mark = words[change.kind]
    if change.kind == "band" and before is not None:
        mark = mark.format(before=bands[before.band], after=bands[after.band])
    if after.band == "unknown":
        return mark, ""
    probability = formats.probability(after.churn_probability)
    if before is None or before.band == "unknown":
        return mark, words["risk"].format(after=probability)
    return mark, words["risk_before"].format(before=formats.probability(before.churn_probability), after=probability)


def _step(step: Mapping[str, Any], day: date, formats: Formats) -> tuple[str, str]:
    words = screen_texts(formats.lang)
    note = words["steps"]["of"].format(owner=step["owner"], day=formats.day(step["due_on"]))
    mark = words["steps"]["overdue"] if step["due_on"] < day else ""
    return mark, f"{_cut(step['what'])} ({words['kinds'][step['kind']]}; {note})"


def _done(step: Mapping[str, Any], filters: Filters, formats: Formats) -> tuple[str, str]:
    words = screen_texts(formats.lang)["steps"]
    day = formats.day(step["done_at"].astimezone(filters.zone).date())
    return "", f"{_cut(step['what'])} ({words['finished'].format(owner=step['owner'], day=day)})"


def _said(said: Mapping[str, Any], filters: Filters, formats: Formats) -> tuple[str, str]:
    note = texts(formats.lang)["said"]["note"].format(
        day=formats.day(said["created_at"].astimezone(filters.zone).date()),
        probability=formats.probability(said["churn_probability"]),
    )
    text = f"{_cut(said['text'])} " if said["text"] else ""
    return screen_texts(formats.lang)["said"][said["verdict"]], f"{text}({note})"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _foot(findings: Findings, filters: Filters, formats: Formats, words: Words) -> Iterator[str]:
    run = findings.found.run
    assert run is not None
    yield words["whose"].format(
        name=filters.manager, as_of=formats.day(run.as_of), version=run.model_version, day=formats.day(filters.day)
    )
    yield words["filters"].format(
        capacity=formats.number(filters.capacity),
        points=formats.number(filters.points, 0 if filters.points == round(filters.points) else 1),
        until=formats.day(filters.day + WEEK),
    )
