"""Contacts: how many an account has, whether it has only one, and which have left."""

from __future__ import annotations

import ibis.expr.types as ir

from features.as_of import AsOf
from features.billing import year
from features.signal import ROW, relation, theme

signal = theme("single_contact")


@relation("contacts", "surveys")
def surveyed_contacts(view: AsOf) -> ir.Table:
    """Return active contacts; `surveyed` says whether a contact was ever invited to a survey."""
    invited = view["surveys"].filter(lambda t: t.contact_id.notnull()).select(*view.keys, "contact_id").distinct()
    active = view["contacts"].filter(lambda t: t.valid_to_age_days.isnull())
    marked = active.left_join(invited.mutate(invited=1), [*view.keys, "contact_id"])
    return marked.select(**{key: active[key] for key in view.keys}, surveyed=marked.invited.notnull())


def _active(rows: ir.Table) -> ir.BooleanValue:
    return rows.valid_to_age_days.isnull()


def _left(rows: ir.Table, days: int) -> ir.BooleanValue:
    return (rows.valid_to_age_days <= days).fill_null(False)


def _decides(rows: ir.Table) -> ir.BooleanValue:
    return rows.decision_maker.fill_null(False)


@signal(
    over="contacts",
    unit="contacts",
    en="Active contacts",
    de="Ansprechpartner",
    riskier="falling",
    when_none=0,
)
def contacts_active(rows: ir.Table) -> ir.Value:
    """Contacts who have not left by as_of."""
    return rows.count(where=_active(rows))


@signal(
    over="contacts", unit="flag", en="One contact only", de="Nur ein Ansprechpartner", riskier="rising", when_none=0
)
def contacts_single(rows: ir.Table) -> ir.Value:
    """1 when exactly one contact is active."""
    return (rows.count(where=_active(rows)) == 1).cast("float64")


@signal(
    over="contacts",
    unit="contacts",
    en="Contacts who left, 365 days",
    de="Gegangene Ansprechpartner, 365 Tage",
    riskier="rising",
    actionable=False,
    when_none=0,
)
def contacts_left_365d(rows: ir.Table) -> ir.Value:
    """Contacts who left in the last 365 days."""
    return rows.count(where=_left(rows, 365))


@signal(
    over="contacts",
    unit="flag",
    en="Decision maker left, 365 days",
    de="Entscheidungsperson gegangen, 365 Tage",
    riskier="rising",
    actionable=False,
    when_none=0,
    told_by="contacts.decision_maker",
)
def contacts_decision_maker_left_365d(rows: ir.Table) -> ir.Value:
    """1 when a decision maker left in the last 365 days."""
    return (rows.count(where=_left(rows, 365) & _decides(rows)) > 0).cast("float64")


@signal(
    over="contacts",
    unit="contacts",
    en="Active decision makers",
    de="Entscheidungspersonen unter den Ansprechpartnern",
    riskier="falling",
    when_none=0,
    told_by="contacts.decision_maker",
)
def contacts_decision_makers(rows: ir.Table) -> ir.Value:
    """Active contacts marked as decision makers."""
    return rows.count(where=_active(rows) & _decides(rows))


@signal(
    over="contacts",
    unit="contacts",
    en="Change of active contacts, 365 days",
    de="Veränderung der Ansprechpartner, 365 Tage",
    riskier="falling",
    when_none=0,
)
def contacts_change_365d(rows: ir.Table) -> ir.Value:
    """Active contacts now minus active contacts 365 days ago."""
    then = (rows.age_days > 365) & (_active(rows) | (rows.valid_to_age_days <= 365))
    return rows.count(where=_active(rows)) - rows.count(where=then)


@signal(
    over=surveyed_contacts,
    unit="share",
    en="Active contacts ever surveyed",
    de="Schon einmal befragte Ansprechpartner",
    riskier="either",
    relies_on=("invitations",),
    told_by="surveys.contact_id",
)
def contacts_surveyed_share(rows: ir.Table) -> ir.Value:
    """Share of the active contacts who were ever invited to a survey."""
    return rows.surveyed.cast("float64").mean()


@signal(
    over=ROW,
    needs=("contacts", "invoices"),
    unit="currency",
    en="Revenue per active contact",
    de="Umsatz je Ansprechpartner",
    riskier="rising",
    history_days=365,
)
def revenue_per_contact(row: ir.Table) -> ir.Value:
    """A year's invoicing for each active contact; null without an active contact."""
    return year(row).fill_null(0) / row.contacts_active.nullif(0)
