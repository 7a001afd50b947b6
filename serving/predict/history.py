"""Request models: an account's raw history, made from the tables' own declarations so that both say the same.

A column's type, choices, bounds and order are those of `features.tables`; dates and instants follow the contract: aware
values are converted to UTC, naive ones are taken as UTC, an instant in a date column is cut to its day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ModelWrapValidatorHandler,
    Strict,
    StrictBool,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    create_model,
    field_validator,
    model_validator,
)

from features.conversion import FIRST_YEAR, LAST_YEAR
from features.tables import HISTORY, TABLES, Column, Kind, Table

MAX_ACCOUNTS = 100
#: Rows up to which a request's faults are all listed; of a longer one, those of the first bad row of each table.
MOST_ROWS_IN_FULL = 1000
OUT_OF_RANGE = f"the year is outside {FIRST_YEAR} to {LAST_YEAR}"
#: Nested tables of a request, in contract order.
NESTED = tuple(name for name in TABLES if name != "accounts")


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        raise ValueError("a timestamp is expected, as 2026-01-31T09:30:00Z")
    try:
        return _in_range(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
    except OverflowError as error:
        raise ValueError(OUT_OF_RANGE) from error


def _day(value: Any) -> Any:
    if isinstance(value, str):
        value = _instant(value) if len(value.strip()) > 10 else _plain_day(value.strip())
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        raise ValueError("a date is expected, as 2026-01-31")
    return _in_range(value)


def _plain_day(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("a date is expected, as 2026-01-31")
    return date.fromisoformat(text)


def _in_range(value: Any) -> Any:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(OUT_OF_RANGE)
    return value


def _no_text(value: Any) -> Any:
    """An empty text is null, as in a table."""
    return None if value == "" else value


def _number(value: Any) -> Any:
    """Python takes true for 1 and reads "1_0" as 10; the document does not."""
    if isinstance(value, bool | str):
        raise ValueError("a number is expected")
    return value


def _type(column: Column) -> Any:
    if column.choices:
        return Literal[column.choices]
    bounds = Field(ge=column.low, le=column.high)
    return {
        # A bound, be it 0, makes pydantic look for half surrogate pairs, which no UTF-8 can say.
        Kind.TEXT: Annotated[str, StringConstraints(min_length=0 if column.optional else 1)],
        Kind.NUMBER: Annotated[FiniteFloat, bounds, Strict()],
        # Not strict: what counts in decimals sends 7 as 7.0.
        Kind.INTEGER: Annotated[int, bounds, BeforeValidator(_number)],
        Kind.FLAG: StrictBool,
        Kind.DATE: Annotated[date, BeforeValidator(_day)],
        Kind.INSTANT: Annotated[datetime, BeforeValidator(_instant)],
    }[column.kind]


def _not_before(later: str, earlier: str) -> Any:
    def check(cls: type[BaseModel], value: Any, info: Any) -> Any:
        first = info.data.get(earlier)
        if value is not None and first is not None and value < first:
            raise ValueError(f"before {earlier}")
        return value

    return field_validator(later)(check)


def record_model(table: Table) -> type[BaseModel]:
    """Return the model of one row of a table; a nested row may leave out its account_id."""
    fields: dict[str, Any] = {}
    for column in table.columns:
        kind = _type(column)
        optional = column.optional or (column.name == "account_id" and table.name != "accounts")
        nullable = (
            Annotated[kind | None, BeforeValidator(_no_text)]
            if column.kind is Kind.TEXT and column.optional
            else kind | None
        )
        fields[column.name] = (nullable, None) if optional else (kind, ...)
    fields["currency"] = (Annotated[str, StringConstraints(strip_whitespace=True)] | None, None)
    checks: dict[str, Callable[..., Any]] = {
        f"check_{later}_{earlier}": _not_before(later, earlier) for later, earlier in table.order
    }
    name = "".join(part.title() for part in table.name.removesuffix("s").split("_"))
    config = ConfigDict(extra="ignore", frozen=True)
    return create_model(f"{name}Record", __config__=config, __validators__=checks, **fields)


RECORDS: dict[str, type[BaseModel]] = {name: record_model(table) for name, table in TABLES.items()}


def _history_model(every_fault: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {"account": (RECORDS["accounts"], ...)}
    for name in NESTED:
        rows: Any = list[RECORDS[name]]  # type: ignore[valid-type]
        rows = rows if every_fault else Annotated[rows, Field(fail_fast=True)]
        fields[name] = (rows, ...) if TABLES[name].required else (rows | None, None)
    return create_model("AccountHistory", __config__=ConfigDict(extra="ignore", frozen=True), **fields)


#: One account; of each table's faults, all or the first bad row's only.
_EVERY_FAULT, _FIRST_FAULTS = _history_model(every_fault=True), _history_model(every_fault=False)
_EVERY_ACCOUNT: TypeAdapter[Any] = TypeAdapter(list[_EVERY_FAULT])  # type: ignore[valid-type]


def _few(histories: Any) -> bool:
    """Whether there are so few rows that all their faults can be told: a fault costs a thousand times its row."""
    if not isinstance(histories, list) or len(histories) > MAX_ACCOUNTS:
        return False
    tables = (table for history in histories if isinstance(history, dict) for table in history.values())
    return sum(len(table) for table in tables if isinstance(table, list)) <= MOST_ROWS_IN_FULL


class AccountHistory(_FIRST_FAULTS):  # type: ignore[misc,valid-type]
    """One account with its raw history: `account`, `invoices`, and any other table by its contract name."""

    @model_validator(mode="wrap")
    @classmethod
    def _told_in_full(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError:
            if _few([value]):
                _EVERY_FAULT.model_validate(value)
            raise


class PredictionRequest(BaseModel):
    """Raw history in: 1 to 100 accounts; `as_of` defaults to today (UTC), records at or after it are ignored."""

    model_config = ConfigDict(frozen=True)
    as_of: Annotated[date, BeforeValidator(_day)] | None = None
    accounts: Annotated[list[_FIRST_FAULTS], Field(min_length=1, max_length=MAX_ACCOUNTS)]  # type: ignore[valid-type]

    @field_validator("accounts", mode="wrap")
    @classmethod
    def _told_in_full(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            if _few(value):
                _EVERY_ACCOUNT.validate_python(value)
            raise


def missing_tables(history: Any) -> tuple[str, ...]:
    """Return the history tables that a request did not give for an account: not known, unlike `[]`."""
    return tuple(sorted(name for name in HISTORY if getattr(history, name) is None))
