"""Closing delays of feedback: the time until a loop is closed, and the loops left open."""

from __future__ import annotations

import ibis.expr.types as ir

from features.as_of import AsOf
from features.formulas import closing
from features.signal import relation, theme

signal = theme("closing_delay")
DETRACTOR = 6


@relation("loops", "surveys")
def scored_loops(view: AsOf) -> ir.Table:
    """Return loops that follow a survey, with that survey's score."""
    scores = view["surveys"].select(*view.keys, "survey_id", "score")
    return view["loops"].inner_join(scores, [*view.keys, "survey_id"])


@signal(
    over="loops",
    unit="hours",
    en="Hours to close the loop, median",
    de="Wartezeit auf Antwort, Median",
    riskier="rising",
)
def loop_close_hours_p50_365d(rows: ir.Table) -> ir.Value:
    """Median hours from opening to closing, of the loops closed in the last 365 days."""
    return closing.close_hours_p50(rows)


@signal(
    over="loops",
    unit="hours",
    en="Hours to close the loop, 90th percentile",
    de="Wartezeit auf Antwort, 90. Perzentil",
    riskier="rising",
)
def loop_close_hours_p90_365d(rows: ir.Table) -> ir.Value:
    """90th percentile of the hours to close, of the loops closed in the last 365 days."""
    return closing.close_hours_p90(rows)


@signal(
    over="loops",
    unit="hours",
    en="Trend of the closing delay",
    de="Wartezeit auf Antwort gegenüber Halbjahr davor",
    riskier="rising",
    history_days=360,
)
def loop_close_hours_trend(rows: ir.Table) -> ir.Value:
    """Median hours to close of the loops closed in the last 180 days minus the median of the 180 days before."""
    return closing.close_hours_trend(rows)


@signal(
    over="loops",
    unit="share",
    en="Loops closed within 48 hours",
    de="Feedback binnen 48 Stunden beantwortet",
    riskier="falling",
)
def loop_closed_48h_share_365d(rows: ir.Table) -> ir.Value:
    """Share closed within 48 hours, of the loops opened in the last 365 days."""
    return closing.closed_48h_share(rows)


@signal(over="loops", unit="loops", en="Open loops", de="Offenes Feedback", riskier="rising", when_none=0)
def loops_open(rows: ir.Table) -> ir.Value:
    """Loops still open at as_of."""
    return closing.open_count(rows)


@signal(
    over="loops",
    unit="days",
    en="Age of the oldest open loop",
    de="Alter des ältesten offenen Feedbacks",
    riskier="rising",
    when_none=0,
)
def loop_open_oldest_days(rows: ir.Table) -> ir.Value:
    """Days since the oldest open loop was opened; 0 when none is open."""
    return closing.oldest_open_days(rows)


@signal(
    over="loops",
    unit="loops",
    en="Loops never closed",
    de="Feedback, seit über 90 Tagen offen",
    riskier="rising",
    when_none=0,
)
def loops_never_closed(rows: ir.Table) -> ir.Value:
    """Loops that have been open for more than 90 days."""
    return closing.never_closed(rows)


@signal(
    over=scored_loops,
    unit="loops",
    en="Detractor feedback left open",
    de="Offenes Feedback von Kritikern",
    riskier="rising",
    when_none=0,
)
def loops_detractor_open(rows: ir.Table) -> ir.Value:
    """Open loops whose survey was answered with 6 or lower."""
    return rows.count(where=closing.is_open(rows) & (rows.score <= DETRACTOR))


@signal(
    over="loops",
    unit="loops",
    en="Loops opened, 365 days",
    de="Feedback, 365 Tage",
    riskier="either",
    actionable=False,
    when_none=0,
)
def loops_opened_365d(rows: ir.Table) -> ir.Value:
    """Loops opened in the last 365 days."""
    return closing.opened_365d(rows)
