"""The input tables of the contract: columns, types, keys, units, and when each column becomes known.

Validation, the time cut, the request models of the endpoint and the data dictionary read these declarations. A column
becomes known at the time of its record (`Table.time`), or at that of the column that `known_at` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import ibis
import ibis.expr.types as ir

#: A larger amount counts as a typing error. Sums of such amounts would overflow.
LARGEST = 1e15
LONGEST_ID = 256  # characters of an account's id, in tables, requests, paths, jobs and the store


class Kind(StrEnum):
    """What a column holds. The value is the Ibis type of the column. Instants are naive UTC."""

    TEXT = "string"
    NUMBER = "float64"
    INTEGER = "int64"
    FLAG = "boolean"
    DATE = "date"
    INSTANT = "timestamp"

    @property
    def is_time(self) -> bool:
        """Whether the column is a date or an instant."""
        return self in (Kind.DATE, Kind.INSTANT)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    optional : bool
        Whether the column may be absent and its values null.
    known_at : str or None
        The column whose time makes this one known; None: the time of the record.
    choices : tuple of str
        The values allowed; empty: any.
    low, high, longest : float, float and int, or None
        Bounds of the values, both included, and of the characters of a text.
    """

    name: str
    kind: Kind
    optional: bool = False
    known_at: str | None = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    longest: int | None = None


@dataclass(frozen=True)
class Table:
    """One input table.

    Attributes
    ----------
    key : tuple of str
        Columns that identify a record.
    time : str
        The column whose time makes a record known.
    required : bool
        Whether a book must have the table.
    order : tuple of (later, earlier)
        Pairs of time columns; the first must not lie before the second.
    """

    name: str
    key: tuple[str, ...]
    time: str
    columns: tuple[Column, ...]
    required: bool = False
    order: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name; raise KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def schema(self) -> ibis.Schema:
        """Column names and Ibis types, in the declared order."""
        return ibis.schema({column.name: str(column.kind) for column in self.columns})


def _text(name: str, *choices: str, optional: bool = False, known_at: str | None = None) -> Column:
    return Column(name, Kind.TEXT, optional=optional, known_at=known_at, choices=choices)


def _day(name: str, optional: bool = False, known_at: str | None = None) -> Column:
    return Column(name, Kind.DATE, optional=optional, known_at=known_at)


def _instant(name: str, optional: bool = False, known_at: str | None = None) -> Column:
    return Column(name, Kind.INSTANT, optional=optional, known_at=known_at)


def _amount(name: str, optional: bool = False, known_at: str | None = None, unit: str = "currency") -> Column:
    return Column(name, Kind.NUMBER, optional, known_at, low=-LARGEST, high=LARGEST, unit=unit)


ACCOUNT_ID = _text("account_id")

ACCOUNTS = Table(
    name="accounts",
    key=("account_id",),
    time="customer_since",
    required=True,
    columns=(
        replace(ACCOUNT_ID, longest=LONGEST_ID),
        _text("name", optional=True),
        _text("segment", optional=True),
        _text("industry", optional=True),
        _text("country", optional=True),
        _text("account_manager", optional=True),
        _day("customer_since"),
    ),
)
INVOICES = Table(
    name="invoices",
    key=("invoice_id",),
    time="invoiced_on",
    required=True,
    columns=(_text("invoice_id"), ACCOUNT_ID, _day("invoiced_on"), _amount("amount")),
)
CHURNS = Table(
    name="churns",
    key=("account_id",),
    time="churned_on",
    columns=(ACCOUNT_ID, _day("churned_on"), _text("reason", optional=True)),
)
CONTACTS = Table(
    name="contacts",
    key=("contact_id",),
    time="valid_from",
    order=(("valid_to", "valid_from"),),
    columns=(
        _text("contact_id"),
        ACCOUNT_ID,
        _text("role", optional=True),
        Column("decision_maker", Kind.FLAG, optional=True),
        _day("valid_from"),
        _day("valid_to", optional=True, known_at="valid_to"),
    ),
)
SURVEYS = Table(
    name="surveys",
    key=("survey_id",),
    time="sent_at",
    order=(("answered_at", "sent_at"),),
    columns=(
        _text("survey_id"),
        ACCOUNT_ID,
        _text("contact_id", optional=True),
        _text("kind", "relationship", "transactional"),
        _instant("sent_at"),
        _instant("answered_at", optional=True, known_at="answered_at"),
        Column("score", Kind.INTEGER, optional=True, known_at="answered_at", low=0, high=10, unit="NPS points"),
        _text("comment", optional=True, known_at="answered_at"),
    ),
)
LOOPS = Table(
    name="loops",
    key=("loop_id",),
    time="opened_at",
    order=(("closed_at", "opened_at"),),
    columns=(
        _text("loop_id"),
        ACCOUNT_ID,
        _text("survey_id", optional=True),
        _text("level", "frontline", "management", "executive", optional=True),
        _instant("opened_at"),
        _instant("closed_at", optional=True, known_at="closed_at"),
    ),
)
CONTRACTS = Table(
    name="contracts",
    key=("contract_id",),
    time="starts_on",
    order=(("ends_on", "starts_on"),),
    columns=(
        _text("contract_id"),
        ACCOUNT_ID,
        _day("starts_on"),
        _day("ends_on"),
        _amount("annual_value", unit="currency per year"),
        _amount("price_change", optional=True, unit="fraction"),
    ),
)
TICKETS = Table(
    name="tickets",
    key=("ticket_id",),
    time="opened_at",
    order=(("closed_at", "opened_at"),),
    columns=(
        _text("ticket_id"),
        ACCOUNT_ID,
        _text("kind", optional=True),
        _text("severity", "low", "normal", "high", "critical", optional=True),
        _instant("opened_at"),
        _instant("closed_at", optional=True, known_at="closed_at"),
    ),
)
ACTIONS = Table(
    name="actions",
    key=("action_id",),
    time="done_at",
    columns=(
        _text("action_id"),
        ACCOUNT_ID,
        _text("kind"),
        _instant("done_at"),
        _text("note", optional=True),
    ),
)
REFERRALS = Table(
    name="referrals",
    key=("referral_id",),
    time="referred_at",
    order=(("contacted_at", "referred_at"), ("won_at", "referred_at")),
    columns=(
        _text("referral_id"),
        ACCOUNT_ID,
        _instant("referred_at"),
        _instant("contacted_at", optional=True, known_at="contacted_at"),
        _instant("won_at", optional=True, known_at="won_at"),
        _amount("revenue", optional=True, known_at="won_at"),
    ),
)
MEMBERSHIPS = Table(
    name="memberships",
    key=("account_id", "program", "joined_on"),
    time="joined_on",
    order=(("left_on", "joined_on"),),
    columns=(ACCOUNT_ID, _text("program"), _day("joined_on"), _day("left_on", optional=True, known_at="left_on")),
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
    """

    frames: Mapping[str, ir.Table]
    missing: frozenset[str]
    currency: str | None = None
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> ir.Table:
        """Return one table by its contract name."""
        return self.frames[name]
