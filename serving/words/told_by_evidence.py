"""What evidence tells beside signals: a contract's value before, the cases of a quantile, the surveys of invitations.

A median of four cases, or a tenth of nineteen, is no figure of a habit: sentences tell the cases instead, or that they
are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from features.signals.response import GRACE_DAYS
from serving.words.contact_rows import rows_of

#: Smaller differences are rounding.
CENT = 0.01
#: Fewest cases of which a median is told, and a tenth; a trend compares the medians of two halves.
MEDIAN_FROM, TENTH_FROM = 5, 20
#: Least cases of each signal that is a quantile.
LEAST = {
    **{f"{kind}_close_hours_p50_365d": MEDIAN_FROM for kind in ("loop", "ticket")},
    **{f"{kind}_close_hours_p90_365d": TENTH_FROM for kind in ("loop", "ticket")},
    **{f"{kind}_close_hours_trend": 2 * MEDIAN_FROM for kind in ("loop", "ticket")},
    "answer_delay_hours_p50_365d": MEDIAN_FROM,
    "answer_delay_hours_trend": 2 * MEDIAN_FROM,
    "invoice_gap_p50_days": MEDIAN_FROM,
    "invoice_overdue_ratio": MEDIAN_FROM,
}
#: Days back to which cases count, hours that are rounding, and most cases that a sentence tells one by one.
YEAR, ROUNDING, ONE_BY_ONE = 365, 0.02, 4
Values = Mapping[str, float | str | None]


@dataclass(frozen=True)
class Few:
    """Too few cases for a quantile: the hours that each took, ascending, where all of them are known, else none."""

    hours: tuple[float, ...]


def value_before(evidence: Mapping[str, Any], now: float) -> float | None:
    """Return the annual value of the terms that ran before the latest one that runs began, where it was higher.

    Parameters
    ----------
    evidence : mapping
        `contracts` of it, as `serving.scoring.evidence` collects them.
    now : float
        Annual value of the running contracts, as the signal has it.

    Returns
    -------
    float or None
        None where the value has not fallen, and where the evidence does not hold all running contracts.
    """
    rows = rows_of(evidence, "contracts")
    running = [row for row in rows if row["running"]]
    if not running or abs(_sum(running) - now) > CENT:
        return None
    begun = max(date.fromisoformat(row["starts_on"]) for row in running)
    before = _sum([row for row in rows if _ran(row, begun - timedelta(days=1))])
    return before if before > now + CENT else None


def next_end(evidence: Mapping[str, Any]) -> date | None:
    """Return the day on which the next running contract ends, as far as the evidence says it."""
    ends = [row["ends_on"] for row in rows_of(evidence, "contracts") if row["running"] and row["ends_on"]]
    return date.fromisoformat(min(ends)[:10]) if ends else None


def _ran(row: Mapping[str, Any], day: date) -> bool:
    ends = row["ends_on"]
    return date.fromisoformat(row["starts_on"]) <= day and (ends is None or date.fromisoformat(ends) >= day)


def _sum(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(row["annual_value"] or 0.0 for row in rows)


def unanswered_surveys(evidence: Mapping[str, Any], invitations: float, as_of: date) -> dict[str, int]:
    """Return what sentences name of the invitations unanswered in a row: one survey goes to several contacts.

    Invitations of one kind and one day are one survey.

    Parameters
    ----------
    invitations : float
        How many there are, by the signal.

    Returns
    -------
    dict of str to int
        `surveys`, and where it is one only, `one_survey` with its invitations and `one_survey_contacts` with its
        contacts. Empty where each invitation is a survey, and where the evidence does not hold them all.
    """
    rows = rows_of(evidence, "surveys")
    answered = max((row["sent_at"] for row in rows if row["answered_at"]), default="")
    judged = (as_of - timedelta(days=GRACE_DAYS)).isoformat()
    asked = [row for row in rows if not row["answered_at"] and answered < row["sent_at"] < judged]
    surveys = {(row.get("kind"), row["sent_at"][:10]) for row in asked}
    if len(asked) != invitations or len(surveys) == len(asked):
        return {}
    contacts = {row["contact_id"] for row in asked} - {None}
    if len(surveys) > 1:
        return {"surveys": len(surveys)}
    return {"one_survey": len(asked)} | ({"one_survey_contacts": len(asked)} if len(contacts) == len(asked) else {})


def few_cases(signal: str, values: Values, evidence: Mapping[str, Any], as_of: date) -> Few | None:
    """Return the cases of a quantile that are too few for it, or are not known to be enough.

    Parameters
    ----------
    signal : str
    values : mapping of signal to value
        The account's own.
    evidence : mapping
        As `serving.scoring.evidence` collects it; without it, signals say how many cases there are at least.

    Returns
    -------
    Few or None
        None of any other signal.
    """
    if signal not in LEAST:
        return None
    family = signal.split("_", 1)[0]
    hours, whole = _HOURS[family](evidence, as_of)
    if max(len(hours), _counted(family, values)) >= LEAST[signal]:
        return None
    middle = values.get(f"{_STEM.get(family, '')}_p50_365d")
    known = whole and isinstance(middle, float) and bool(hours) and abs(median(hours) - middle) <= ROUNDING
    return Few(tuple(sorted(hours)) if known else ())


def _counted(family: str, values: Values) -> float:
    """Return how many cases there are at least by the signals; of answers they do not say it."""
    number = {name: value for name, value in values.items() if isinstance(value, float)}
    if family == "invoice":
        return number.get("purchase_repeat_days", 0.0)
    return number.get(f"{family}s_opened_365d", 0.0) - number.get(f"{family}s_open", 0.0)


def _closed(listing: str) -> Callable[[Mapping[str, Any], date], tuple[list[float], bool]]:
    """Return what gives the hours of the cases closed in a year, and whether those are all that the evidence had."""

    def found(evidence: Mapping[str, Any], as_of: date) -> tuple[list[float], bool]:
        kept: Mapping[str, Any] | None = evidence.get(listing)
        rows = list(_within(rows_of(evidence, listing), "closed_at", as_of))
        hours = [row["hours"] for row in rows]
        # The latest are kept: with one of before the year among them, none of the year is left out.
        return hours, kept is not None and (kept["total"] == len(kept["rows"]) or len(rows) < len(kept["rows"]))

    return found


def _answers(evidence: Mapping[str, Any], as_of: date) -> tuple[list[float], bool]:
    kept: Mapping[str, Any] | None = evidence.get("surveys")
    rows = _within(rows_of(evidence, "surveys"), "sent_at", as_of)
    spans = (_instant(row["answered_at"]) - _instant(row["sent_at"]) for row in rows if row["answered_at"])
    return [span / timedelta(hours=1) for span in spans], kept is not None and kept["total"] == len(kept["rows"])


def _within(rows: Sequence[Mapping[str, Any]], column: str, as_of: date) -> Iterator[Mapping[str, Any]]:
    since = (as_of - timedelta(days=YEAR)).isoformat()
    return (row for row in rows if row.get(column) and row[column] >= since)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


_STEM = {"loop": "loop_close_hours", "ticket": "ticket_close_hours", "answer": "answer_delay_hours"}
_HOURS: Mapping[str, Callable[[Mapping[str, Any], date], tuple[list[float], bool]]] = {
    "loop": _closed("closed_loops"),
    "ticket": _closed("closed_tickets"),
    "answer": _answers,
    "invoice": lambda evidence, as_of: ([], False),
}
