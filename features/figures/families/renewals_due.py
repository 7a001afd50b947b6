"""Renewals: the value of contracts that end soon, what of it is expected to be renewed, and what is overdue.

What is expected to be renewed is value x (1 - p). p is a scoring run's probability that the customer has left by the
`GRACE_DAYS` days after the signed end: a departure follows the end, and the course over time is anchored at the score.
The interval is normal. Contracts of one account stand and fall together: with ends in order and S falling, the variance
of an account's sum is sum v^2 S (1 - S) + 2 sum v S (sum of earlier v (1 - S)). The level of all estimates moves every
account: S becomes S^harsher or S^milder.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np

from features.figures.contracts_ahead import GRACE_DAYS, KEYS, OVERDUE_DAYS, YEAR_DAYS, due, overdue, with_staying
from features.figures.estimates import COURSE
from features.figures.families.lifetime_values import expected
from features.figures.figure import NUMBER_OF, Basis, Figure, Rows, Sums, Values, Words
from features.figures.programme import Programme

SOON_DAYS = 90


def _due(programme: Programme) -> ir.Table:
    rows = due(programme)
    return rows.select(
        *KEYS, "contract_id", "ends_age_days", counted=1.0, value="annual_value",
        soon=ibis.ifelse(-rows.ends_age_days < SOON_DAYS, rows.annual_value, 0.0),
        month=rows.ends_on.strftime("%Y-%m"),
        quarter=rows.ends_on.year().cast("string") + "-Q" + rows.ends_on.quarter().cast("string"),
    )  # fmt: skip


def _foreseen(programme: Programme) -> ir.Table:
    """Return each contract that is due with what is expected of its value, 0 where there is no estimate."""
    rows = with_staying(programme, _due(programme))
    rows = rows.mutate(lost=rows.value * (1.0 - rows.kept))
    by_end = [rows.ends_age_days.desc(), rows.contract_id]
    until = ibis.window(group_by=KEYS, order_by=by_end, preceding=None, following=0)
    before = rows.lost.sum().over(until) - rows.lost
    parts = {
        "renewed": rows.value * rows.kept,
        "lost": rows.lost,
        "variance": rows.value**2 * rows.kept * (1.0 - rows.kept) + 2.0 * rows.value * rows.kept * before,
        "by_level": rows.value * ((rows.log * rows.milder).exp() - (rows.log * rows.harsher).exp()) / 2.0,
        "most": rows.value,
        "foreseen": ibis.literal(1.0),
    }
    columns = {name: ibis.ifelse(rows.known, part, 0.0) for name, part in parts.items()}
    columns["open"] = ibis.ifelse(rows.known, 0.0, 1.0)
    soon = {f"{name}_soon": ibis.ifelse(-rows.ends_age_days < SOON_DAYS, part, 0.0) for name, part in columns.items()}
    open_value = ibis.ifelse(rows.known, 0.0, rows.value)
    return rows.select(*KEYS, "month", "quarter", counted=1.0, unforeseen=open_value, **columns, **soon)


def _overdue(programme: Programme) -> ir.Table:
    return overdue(programme).select(*KEYS, counted=1.0, value="annual_value")


PERIODS = ("month", "quarter")
DUE = Basis(Rows("renewals_due.due", _due, PERIODS, PERIODS), ("contracts",))
FORESEEN = Basis(Rows("renewals_due.foreseen", _foreseen, PERIODS, PERIODS), ("contracts",), estimates=COURSE)
OVERDUE = Basis(Rows("renewals_due.overdue", _overdue), ("contracts",))

PARTS = ("renewed", "variance", "by_level", "most", "foreseen", "open")
EN = (
    "Value x (1 - p) of the contracts due in the next {days} days: p is the run's probability that the customer has "
    f"left {GRACE_DAYS} days after the signed end. Interval: normal, of chance (contracts of one customer together) "
    "and of the level of all estimates."
)
DE = (
    "Wert x (1 - p) der in den nächsten {days} Tagen fälligen Verträge: p ist die Wahrscheinlichkeit des Laufs, dass "
    f"der Kunde {GRACE_DAYS} Tage nach dem Vertragsende gegangen ist. Intervall: Normalverteilung, aus Zufall "
    "(Verträge eines Kunden zusammen) und dem Niveau aller Schätzungen."
)


def _expected(days: int, after: str) -> Figure:
    columns = tuple(f"{part}{after}" for part in PARTS)

    def finish(sums: Sums) -> Values:
        return expected(sums, *columns)

    words = Words(
        f"Expected to be renewed, {days} days", f"Voraussichtlich verlängert, {days} Tage",
        EN.format(days=days), DE.format(days=days),
    )  # fmt: skip
    return FORESEEN.figure(f"renewals_expected_{days}d", "currency", columns, finish, words, adds_up=True)


def _lost(sums: Sums) -> Values:
    """Return what is expected to be lost; where contracts are due and none has an estimate, that is not known."""
    none = np.where((sums["foreseen"] == 0) & (sums["open"] > 0), np.nan, 0.0)
    return Values(sums["lost"] + none, sums[f"{NUMBER_OF}lost"])


FIGURES: tuple[Figure, ...] = (
    DUE.total("renewals_due_365d", "currency", "value", Words(
        "Renewals due, 365 days", "Fällige Verlängerungen, 365 Tage",
        "Annual value of customers' contracts whose signed end lies in the 365 days from the as-of date on.",
        "Jahreswert der Verträge von Kunden, deren Vertragsende in den 365 Tagen ab dem Stichtag liegt.")),
    DUE.total("renewals_due_90d", "currency", "soon", Words(
        "Renewals due, 90 days", "Fällige Verlängerungen, 90 Tage",
        "Annual value of customers' contracts whose signed end lies in the 90 days from the as-of date on.",
        "Jahreswert der Verträge von Kunden, deren Vertragsende in den 90 Tagen ab dem Stichtag liegt.")),
    _expected(YEAR_DAYS, ""),
    _expected(SOON_DAYS, "_soon"),
    FORESEEN.figure(
        "renewals_expected_lost_365d", "currency", ("lost", f"{NUMBER_OF}lost", "foreseen", "open"), _lost, Words(
            "Expected not to be renewed, 365 days", "Voraussichtlich nicht verlängert, 365 Tage",
            "Value x p of the contracts due in the next 365 days: p is the run's probability that the customer has "
            "left 30 days after the signed end.",
            "Wert x p der in den nächsten 365 Tagen fälligen Verträge: p ist die Wahrscheinlichkeit des Laufs, dass "
            "der Kunde 30 Tage nach dem Vertragsende gegangen ist."), adds_up=True),
    FORESEEN.total("renewals_not_estimated_365d", "currency", "unforeseen", Words(
        "Due, of customers without an estimate, 365 days", "Fällig, von Kunden ohne Schätzung, 365 Tage",
        "Annual value of the contracts that are due, of customers of whom too little is known for an estimate.",
        "Jahreswert der fälligen Verträge von Kunden, über die zu wenig für eine Schätzung bekannt ist.")),
    OVERDUE.total("renewals_overdue", "currency", "value", Words(
        "Renewals overdue", "Überfällige Verlängerungen",
        f"Annual value of contracts that ended 2 to {OVERDUE_DAYS} days ago, of customers with no running contract: "
        "one that follows on the day after an end is seen from the second day after that end on.",
        f"Jahreswert der vor 2 bis {OVERDUE_DAYS} Tagen beendeten Verträge von Kunden ohne laufenden Vertrag: Ein "
        "Vertrag, der am Tag nach einem Ende beginnt, ist ab dem zweiten Tag nach diesem Ende zu sehen.")),
)  # fmt: skip
