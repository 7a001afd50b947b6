"""A request in its plain form -> its records, read at once: a hundred accounts have six thousand of them.

In: the body of POST /v1/predictions as bytes. Out: what `serving.predict.history.PredictionRequest` would read, as
records with the same attributes; or None, where the body is not of the plain form. Then that model reads it, which
takes the other forms of a value too and tells every fault.

The plain form is JSON's own types and the contract's names: numbers as numbers, no keys beside the contract's, every
table in order. It is declared by the same tables, and values that are texts in JSON (days, instants) are read by the
same readers, so both ways read the same (a test compares them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from features.tables import TABLES, Column, Kind, Table
from features.validation.conversion import FIRST_YEAR, LAST_YEAR
from serving.predict.cut_days import counting
from serving.predict.doubtful_records import Doubts, endless
from serving.predict.history import (
    MAX_ACCOUNTS,
    NESTED,
    KnownFacts,
    answered_when_sent,
    currency,
    has_undated,
    lacks_its_time,
)
from serving.predict.values import EXACT, Reader, day, reader_of, text

#: Values of a column -> what they mean, in the same order.
_ReadMany = Callable[[list[Any]], Iterable[Any]]
#: Days and instants, each with the end of a line, in the forms that Python reads by itself; a day has no time of day.
_DAYS = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]00:00:00(?:\.000)?Z?)?\n)*", re.ASCII)
_INSTANTS = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?Z?\n)*", re.ASCII)


class PlainHistory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One account with its raw history, as `serving.predict.history.AccountHistory` has it."""

    #: Timestamps that lost a time of day: a plain request has none.
    cut: ClassVar[Mapping[str, int]] = {}
    account: Any
    known: Any = None

    @property
    def doubts(self) -> Doubts:
        """What is doubtful in the records; nothing is misnamed where there are no keys beside the contract's."""
        return Doubts(endless=endless(self))


class PlainRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What `serving.predict.history.PredictionRequest` has."""

    cut: ClassVar[Mapping[str, int]] = {}
    accounts: Any
    as_of: Any = None


@dataclass(frozen=True)
class _Form:
    """How the records of one table are brought from JSON's types to the contract's.

    Attributes
    ----------
    record : type
        A record as JSON holds it.
    read : mapping of column to what reads many values of it
        Columns whose values JSON has no type for: days, instants, whole numbers, texts that may be blank.
    needed : tuple of str
        Columns of texts that must be there.
    """

    table: Table
    record: type[msgspec.Struct]
    read: Mapping[str, _ReadMany]
    needed: tuple[str, ...]

    @classmethod
    def of(cls, table: Table) -> _Form:
        columns = {column: _is_optional(column, table) for column in table.columns}
        fields: list[Any] = [(each.name, _shown(each, may), *((None,) if may else ())) for each, may in columns.items()]
        readers = {each.name: _reader(each, may) for each, may in columns.items()}
        readers["currency"] = _one_by_one(currency)
        return cls(
            table=table,
            record=msgspec.defstruct(
                table.name,
                [*fields, ("currency", str | None, None)],
                kw_only=True,
                forbid_unknown_fields=True,
                gc=False,
            ),
            read={name: read for name, read in readers.items() if read is not None}
            | {"currency": _one_by_one(currency)},
            needed=tuple(each.name for each, may in columns.items() if _is_free_text(each) and not may),
        )

    def settle(self, rows: Sequence[Any]) -> None:
        """Read what JSON has no type for, in place; raises ValueError where the rows are not of the plain form."""
        for name, read in self.read.items():
            _read(rows, name, read)
        for name in self.needed:
            if not all(map(str.strip, map(attrgetter(name), rows))):
                raise ValueError(f"{name} is blank")
        self._demand_order(rows)

    def _demand_order(self, rows: Sequence[Any]) -> None:
        for later, earlier in self.table.order:
            for then, first in zip(map(attrgetter(later), rows), map(attrgetter(earlier), rows), strict=True):
                if then is not None and first is not None and then < first:
                    raise ValueError(f"{later} is before {earlier}")


def _read(rows: Sequence[Any], name: str, read: _ReadMany) -> None:
    """Replace the values of a column by what they mean; each is read once, for many stand in several rows."""
    value_of = attrgetter(name)
    values = list(set(map(value_of, rows)) - {None})
    if not values:
        return
    meant = dict(zip(values, read(values), strict=True))
    if any(meant[value] is not value for value in values):
        for row in rows:
            value = value_of(row)
            if value is not None:
                setattr(row, name, meant[value])


def plain_request(body: bytes) -> PlainRequest | None:
    """Read a body of the plain form; None for any other, also for one with faults."""
    try:
        request: PlainRequest = _DECODER.decode(body)
        with counting() as cut:
            request.as_of = day(request.as_of)
            for name, form in _FORMS.items():
                form.settle([row for history in request.accounts for row in _rows_in(history, name)])
            for history in request.accounts:
                _settle_facts(history)
    except (ValueError, RecursionError):  # Those of both libraries are ValueErrors.
        return None
    return None if cut else request


def _settle_facts(history: Any) -> None:
    if history.known is not None:
        history.known = KnownFacts.model_validate(history.known)
    if answered_when_sent(history.known):
        for survey in filter(lacks_its_time, history.surveys or ()):
            survey.answered_at = survey.sent_at
    if any(has_undated(name, getattr(history, name), history.known) for name in _DATED):
        raise ValueError("a value lacks the time since when it is known")


def _rows_in(history: Any, name: str) -> Sequence[Any]:
    return (history.account,) if name == "accounts" else getattr(history, name) or ()


def _is_optional(column: Column, table: Table) -> bool:
    return column.optional or (column.name == "account_id" and table.name != "accounts")


def _shown(column: Column, optional: bool) -> Any:
    """Return the type that JSON has for a column."""
    low, high = (-EXACT if column.low is None else column.low), (EXACT if column.high is None else column.high)
    shown: Any = {
        Kind.TEXT: str,
        Kind.NUMBER: Annotated[float, Meta(ge=low, le=high)],
        # Many write whole numbers as 9.0: a column with nulls is one of floats to them.
        Kind.INTEGER: Annotated[float, Meta(ge=low, le=high)],
        Kind.FLAG: bool,
        Kind.DATE: str,
        Kind.INSTANT: str,
    }[column.kind]
    if column.choices:
        shown = Literal[column.choices]
    elif column.kind is Kind.TEXT and not column.optional:
        shown = Annotated[str, Meta(min_length=0 if optional else 1, max_length=column.longest)]
    return shown | None if optional else shown


def _is_free_text(column: Column) -> bool:
    return column.kind is Kind.TEXT and not column.choices


def _reader(column: Column, optional: bool) -> _ReadMany | None:
    """Return what reads the values that JSON's type leaves; None where nothing is left to read."""
    if column.kind is Kind.INTEGER:
        return _one_by_one(_whole)
    if not column.kind.is_time:
        return _one_by_one(text) if column.optional and _is_free_text(column) else None
    read = reader_of(column, optional)
    if column.open_end:
        return _one_by_one(read)
    if column.kind is Kind.DATE:
        return _at_once(_DAYS, lambda value: date.fromisoformat(value[:10]), read)
    return _at_once(_INSTANTS, lambda value: datetime.fromisoformat(value.removesuffix("Z")), read)


def _one_by_one(read: Reader) -> _ReadMany:
    return lambda values: map(read, values)


def _at_once(usual: re.Pattern[str], parse: Callable[[str], date], read: Reader) -> _ReadMany:
    """Return what parses values that all have the usual form, of usual years, and reads others one by one."""

    def many(values: list[str]) -> Iterable[Any]:
        lines = "".join(f"{value}\n" for value in values)
        if values and lines.count("\n") == len(values) and usual.fullmatch(lines):
            found = list(map(parse, values))
            if min(found).year >= FIRST_YEAR and max(found).year <= LAST_YEAR:
                return found
        return map(read, values)

    return many


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"{value} is no whole number")
    return int(value)


_FORMS = {name: _Form.of(table) for name, table in TABLES.items()}
_DATED = tuple(name for name in NESTED if TABLES[name].dated)


def _request_type() -> Any:
    fields: list[Any] = [("account", _FORMS["accounts"].record), ("known", dict[str, Any] | None, None)]
    for name in NESTED:
        record: Any = _FORMS[name].record
        rows = list[record]
        fields.append((name, rows) if TABLES[name].required else (name, rows | None, None))
    history: Any = msgspec.defstruct("History", fields, bases=(PlainHistory,), kw_only=True)
    accounts = Annotated[list[history], Meta(min_length=1, max_length=MAX_ACCOUNTS)]
    request: Any = msgspec.defstruct(
        "Request", [("accounts", accounts), ("as_of", str | None, None)], bases=(PlainRequest,), kw_only=True
    )
    return request


_DECODER = msgspec.json.Decoder(_request_type())
