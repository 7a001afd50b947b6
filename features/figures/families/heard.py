"""Being heard: who is asked, who answers, whose voice is missing.

An invitation counts as unanswered when it is older than 14 days; one that bounced counts as none from then on.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.figures.figure import Basis, Figure, Rows, Words
from features.figures.programme import Programme

GRACE_DAYS, DAYS, CADENCE_DAYS, AHEAD_DAYS = 14, 365, 91, 180
KEYS = ["account_id", "as_of"]


def sent(programme: Programme) -> ir.Table:
    """Return the invitations of 365 days to customers."""
    rows = programme.surveys
    return rows.filter(rows.age_days <= DAYS)


def _invitations(programme: Programme) -> ir.Table:
    view = programme.customers
    roles = view["contacts"].select(*KEYS, "contact_id", "role")
    rows = sent(programme)
    judged = rows.filter(rows.answered_age_days.notnull() | (rows.age_days > GRACE_DAYS))
    named = judged.left_join(roles, [*KEYS, "contact_id"])
    return named.select(
        *KEYS, "channel", "role", "kind", asked=1.0, answered=named.answered_age_days.notnull().cast("float64")
    )


def _contacts(programme: Programme) -> ir.Table:
    """Return the contacts that are there at as_of, and whether each was asked and answered in 365 days.

    Customers whose invitations name no contact are left out: whom of them was asked is not known.
    """
    view = programme.customers
    recent = sent(programme)
    nameless = recent.group_by(KEYS).having(recent.contact_id.count() == 0).aggregate(sent=recent.count())
    there = view["contacts"].filter(lambda t: (t.valid_to_age_days <= 0).fill_null(True)).anti_join(nameless, KEYS)
    by_contact = recent.group_by([*KEYS, "contact_id"]).aggregate(
        sent=recent.count(), got=recent.answered_age_days.count()
    )
    rows = there.left_join(by_contact, [*KEYS, "contact_id"])
    decides = rows.decision_maker.fill_null(False).cast("float64")
    answered = (rows.got.fill_null(0) > 0).cast("float64")
    return rows.select(
        *KEYS, "role", there=1.0, asked=(rows.sent.fill_null(0) > 0).cast("float64"), answered=answered,
        deciding=decides, deciding_answered=decides * answered,
    )  # fmt: skip


def _customers(programme: Programme) -> ir.Table:
    """Return each customer with what it was asked and answered."""
    view = programme.customers
    surveys = view["surveys"].filter(lambda t: t.kind == "relationship")
    told = surveys.group_by(KEYS).aggregate(
        asked_days=surveys.age_days.min(), heard_days=surveys.answered_age_days.min()
    )
    rows = view.spine.left_join(told, KEYS)
    return rows.select(
        *KEYS, counted=1.0, heard=(rows.heard_days <= DAYS).fill_null(False).cast("float64"),
        never=rows.asked_days.isnull().cast("float64"),
        due=((rows.asked_days > CADENCE_DAYS).fill_null(True)).cast("float64"),
    )  # fmt: skip


INVITED = Basis(
    Rows("heard.invitations", _invitations, ("channel", "role", "kind")),
    ("surveys",),
    {"surveys": 12},
    ("invitations",),
)
PEOPLE = Basis(Rows("heard.contacts", _contacts, ("role",)), ("contacts", "surveys"), {"surveys": 12}, ("invitations",))
FIRMS = Basis(Rows("heard.customers", _customers), ("surveys",), {"surveys": 12})
ASKED = Basis(Rows("heard.customers", _customers), ("surveys",), {"surveys": 12}, ("invitations",))

FIGURES: tuple[Figure, ...] = (
    INVITED.rate("response_rate", "answered", "asked", Words(
        "Response rate", "Antwortquote",
        f"Answered / sent invitations of 365 days; unanswered ones count when older than {GRACE_DAYS} days, bounced "
        "ones do not.",
        f"Beantwortete / verschickte Einladungen in 365 Tagen; unbeantwortete zählen nach {GRACE_DAYS} Tagen, "
        "unzustellbare nicht.")),
    PEOPLE.rate("contacts_asked", "asked", "there", Words(
        "Contacts asked", "Befragte Ansprechpartner",
        "Share of the contacts of customers who were sent a survey in 365 days. Customers whose invitations name no "
        "contact are left out.",
        "Anteil der Ansprechpartner von Kunden, die in 365 Tagen eine Befragung bekamen. Ohne Kunden, deren "
        "Einladungen keinen Ansprechpartner nennen.")),
    PEOPLE.rate("contacts_heard", "answered", "there", Words(
        "Contacts heard", "Gehörte Ansprechpartner",
        "Share of the contacts of customers who answered a survey of the last 365 days. Customers whose invitations "
        "name no contact are left out.",
        "Anteil der Ansprechpartner von Kunden, die eine Befragung der letzten 365 Tage beantworteten. Ohne Kunden, "
        "deren Einladungen keinen Ansprechpartner nennen.")),
    PEOPLE.rate("decision_makers_heard", "deciding_answered", "deciding", Words(
        "Decision makers heard", "Gehörte Entscheidungspersonen",
        "Share of the contacts who decide, of customers, who answered a survey of the last 365 days. Customers whose "
        "invitations name no contact are left out.",
        "Anteil der entscheidenden Ansprechpartner von Kunden, die eine Befragung der letzten 365 Tage beantworteten. "
        "Ohne Kunden, deren Einladungen keinen Ansprechpartner nennen.")),
    FIRMS.rate("customers_heard", "heard", "counted", Words(
        "Customers heard", "Gehörte Kunden",
        "Share of customers with an answer to a relationship survey in 365 days.",
        "Anteil der Kunden mit Antwort auf eine Beziehungsbefragung in 365 Tagen.")),
    ASKED.total("customers_never_asked", "accounts", "never", Words(
        "Customers never asked", "Nie befragte Kunden",
        "Customers to whom no relationship survey was ever sent.",
        "Kunden, die nie eine Beziehungsbefragung bekamen.")),
    ASKED.total("customers_due_to_ask", "accounts", "due", Words(
        "Customers due to be asked", "Zu befragende Kunden",
        f"Customers whose last relationship survey was sent more than {CADENCE_DAYS} days ago, or never: a quarterly "
        "cadence.",
        f"Kunden, deren letzte Beziehungsbefragung über {CADENCE_DAYS} Tage her ist oder die nie eine bekamen: "
        "vierteljährlicher Takt.")),
)  # fmt: skip
