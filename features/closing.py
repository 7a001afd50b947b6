"""How fast something that was opened gets closed: the same aggregates for feedback loops and for tickets.

Each function takes a view with `age_days` (since opening) and `closed_age_days` (since closing, null while open) and
returns an Ibis aggregate. Times to close are in hours; the customer's mark for an answered complaint is 48 hours.
"""

from __future__ import annotations

import ibis.expr.types as ir

MARK_HOURS = 48
#: Half a second: ages are floats, and what took 48 hours to the second must not miss the mark by a rounding error.
TOLERANCE_HOURS = 0.5 / 3600
#: What is open for longer than this is counted as never closed.
NEVER_DAYS = 90


def close_hours(rows: ir.Table) -> ir.Value:
    """Hours from opening to closing, null while open."""
    return (rows.age_days - rows.closed_age_days) * 24


def closed_between(rows: ir.Table, newest: float, oldest: float) -> ir.BooleanValue:
    """Whether it was closed more than `newest` and at most `oldest` days before as_of."""
    return (rows.closed_age_days > newest) & (rows.closed_age_days <= oldest)


def close_hours_p50(rows: ir.Table) -> ir.Value:
    """Median hours of what was closed in the last 365 days."""
    return close_hours(rows).median(where=closed_between(rows, 0, 365))


def close_hours_p90(rows: ir.Table) -> ir.Value:
    """90th percentile of the hours of what was closed in the last 365 days."""
    return close_hours(rows).quantile(0.9, where=closed_between(rows, 0, 365))


def close_hours_trend(rows: ir.Table) -> ir.Value:
    """Median hours of what closed in the last 180 days minus that of the 180 days before: above 0 is slower."""
    now = close_hours(rows).median(where=closed_between(rows, 0, 180))
    return now - close_hours(rows).median(where=closed_between(rows, 180, 360))


def closed_48h_share(rows: ir.Table) -> ir.Value:
    """Share closed within 48 hours, of what was opened in the last 365 days and has had 48 hours to be closed."""
    had_time = (rows.age_days > MARK_HOURS / 24) & (rows.age_days <= 365)
    return (close_hours(rows) <= MARK_HOURS + TOLERANCE_HOURS).fill_null(False).cast("float64").mean(where=had_time)


def is_open(rows: ir.Table) -> ir.BooleanValue:
    """Whether it is still open at as_of."""
    return rows.closed_age_days.isnull()


def open_count(rows: ir.Table) -> ir.Value:
    """Count of what is open at as_of."""
    return rows.count(where=is_open(rows))


def oldest_open_days(rows: ir.Table) -> ir.Value:
    """Days since the oldest that is open was opened, null when none is."""
    return rows.age_days.max(where=is_open(rows))


def never_closed(rows: ir.Table) -> ir.Value:
    """Count of what has been open for more than 90 days."""
    return rows.count(where=is_open(rows) & (rows.age_days > NEVER_DAYS))


def opened_365d(rows: ir.Table) -> ir.Value:
    """Count of what was opened in the last 365 days."""
    return rows.count(where=rows.age_days <= 365)
