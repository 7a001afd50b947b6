"""Everything that an account's report shows, as a record that a template only has to print.

A score, its history, the account's evidence and the facts on the model go in, all plain values from the store. An
`AccountReport` in one language comes out. Nothing is recomputed: probabilities, contributions, money and bands come
from the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.reports.outlook_section import OutlookView, outlook_of
from serving.reports.past import History, TimeLineView, history_of, time_line_of
from serving.reports.rated import Rated, rated
from serving.reports.record_tables import DataTable, evidence_tables, without_rows
from serving.reports.report_head import Headline, headline
from serving.reports.stakeholders import Stakeholders, stakeholders_of
from serving.reports.steps_to_take import Advice, no_step, shrinking_share, steps_of
from serving.reports.whom_to_call import WhomToCall, whom_to_call
from serving.reports.why import SignalGroup, Usual, Why, signal_groups, why
from serving.scoring.cautions import Caution
from serving.scoring.scores import PastScore, Score
from serving.words.caution_words import kept_cautions, told
from serving.words.crm_link import crm_link
from serving.words.formats import Formats, Lang
from serving.words.glossary import glossary
from serving.words.reasons import Speaker
from serving.words.theme_reasons import themes
from serving.words.wording import page_texts


@dataclass(frozen=True)
class AccountReport:
    """One account's report.

    Attributes
    ----------
    lang : 'de' or 'en'
    texts : mapping
        The page's fixed words.
    title, kind, name, as_of : str
        The document's title, its kind, the account's name, "as of ...".
    facts : tuple of str
        The account's id; segment, industry, country, customer since and account manager, as far as known.
    crm : str
        The account's address in the reader's CRM; empty without one.
    headline : Headline
    outlook : OutlookView or None
        None if scoring stored no outlook, and when the band is unknown.
    why : Why or None
        None when the band is unknown.
    signals : tuple of SignalGroup
        Every signal, by theme.
    book_note, segment_note : str
        What the figures are compared with; empty where nothing is known.
    time_line : TimeLineView or None
        None if the store holds no evidence.
    advice : tuple of Advice
        What can be done, in order; empty when the band is unknown.
    people : WhomToCall or None
    rated : Rated or None
        None if the store holds no evidence.
    stakeholders : Stakeholders or None
        None if no contact is known.
    collect : tuple of str
        The data that would make an unknown account known.
    evidence : tuple of DataTable
        The tables with rows; `evidence_absent` names those without rows and those not known.
    history : History or None
        None with fewer than two dates.
    reading : tuple of str
        What is not known, and how to read the figures.
    model, footer : str
    """

    lang: Lang
    texts: Mapping[str, Any]
    title: str
    kind: str
    name: str
    as_of: str
    facts: tuple[str, ...]
    crm: str
    headline: Headline
    outlook: OutlookView | None
    why: Why | None
    signals: tuple[SignalGroup, ...]
    book_note: str
    segment_note: str
    time_line: TimeLineView | None
    advice: tuple[Advice, ...]
    no_advice: str
    people: WhomToCall | None
    rated: Rated | None
    stakeholders: Stakeholders | None
    collect: tuple[str, ...]
    evidence: tuple[DataTable, ...]
    evidence_lead: str
    evidence_absent: tuple[str, ...]
    history: History | None
    reading: tuple[str, ...]
    model: str
    footer: str


def account_report(
    score: Score,
    history: Sequence[PastScore],
    evidence: Mapping[str, Any],
    model: Mapping[str, Any],
    lang: Lang,
    beside: Sequence[Caution] = (),
) -> AccountReport:
    """Collect an account's report.

    Parameters
    ----------
    score : Score
    history : sequence of PastScore
        Earlier scores; they may include this one.
    evidence : dict
        The result of `serving.scoring.evidence.collect_evidence` for this account and date; empty if none was kept.
    model : dict
        version, trained_at, slices, rule, grade, reference, metrics; any of them may be missing.
    lang : 'de' or 'en'
    beside : sequence of Caution
        What else to know of the score when it is read, such as that the account has left since.
    """
    texts, speaker, by_theme = page_texts(lang), Speaker(score, evidence, lang), themes(score.reasons)
    formats = speaker.formats
    sentences = [speaker.say(theme) for theme in by_theme]
    known, account = score.band != "unknown", evidence.get("account") or {}
    tables = evidence_tables(evidence, formats)
    name = account.get("name") or texts["page"]["no_name"].format(id=score.account_id)
    day = formats.long_day(score.as_of)
    reference = model.get("reference") or {}
    usual = Usual.of(reference, score)
    return AccountReport(
        lang=lang,
        texts=texts,
        title=texts["page"]["title"].format(name=name, day=day),
        kind=texts["page"]["kind"],
        name=name,
        as_of=texts["page"]["as_of"].format(day=day),
        facts=_facts(score.account_id, account, formats, texts["page"]),
        crm=crm_link(score.account_id),
        headline=headline(score, sentences, model, shrinking_share(score, evidence), formats, evidence, beside),
        outlook=outlook_of(evidence, model.get("rule") or {}, formats, model.get("lifetime")) if known else None,
        why=why(score, by_theme, sentences, speaker, usual) if known else None,
        signals=signal_groups(by_theme, speaker, usual),
        book_note=_book_note(reference, formats, texts["why"]),
        segment_note=_segment_note(usual, reference, formats, texts["why"]),
        time_line=time_line_of(evidence, formats) if evidence.get("revenue") else None,
        advice=steps_of(score, evidence, sentences, formats) if known else (),
        no_advice=no_step(score, formats),
        people=whom_to_call(evidence, score.as_of, formats),
        rated=rated(evidence, score.as_of, formats),
        stakeholders=stakeholders_of(evidence, score.as_of, formats),
        collect=tuple(_collect(need, texts, formats) for need in score.collect),
        evidence=tuple(table for table in tables if table.rows),
        evidence_lead=texts["evidence"]["lead"].format(day=day),
        evidence_absent=without_rows(tables, formats),
        history=history_of(score, history, formats),
        reading=_reading(score, model, formats, texts),
        model=_model(model, score, formats, texts["page"]),
        footer=texts["page"]["footer"].format(day=formats.day(score.scored_at), as_of=formats.day(score.as_of)),
    )


def _facts(account_id: str, account: Mapping[str, Any], formats: Formats, texts: Mapping[str, str]) -> tuple[str, ...]:
    since, manager, country = (account.get(name) for name in ("customer_since", "account_manager", "country"))
    segment, industry = (
        glossary().say(subject, account[subject], formats.lang) if account.get(subject) else None
        for subject in ("segment", "industry")
    )
    facts = (
        account_id,
        segment,
        industry,
        formats.country(country) if country else None,
        texts["customer_since"].format(day=formats.day(since)) if since else None,
        texts["manager"].format(name=manager) if manager else None,
    )
    return tuple(fact for fact in facts if fact)


def _collect(need: str, texts: Mapping[str, Any], formats: Formats) -> str:
    """Return in words an entry of `Score.collect`, which is a code with figures; an unknown code stays unchanged."""
    code, _, rest = need.partition(": ")
    figures = [int(word) for word in rest.replace(",", "").split() if word.isdigit()]
    if code == "table" and rest in texts["tables"]:
        return str(texts["advice"]["collect_table"].format(table=texts["tables"][rest]))
    if code == "history" and len(figures) == 2:
        days, needed = figures
        return str(texts["advice"]["history"].format(missing=needed - days, days=days, needed=needed))
    if code == "records" and len(figures) == 3:
        return str(texts["advice"]["records"].format(found=figures[0], needed=figures[2]))
    return need


def _book_note(reference: Mapping[str, Any], formats: Formats, texts: Mapping[str, str]) -> str:
    if not reference.get("as_of"):
        return ""
    accounts = formats.number(reference["accounts"])
    return texts["book_note"].format(accounts=accounts, day=formats.day(reference["as_of"]))


def _segment_note(usual: Usual, reference: Mapping[str, Any], formats: Formats, texts: Mapping[str, str]) -> str:
    if not usual.segment:
        return ""
    named = glossary().say("segment", usual.segment, formats.lang)
    accounts, day = formats.number(usual.accounts), formats.day(reference["as_of"])
    return texts["segment_note"].format(segment=named, accounts=accounts, day=day)


def _model(model: Mapping[str, Any], score: Score, formats: Formats, texts: Mapping[str, str]) -> str:
    version, trained = score.model_version, model.get("trained_at")
    if not trained:
        return texts["model_plain"].format(version=version)
    return texts["model"].format(version=version, day=formats.day(trained))


def _reading(score: Score, model: Mapping[str, Any], formats: Formats, texts: Mapping[str, Any]) -> tuple[str, ...]:
    words, missing = texts["reading"], [texts["tables"].get(name, name) for name in score.missing_tables]
    lines = [words["missing"].format(tables=", ".join(missing)) if missing else words["complete"]]
    if score.band != "unknown":
        off = next((told(one, formats.lang) for one in kept_cautions(model) if one.code == "level"), "")
        probability = formats.probability(score.churn_probability)
        lines.append(words["estimate_off" if off else "estimate"].format(probability=probability, level=off))
    lines += [words["cause"], words["base"], words["money"]]
    silence = (model.get("rule") or {}).get("silence_days")
    if silence:
        lines.append(words["silence_rule"].format(days=formats.number(silence)))
    slices = sorted(model.get("slices") or ())
    if slices:
        first, last = formats.day(slices[0]), formats.day(slices[-1])
        lines.append(words["learnt"].format(n=formats.number(len(slices)), first=first, last=last))
    return tuple(lines)
