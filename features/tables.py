"""The input tables of the contract: columns, types, keys, units, and when each column becomes known.

Validation, the time cut, the request models of the endpoint and the data dictionary read these declarations. A column
becomes known at the time of its record (`Table.time`), or at that of the column that `known_at` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import ibis.expr.types as ir

from features.errors import Problem
from features.formulas.reversals import REVERSED_ON
from features.schema import LARGEST, LONGEST_ID, Column, Kind, Table, amount, day, flag, instant, text

__all__ = [
    "CURRENCY", "DEFECT", "HISTORY", "LARGEST", "LONGEST_ID", "OPTIONAL_HISTORY", "OTHER_KINDS", "STATED", "STATES",
    "TABLES", "BookKnown", "Column", "Kind", "Table", "TableKnown", "Tables",
]  # fmt: skip

ACCOUNT_ID = text("account_id")
#: Columns that no table declares and that are looked at all the same: in which money amounts are, and whether the
#: records of some tables have ended.
CURRENCY = "currency"
STATES, STATED = ("status", "state"), ("tickets", "loops")
#: The kind of ticket that is counted by its word, and kinds that are none of it. Other words are an export's own.
DEFECT, OTHER_KINDS = "defect", ("question", "delivery", "billing")

ACCOUNTS = Table(
    name="accounts",
    key=("account_id",),
    time="customer_since",
    required=True,
    columns=(
        replace(ACCOUNT_ID, longest=LONGEST_ID),
        text("name", optional=True),
        text("segment", optional=True),
        text("industry", optional=True),
        text("country", optional=True),
        text("account_manager", optional=True),
        day("customer_since"),
    ),
)
INVOICES = Table(
    name="invoices",
    key=("invoice_id",),
    time="invoiced_on",
    required=True,
    columns=(text("invoice_id"), ACCOUNT_ID, day("invoiced_on"), amount("amount")),
    derived=(day(REVERSED_ON, optional=True, known_at=REVERSED_ON),),
)
CHURNS = Table(
    name="churns",
    key=("account_id", "churned_on"),
    time="churned_on",
    columns=(ACCOUNT_ID, day("churned_on"), text("reason", optional=True)),
)
CONTACTS = Table(
    name="contacts",
    key=("contact_id",),
    time="valid_from",
    order=(("valid_to", "valid_from"),),
    columns=(
        text("contact_id"),
        ACCOUNT_ID,
        text("role", optional=True),
        flag("decision_maker"),
        day("valid_from"),
        day("valid_to", optional=True, known_at="valid_to", open_end=True),
        text("name", optional=True, personal=True),
        text("email", optional=True, personal=True),
        text("phone", optional=True, personal=True),
    ),
)
SURVEYS = Table(
    name="surveys",
    key=("survey_id",),
    time="sent_at",
    order=(("answered_at", "sent_at"), ("bounced_at", "sent_at")),
    void_at="bounced_at",
    columns=(
        text("survey_id"),
        ACCOUNT_ID,
        Column("contact_id", Kind.TEXT, optional=True, hidden_by="anonymous"),
        text("kind", "relationship", "transactional"),
        instant("sent_at"),
        instant("answered_at", optional=True, known_at="answered_at"),
        Column("score", Kind.INTEGER, optional=True, known_at="answered_at", low=0, high=10, unit="NPS points"),
        text("comment", optional=True, known_at="answered_at"),
        text("channel", optional=True),
        instant("bounced_at", optional=True, known_at="bounced_at"),
        flag("anonymous"),
    ),
)
LOOPS = Table(
    name="loops",
    key=("loop_id",),
    time="opened_at",
    order=(("closed_at", "opened_at"),),
    columns=(
        text("loop_id"),
        ACCOUNT_ID,
        text("survey_id", optional=True),
        text("level", "frontline", "management", "executive", optional=True),
        instant("opened_at"),
        instant("closed_at", optional=True, known_at="closed_at"),
    ),
)
CONTRACTS = Table(
    name="contracts",
    key=("contract_id",),
    time="starts_on",
    order=(("ends_on", "starts_on"),),
    columns=(
        text("contract_id"),
        ACCOUNT_ID,
        day("starts_on"),
        day("ends_on", optional=True, open_end=True),
        amount("annual_value", unit="currency per year"),
        amount("price_change", optional=True, unit="fraction"),
    ),
)
TICKETS = Table(
    name="tickets",
    key=("ticket_id",),
    time="opened_at",
    order=(("closed_at", "opened_at"),),
    columns=(
        text("ticket_id"),
        ACCOUNT_ID,
        text("kind", optional=True),
        text("severity", "low", "normal", "high", "critical", optional=True),
        instant("opened_at"),
        instant("closed_at", optional=True, known_at="closed_at"),
        text("topic", optional=True),
        text("contact_id", optional=True),
    ),
)
ACTIONS = Table(
    name="actions",
    key=("action_id",),
    time="done_at",
    columns=(
        text("action_id"),
        ACCOUNT_ID,
        text("kind"),
        instant("done_at"),
        text("note", optional=True),
    ),
)
REFERRALS = Table(
    name="referrals",
    key=("referral_id",),
    time="referred_at",
    order=(("contacted_at", "referred_at"), ("won_at", "referred_at")),
    columns=(
        text("referral_id"),
        ACCOUNT_ID,
        instant("referred_at"),
        instant("contacted_at", optional=True, known_at="contacted_at"),
        instant("won_at", optional=True, known_at="won_at"),
        amount("revenue", optional=True, known_at="won_at"),
        amount("reward", optional=True, known_at="won_at"),
    ),
)
MEMBERSHIPS = Table(
    name="memberships",
    key=("account_id", "program", "joined_on"),
    time="joined_on",
    order=(("left_on", "joined_on"),),
    columns=(
        ACCOUNT_ID,
        text("program"),
        day("joined_on"),
        day("left_on", optional=True, known_at="left_on", open_end=True),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        ACCOUNTS,
        INVOICES,
        CHURNS,
        CONTACTS,
        SURVEYS,
        LOOPS,
        CONTRACTS,
        TICKETS,
        ACTIONS,
        REFERRALS,
        MEMBERSHIPS,
    )
}
#: Tables with records of an account while it is a customer. `churns` only says when it stopped.
HISTORY = tuple(name for name in TABLES if name not in ("accounts", "churns"))
#: History tables that a book may lack. In training the model sees each of them missing.
OPTIONAL_HISTORY = tuple(name for name in HISTORY if not TABLES[name].required)


@dataclass(frozen=True)
class TableKnown:
    """What is known of one table's source beyond its rows.

    Attributes
    ----------
    invitations : bool
        Whether the table holds what was sent and not answered; false where only answers were exported.
    answered_at_is_sent_at : bool
        Whether the source has one time only, so that an answer's time is that of sending.
    since, until : date or None
        First day and last day that the source covers, both included; None: what the records tell.
    kinds : bool
        Whether tickets' kinds tell defects; false where validation meets no `DEFECT`, but words that nobody knows.
    """

    invitations: bool = True
    answered_at_is_sent_at: bool = False
    since: date | None = None
    until: date | None = None
    kinds: bool = True


@dataclass(frozen=True)
class BookKnown:
    """What is known of a book's sources, by table: `known["surveys"].invitations`. See `features.book_facts`."""

    tables: Mapping[str, TableKnown] = field(default_factory=dict)

    def __getitem__(self, name: str) -> TableKnown:
        """Return what is known of one table; nothing said is the default."""
        return self.tables.get(name, TableKnown())

    def without_kinds(self) -> BookKnown:
        """Return the same of a book whose tickets have kinds that tell no defects."""
        return BookKnown({**self.tables, "tickets": replace(self["tickets"], kinds=False)})


@dataclass(frozen=True)
class Tables:
    """A book that keeps the contract: each table has its declared types; an absent one is empty and in `missing`.

    Attributes
    ----------
    frames : mapping of table name to Ibis table
        All eleven, with exactly the declared columns.
    missing : frozenset of str
        Names of the tables that the source lacks. Their content is not known, which differs from empty.
    currency : str or None
        The one currency of the book; None when no table names one.
    warnings : tuple of str
        Corrections made while converting, one sentence each.
    known : BookKnown
        What the source cannot say with its rows, as `book.toml` does.
    doubts : tuple of Problem
        What leaves the end of the data in doubt until the user says it; `warnings` has the same in words.
    """

    frames: Mapping[str, ir.Table]
    missing: frozenset[str]
    currency: str | None = None
    warnings: tuple[str, ...] = ()
    known: BookKnown = field(default_factory=BookKnown)
    doubts: tuple[Problem, ...] = ()

    def __getitem__(self, name: str) -> ir.Table:
        """Return one table by its contract name."""
        return self.frames[name]
