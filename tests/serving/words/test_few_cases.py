"""A median of less than five cases and a tenth of less than twenty are told as the cases, or as few."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from support.reports import score_of

from serving.reports.why import Usual, signal_row
from serving.words.formats import LANGS, Lang
from serving.words.reasons import Speaker, reason_sentences
from serving.words.wording import signal_of

AS_OF = date(2026, 1, 15)


def instant(days: float) -> str:
    """The instant so many days before."""
    return f"{datetime.combine(AS_OF, time(), UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def closed(*hours: float, age: float = 30.0, total: int = 0) -> dict[str, Any]:
    rows = [{"hours": each, "closed_at": instant(age), "opened_at": instant(age + each / 24)} for each in hours]
    return {"total": total or len(rows), "rows": rows}


def told(lang: Lang, signal: str, evidence: dict[str, Any], **values: float) -> str:
    score = score_of({name: (value, 0.08 if name == signal else 0.0) for name, value in values.items()}, as_of=AS_OF)
    found = reason_sentences(score, evidence, lang)
    return next(item.sentence for item in found if item.code == signal_of(signal).theme).replace("\u00a0", " ")


TWO = {"closed_tickets": closed(120.0, 4000.0)}


@pytest.mark.parametrize(
    ("signal", "evidence", "values", "en", "de"),
    [
        ("ticket_close_hours_p90_365d", TWO, {"ticket_close_hours_p50_365d": 2060.0, "tickets_opened_365d": 2.0},
         "Tickets closed in the last 365 days: 2, after 5 days and 167 days",
         "In den letzten 365 Tagen gelöste Tickets: 2, nach 5 Tagen und 167 Tagen"),
        ("ticket_close_hours_p90_365d", {"closed_tickets": closed(10, 20, 30, 40, 50)},
         {"ticket_close_hours_p50_365d": 30.0, "tickets_opened_365d": 5.0},
         "Of 5 tickets closed in the last 365 days, the slowest took 50 hours",
         "Von 5 in den letzten 365 Tagen gelösten Tickets dauerte das langsamste 50 Stunden"),
        ("ticket_close_hours_p90_365d", {}, {"tickets_opened_365d": 21.0, "tickets_open": 2.0},
         "The slowest ticket closed in the last 365 days took 152 days or longer",
         "Das langsamste in den letzten 365 Tagen gelöste Ticket dauerte 152 Tage oder länger"),
        ("ticket_close_hours_p90_365d", {}, {"tickets_opened_365d": 22.0, "tickets_open": 2.0},
         "One ticket in ten took longer than 152 days to close",
         "Jedes zehnte Ticket war erst nach mehr als 152 Tagen gelöst"),
        ("loop_close_hours_p50_365d", {"closed_loops": closed(3648.0)}, {"loops_opened_365d": 1.0},
         "Feedback followed up in the last 365 days: 1, after 152 days",
         "In den letzten 365 Tagen beantwortetes Feedback: 1, nach 152 Tagen"),
        ("loop_close_hours_p50_365d", {"closed_loops": closed(1, 3648, 3648, 3648, 5000, total=9)}, {},
         "It took 152 days (median) to tell the customer what was done about feedback",
         "Der Kunde wartete meist 152 Tage auf eine Antwort auf sein Feedback (Median)"),
        ("loop_close_hours_trend", {}, {"loops_opened_365d": 9.0},
         "The few pieces of feedback followed up of late took longer than half a year before",
         "Die wenigen Antworten auf Feedback dauerten zuletzt länger als ein halbes Jahr davor"),
        ("invoice_gap_p50_days", {}, {"purchase_repeat_days": 4.0},
         "The few invoices so far came 10 years apart (median)",
         "Zwischen den wenigen Rechnungen bisher lagen 10 Jahre (Median)"),
    ],
)  # fmt: skip
def test_few_cases_are_told_one_by_one_or_as_few(
    signal: str, evidence: dict[str, Any], values: dict[str, float], en: str, de: str
) -> None:
    known = {signal: 3648.0} | values
    assert told("en", signal, evidence, **known) == en
    assert told("de", signal, evidence, **known) == de


@pytest.mark.parametrize(
    "evidence",
    [
        {"closed_tickets": closed(120.0, 4000.0, total=3)},
        {"closed_tickets": closed(120.0)},
        {"closed_tickets": closed(120.0, 4000.0, age=366.0)},
        {"closed_tickets": None},
    ],
)
def test_cases_are_told_only_where_evidence_has_the_signal_s_own(evidence: dict[str, Any]) -> None:
    values = {"ticket_close_hours_p50_365d": 2060.0, "tickets_opened_365d": 2.0}
    assert told("en", "ticket_close_hours_p50_365d", evidence, **values) == (
        "It took 86 days to close a ticket (median, perhaps of few)"
    )


def test_answers_are_counted_in_evidence() -> None:
    signal, hours = "answer_delay_hours_p50_365d", [48.0, 48.0, 48.0, 48.0, 48.0]
    rows = [{"sent_at": instant(40), "answered_at": instant(40 - each / 24), "contact_id": None, "role": None,
             "anonymous": False, "score": 9} for each in hours]  # fmt: skip
    many, few = ({"surveys": {"total": number, "rows": rows[:number]}} for number in (5, 2))
    assert "(median)" in told("en", signal, many, **{signal: 48.0})
    assert told("en", signal, few, **{signal: 48.0}).endswith(": 2, after 48 hours and 48 hours")


@pytest.mark.parametrize("lang", LANGS)
def test_the_table_of_signals_says_so_too(lang: Lang) -> None:
    score = score_of({"ticket_close_hours_p90_365d": (3648.0, 0.08), "tickets_opened_365d": (2.0, 0.0)}, as_of=AS_OF)
    shown = {reason.signal: signal_row(reason, Speaker(score, TWO, lang), Usual({})).value for reason in score.reasons}
    assert shown["ticket_close_hours_p90_365d"].endswith("(few cases)" if lang == "en" else "(wenige Fälle)")
    assert "(" not in shown["tickets_opened_365d"] and shown["ticket_close_hours_p50_365d"] == "–"
