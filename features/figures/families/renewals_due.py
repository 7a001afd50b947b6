"""Renewals: the value of contracts that end soon, and of those that ended without a successor."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.figures.figure import Basis, Figure, Rows, Words
from features.figures.programme import Programme

SOON_DAYS, YEAR_DAYS, OVERDUE_DAYS = 90, 365, 90
KEYS = ["account_id", "as_of"]


def _due(programme: Programme) -> ir.Table:
    rows = programme.customers["contracts"]
    ahead = -rows.ends_age_days
    due = rows.filter((ahead >= 0) & (ahead < YEAR_DAYS))
    seconds = due.as_of.cast("timestamp").epoch_seconds() - (due.ends_age_days * 86_400).round().cast("int64")
    ends_on = seconds.as_timestamp("s")
    return due.select(
        *KEYS, counted=1.0, value="annual_value",
        soon=ibis.ifelse(-due.ends_age_days < SOON_DAYS, due.annual_value, 0.0),
        month=ends_on.strftime("%Y-%m"),
        quarter=ends_on.year().cast("string") + "-Q" + ends_on.quarter().cast("string"),
    )  # fmt: skip


def _overdue(programme: Programme) -> ir.Table:
    """Return contracts of customers that ended in 90 days while none of the account runs."""
    rows = programme.customers["contracts"]
    running = rows.filter((rows.ends_age_days <= 0).fill_null(True)).select(*KEYS)
    ended = rows.filter((rows.ends_age_days > 0) & (rows.ends_age_days <= OVERDUE_DAYS)).anti_join(running, KEYS)
    return ended.select(*KEYS, counted=1.0, value="annual_value")


DUE = Basis(Rows("renewals_due.due", _due, ("month", "quarter")), ("contracts",))
OVERDUE = Basis(Rows("renewals_due.overdue", _overdue), ("contracts",))

FIGURES: tuple[Figure, ...] = (
    DUE.total("renewals_due_365d", "currency", "value", Words(
        "Renewals due, 365 days", "Fällige Verlängerungen, 365 Tage",
        "Annual value of customers' contracts whose signed end lies in the next 365 days.",
        "Jahreswert der Verträge von Kunden, deren unterschriebenes Ende in den nächsten 365 Tagen liegt.")),
    DUE.total("renewals_due_90d", "currency", "soon", Words(
        "Renewals due, 90 days", "Fällige Verlängerungen, 90 Tage",
        "The same of the next 90 days.", "Dasselbe der nächsten 90 Tage.")),
    OVERDUE.total("renewals_overdue", "currency", "value", Words(
        "Renewals overdue", "Überfällige Verlängerungen",
        f"Annual value of contracts that ended in the last {OVERDUE_DAYS} days, of customers with no running contract.",
        f"Jahreswert der in den letzten {OVERDUE_DAYS} Tagen beendeten Verträge von Kunden ohne laufenden Vertrag.")),
)  # fmt: skip
