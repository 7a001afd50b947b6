"""Closing the loop: how fast customers are told what became of their feedback.

A loop is closed when the customer was told; so "closed" and "told" are one thing here.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.figures.figure import Basis, Figure, Rows, Words
from features.figures.programme import Programme
from features.formulas.closing import MARK_HOURS, NEVER_DAYS, TOLERANCE_HOURS, close_hours, is_open

DAYS = 365
SOURCE = "Bain & Company, closed-loop feedback: within 48 hours"


def _loops(programme: Programme) -> ir.Table:
    rows = programme.customers["loops"].filter(lambda t: t.age_days <= DAYS)
    mark = MARK_HOURS / 24
    had_time, still = rows.age_days > mark, is_open(rows)
    fast = (close_hours(rows) <= MARK_HOURS + TOLERANCE_HOURS).fill_null(False)
    flags = {
        "opened": rows.age_days.notnull(), "fast": fast, "late": ~fast & ~still, "waiting": still & ~had_time,
        "breached": still & had_time & (rows.age_days <= NEVER_DAYS), "never": still & (rows.age_days > NEVER_DAYS),
        "judged": had_time, "fast_judged": fast & had_time,
    }  # fmt: skip
    return rows.select("account_id", "as_of", "level", **{name: flag.cast("float64") for name, flag in flags.items()})


LOOPS = Basis(Rows("feedback_loops.loops", _loops, ("level",)), ("loops",), {"loops": 12})


def _number(name: str, column: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    words = Words(en, de, f"Loops of 365 days{what_en}", f"Feedback von 365 Tagen{what_de}", SOURCE)
    return LOOPS.total(name, "records", column, words, counted="opened")


FIGURES: tuple[Figure, ...] = (
    LOOPS.rate("loops_closed_48h", "fast_judged", "judged", Words(
        "Loops closed within 48 hours", "Feedback binnen 48 Stunden beantwortet",
        "Share of the loops opened in 365 days, and more than 48 hours ago, that were closed within 48 hours.",
        "Anteil des Feedbacks von 365 Tagen, das älter als 48 Stunden ist und binnen 48 Stunden beantwortet wurde.",
        SOURCE)),
    _number("loops_opened", "opened", "Loops", "Feedback", ": all.", ": alles."),
    _number("loops_fast", "fast", "Closed in time", "Rechtzeitig beantwortet", " closed within 48 hours.",
            ", binnen 48 Stunden beantwortet."),
    _number("loops_late", "late", "Closed late", "Verspätet beantwortet", " closed after 48 hours.",
            ", nach 48 Stunden beantwortet."),
    _number("loops_waiting", "waiting", "Open, still in time", "Offen, noch in der Frist",
            ", open for 48 hours at most: still in time.",
            ", seit höchstens 48 Stunden offen: noch rechtzeitig."),
    _number("loops_breached", "breached", "Overdue", "Überfällig", f", open over 48 hours to {NEVER_DAYS} days.",
            f", seit über 48 Stunden bis {NEVER_DAYS} Tagen offen."),
    _number("loops_never", "never", "Never closed (open for long)", "Nie beantwortet (lange offen)",
            f", open for more than {NEVER_DAYS} days.",
            f", seit über {NEVER_DAYS} Tagen offen."),
)  # fmt: skip
