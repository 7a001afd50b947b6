"""How an account's contacts rate: survey answers of its evidence go in, its net promoter scores come out.

The score is the programme's own (`features.figures.families.promoters`): answers of the last 365 days, of each contact
the latest, of those without a contact the latest, of anonymous ones each; relationship and transactional apart. An
account has few answers, so that a score stands beside its interval and its number of answers, or is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from features.figures.intervals import nps_interval
from serving.reports.report_head import Figure
from serving.words.contact_rows import rows_of
from serving.words.formats import Formats
from serving.words.wording import page_texts

DAYS = 365
#: Answers below which no score is told, and below which it is called one of few answers.
LEAST_ANSWERS, FEW_ANSWERS = 3, 10
#: Answers that anonymous ones may hide among.
LEAST_ANONYMOUS = 5
#: Evidence that is cut short holds all answers of the period if it reaches back so many days further.
LATE_DAYS = 90
#: Most answers shown under what contacts said: those that sentences quote, low scores of a year, then the newest.
SAID = 8
KINDS = ("relationship", "transactional")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rated:
    """The net promoter scores of an account, and of which answers they are; `message` says why there are none."""

    lead: str
    figures: tuple[Figure, ...]
    message: str


def rated(evidence: Row, as_of: date, formats: Formats) -> Rated | None:
    """Return the scores of an account, one a kind of survey; None without evidence.

    Parameters
    ----------
    evidence : mapping
        As `serving.scoring.evidence.collect_evidence` gives it for the account.
    as_of : date
    formats : Formats
        Language of the report.
    """
    if "surveys" not in evidence:
        return None
    words = page_texts(formats.lang)["rated"]
    if evidence["surveys"] is None:
        return Rated("", (), words["not_known"])
    since, latest = as_of - timedelta(days=DAYS), {kind: latest_answers(evidence, as_of, kind) for kind in KINDS}
    period = words["period"].format(first=formats.day(since), last=formats.day(as_of - timedelta(days=1)))
    first = _reaches(evidence["surveys"])
    if first is not None and first > since - timedelta(days=LATE_DAYS):
        shown = formats.number(len(evidence["surveys"]["rows"]))
        period = f"{period} {words['cut'].format(shown=shown, day=formats.day(first))}"
    if not any(latest.values()):
        return Rated("", (), words["none"].format(period=period))
    if any(row.get("contact_id") is None and not row.get("anonymous") for rows in latest.values() for row in rows):
        period = f"{period} {words['unnamed']}"
    figures = tuple(
        _figure(words[kind], rows, formats, words, [row for other in KINDS if other != kind for row in latest[other]])
        for kind, rows in latest.items()
    )
    return Rated(words["lead"].format(period=period), figures, "")


def latest_answers(evidence: Row, as_of: date, kind: str) -> list[Row]:
    """Return the answers of the last 365 days: of each contact and of nobody known the latest, all anonymous."""
    since = (as_of - timedelta(days=DAYS)).isoformat()
    answers = [
        row
        for row in rows_of(evidence, "surveys")
        if row["kind"] == kind and row["score"] is not None and _answered(row) >= since
    ]
    answers.sort(key=lambda row: (_answered(row), row["survey_id"]))
    return list({(row.get("contact_id"), _alone(row)): row for row in answers}.values())


def answers_shown(evidence: Row) -> Row:
    """Return the answers, the latest first; where they are too many, the oldest without a low score are left out."""
    answers = [row for row in _named(evidence) if row["comment"] or row["score"] is not None]
    answers.sort(key=lambda row: str(row["answered_at"] or row["sent_at"]), reverse=True)
    quoted = [*answers[:1], *[row for row in answers if row.get("decision_maker")][:1]]
    since = (date.fromisoformat(evidence["as_of"]) - timedelta(days=DAYS)).isoformat()
    low = [row for row in answers if row["category"] == "detractor" and str(row["answered_at"]) >= since]
    ranked = sorted(answers, key=lambda row: 0 if row in quoted else 1 if row in low else 2)
    shown = ranked[:SAID]
    return {"total": len(answers), "rows": [row for row in answers if row in shown]}


def _named(evidence: Row) -> list[Row]:
    """Return the surveys, each with the name of who was asked; of an anonymous one nobody is told who it was."""
    names = {row["contact_id"]: row.get("name") for row in rows_of(evidence, "contacts")}
    return [
        {**row, "name": None if row.get("anonymous") else names.get(row.get("contact_id") or "")}
        for row in rows_of(evidence, "surveys")
    ]


def _alone(row: Row) -> str | None:
    return row["survey_id"] if row.get("anonymous") else None


def _answered(row: Row) -> str:
    return str(row["answered_at"] or row["sent_at"])


def _reaches(surveys: Row) -> date | None:
    """Return the day from which on all invitations are there; None if none was cut off."""
    rows = surveys["rows"]
    if surveys["total"] <= len(rows) or not rows:
        return None
    return min(date.fromisoformat(row["sent_at"][:10]) for row in rows)


def _figure(
    label: str, rows: Sequence[Row], formats: Formats, words: Mapping[str, str], others: Sequence[Row]
) -> Figure:
    """Return the score of one kind of survey; `others` are the answers of the other kind."""
    n = len(rows)
    answers = words["answers_one"] if n == 1 else words["answers_other"].format(n=formats.number(n))
    if not n:
        return Figure(label, "–", words["no_answer"])
    if n < LEAST_ANONYMOUS and any(row.get("anonymous") for row in rows):
        return Figure(label, "–", words["hidden"].format(answers=answers, least=LEAST_ANONYMOUS))
    if n < LEAST_ANSWERS:
        scores = ", ".join(f"{row['score']}/10" for row in rows)
        return Figure(label, "–", words["too_few"].format(answers=answers, scores=scores))
    counts = Counter(row["category"] for row in rows)
    promoters, detractors = counts["promoter"], counts["detractor"]
    bounds = nps_interval(np.array([float(promoters)]), np.array([float(detractors)]), np.array([float(n)]))
    low, high = float(bounds[0][0]), float(bounds[1][0])
    ends = {"low": _points(low, formats), "high": _points(high, formats)}
    shares = {"promoters": promoters, "passives": counts["passive"], "detractors": detractors}
    note = words["interval"].format(**ends, answers=answers, **shares)
    few = f" {words['few']}" if n < FEW_ANSWERS else ""
    apart = "" if detractors else _apart(others, formats, words)
    return Figure(label, _points((promoters - detractors) / n, formats), note + few + apart)


def _apart(others: Sequence[Row], formats: Formats, words: Mapping[str, str]) -> str:
    """Return that the newest low answer is one of the other kind, which is not counted here; empty without one."""
    low = [row for row in others if row["category"] == "detractor" and not row.get("anonymous")]
    if not low:
        return ""
    row = max(low, key=_answered)
    return f" {words['apart'].format(score=row['score'], day=formats.day(_answered(row)), kind=words[row['kind']])}"


def _points(score: float, formats: Formats) -> str:
    return formats.number(100 * score, signed=True)
