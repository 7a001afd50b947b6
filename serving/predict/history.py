"""Request models: an account's raw history, made from the tables' own declarations so that both say the same.

A column's type, choices, bounds and order are those of `features.tables`; `serving.predict.values` reads its values, so
that a request takes the texts that a cell of a file may hold. The types here are those that the document shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    create_model,
    field_validator,
    model_validator,
)

from features.conversion import BLANKS
from features.tables import HISTORY, TABLES, Column, Kind, Table
from serving.predict.values import day, reader_of, text

MAX_ACCOUNTS = 100
#: Rows up to which a request's faults are all listed; of a longer one, those of the first bad row of each table.
MOST_ROWS_IN_FULL = 1000
#: Nested tables of a request, in contract order.
NESTED = tuple(name for name in TABLES if name != "accounts")


def _currency(value: Any) -> str | None:
    found = text(value)
    return found and (found.strip(BLANKS) or None)


def _shown(column: Column, optional: bool) -> Any:
    """Return the type that the document shows of a column's values."""
    if column.choices:
        return Literal[column.choices]
    return {
        # A bound, be it 0, makes pydantic look for half surrogate pairs, which no UTF-8 can say.
        Kind.TEXT: Annotated[str, Field(min_length=0 if optional else 1, max_length=column.longest)],
        Kind.NUMBER: Annotated[float, Field(ge=column.low, le=column.high)],
        Kind.INTEGER: Annotated[int, Field(ge=column.low, le=column.high)],
        Kind.FLAG: bool,
        Kind.DATE: date,
        Kind.INSTANT: datetime,
    }[column.kind]


def _not_before(later: str, earlier: str) -> Any:
    def check(cls: type[BaseModel], value: Any, info: Any) -> Any:
        first = info.data.get(earlier)
        if value is not None and first is not None and value < first:
            raise ValueError(f"before {earlier}: {value.isoformat()} is earlier than {first.isoformat()}")
        return value

    return field_validator(later)(check)


def record_model(table: Table) -> type[BaseModel]:
    """Return the model of one row of a table; a nested row may leave out its account_id."""
    fields: dict[str, Any] = {}
    for column in table.columns:
        optional = column.optional or (column.name == "account_id" and table.name != "accounts")
        shown = _shown(column, optional)
        shown = shown | None if optional else shown
        # What must be there as a text, and the owner's id in a nested row, need no reader of ours, which is slower.
        plain = column.kind is Kind.TEXT and not column.choices and not column.optional
        reader = PlainValidator(reader_of(column, optional), json_schema_input_type=shown)
        kind = shown if plain else Annotated[Any, reader]
        fields[column.name] = (kind, None) if optional else (kind, ...)
    fields["currency"] = (Annotated[Any, PlainValidator(_currency, json_schema_input_type=str | None)], None)
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
    as_of: Annotated[date | None, PlainValidator(day, json_schema_input_type=date | None)] = None
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
