"""How fast an opened case is closed: the same aggregates for feedback loops and for tickets.

In: a view with `age_days` (days since opening) and `closed_age_days` (days since closing, null while open). Out: an
Ibis aggregate over the view. Times to close are in hours. A complaint counts as answered in time within 48 hours.
"""

from __future__ import annotations

import ibis.expr.types as ir

MARK_HOURS = 48
#: Half a second. Ages are floats, and a case closed after exactly 48 hours must not miss the mark by a rounding error.
TOLERANCE_HOURS = 0.5 / 3600
#: A case that is open for longer than this counts as never closed.
NEVER_DAYS = 90


def close_hours(rows: ir.Table) -> ir.Value:
    """Hours from opening to closing, null while open."""
    return (rows.age_days - rows.closed_age_days) * 24


def closed_between(rows: ir.Table, newest: float, oldest: float) -> ir.BooleanValue:
    """Whether the case was closed more than `newest` and at most `oldest` days before as_of."""
    return (rows.closed_age_days > newest) & (rows.closed_age_days <= oldest)


def close_hours_p50(rows: ir.Table) -> ir.Value:
    """Median hours to close, of the cases closed in the last 365 days."""
    return close_hours(rows).median(where=closed_between(rows, 0, 365))


def close_hours_p90(rows: ir.Table) -> ir.Value:
    """90th percentile of the hours to close, of the cases closed in the last 365 days."""
    return close_hours(rows).quantile(0.9, where=closed_between(rows, 0, 365))


def close_hours_trend(rows: ir.Table) -> ir.Value:
    """Median hours to close of the last 180 days minus the median of the 180 days before: above 0 is slower."""
    now = close_hours(rows).median(where=closed_between(rows, 0, 180))
    return now - close_hours(rows).median(where=closed_between(rows, 180, 360))


def closed_48h_share(rows: ir.Table) -> ir.Value:
    """Share closed within 48 hours, of the cases opened in the last 365 days and more than 48 hours ago."""
    had_time = (rows.age_days > MARK_HOURS / 24) & (rows.age_days <= 365)
    return (close_hours(rows) <= MARK_HOURS + TOLERANCE_HOURS).fill_null(False).cast("float64").mean(where=had_time)


def is_open(rows: ir.Table) -> ir.BooleanValue:
    """Whether the case is open at as_of."""
    return rows.closed_age_days.isnull()


def open_count(rows: ir.Table) -> ir.Value:
    """Number of cases open at as_of."""
    return rows.count(where=is_open(rows))


def oldest_open_days(rows: ir.Table) -> ir.Value:
    """Days since the oldest open case was opened; null when no case is open."""
    return rows.age_days.max(where=is_open(rows))


def never_closed(rows: ir.Table) -> ir.Value:
    """Number of cases that have been open for more than 90 days."""
    return rows.count(where=is_open(rows) & (rows.age_days > NEVER_DAYS))


def opened_365d(rows: ir.Table) -> ir.Value:
    """Number of cases opened in the last 365 days."""
    return rows.count(where=rows.age_days <= 365)
