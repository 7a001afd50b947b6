"""Request models: an account's raw history, made from the tables' own declarations so that both say the same.

A column's type, choices, bounds and order are those of `features.tables`; `serving.predict.values` reads its values, so
that a request takes the texts that a cell of a file may hold. The types here are those that the document shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from features.schema import undated
from features.tables import HISTORY, TABLES, BookKnown, Column, Kind, Table, TableKnown
from features.validation.conversion import BLANKS
from serving.predict.cut_days import Counted
from serving.predict.doubtful_records import Doubted
from serving.predict.fault_words import NOT_BLANK
from serving.predict.values import day, quoted, reader_of, text

MAX_ACCOUNTS = 100
#: Rows up to which a request's faults are all listed; of a longer one, those of the first bad row of each table.
MOST_ROWS_IN_FULL = 1000
#: What a request can say of answers without a time.
ONE_TIME = '; where the only time is that of sending, say so: "known": {"surveys": {"answered_at": "sent_at"}}'
#: Nested tables of a request, in contract order.
NESTED = tuple(name for name in TABLES if name != "accounts")
#: The personal columns of each table that has some.
PERSONAL = {
    name: personal
    for name, table in TABLES.items()
    if (personal := frozenset(column.name for column in table.columns if column.personal))
}


def currency(value: Any) -> str | None:
    """Return the currency that a record names, None for one of blanks."""
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


def _there(shown: Any) -> Any:
    """Return the type of a text that must be there: blanks are nothing, as in files."""
    return Annotated[shown, Field(pattern=NOT_BLANK), WithJsonSchema(TypeAdapter(shown).json_schema())]


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
        kind = (shown if optional else _there(shown)) if plain else Annotated[Any, reader]
        fields[column.name] = (kind, None) if optional else (kind, ...)
    fields["currency"] = (Annotated[Any, PlainValidator(currency, json_schema_input_type=str | None)], None)
    checks: dict[str, Callable[..., Any]] = {
        f"check_{later}_{earlier}": _not_before(later, earlier) for later, earlier in table.order
    }
    name = "".join(part.title() for part in table.name.removesuffix("s").split("_"))
    config = ConfigDict(extra="ignore", frozen=True)
    return create_model(f"{name}Record", __config__=config, __validators__=checks, **fields)


RECORDS: dict[str, type[BaseModel]] = {name: record_model(table) for name, table in TABLES.items()}


_SINCE, _UNTIL = (
    PlainValidator(reader_of(Column(name, Kind.DATE), True), json_schema_input_type=date | None)
    for name in ("known.since", "known.until")
)


class SourceFacts(BaseModel):
    """What is known of the source of one table beyond its rows; see `features.book_facts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    since: Annotated[Any, _SINCE] = Field(None, description="First day that it covers")
    until: Annotated[Any, _UNTIL] = Field(None, description="Last day that it covers")

    _in_order = _not_before("until", "since")


class SurveyFacts(SourceFacts):
    """The same of surveys."""

    invitations: StrictBool = Field(True, description="false where only answers were exported")
    answered_at: Literal["sent_at"] | None = Field(None, description="sent_at where the source has one time only")


_FACTS: dict[str, Any] = {name: ((SurveyFacts if name == "surveys" else SourceFacts) | None, None) for name in TABLES}
#: What a request says of an account's sources, a field a table.
KnownFacts = create_model("KnownFacts", __config__=ConfigDict(extra="forbid", frozen=True), **_FACTS)


def _undated_faults(name: str, rows: Sequence[Any]) -> Iterator[Any]:
    """Yield each value of a table that lacks the time since when it is known, as files are refused for it."""
    dated = TABLES[name].dated
    for place, row in enumerate(rows):
        for column, at in dated:
            value = getattr(row, column.name)
            if value is None or getattr(row, at) is not None or (column.zero_is_nothing and value == 0):
                continue
            shown = "the text" if column.kind is Kind.TEXT else quoted(value)
            fault = ValueError(f"{shown} is {undated(at)}{ONE_TIME if name == 'surveys' else ''}")
            yield {"type": "value_error", "loc": (place, column.name), "input": value, "ctx": {"error": fault}}


def _with_times(name: str, every_fault: bool) -> Any:
    def check(cls: type[BaseModel], rows: Any, info: ValidationInfo) -> Any:
        if "known" not in info.data or (name == "surveys" and answered_when_sent(info.data["known"])):
            return rows
        faults = _undated_faults(name, rows or ())
        told = list(faults if every_fault else islice(faults, 1))
        if told:
            raise ValidationError.from_exception_data(name, told)
        return rows

    return field_validator(name)(check)


def has_undated(name: str, rows: Sequence[Any] | None, known: Any) -> bool:
    """Whether a value of a table lacks the time since when it is known, as its validator refuses it."""
    if name == "surveys" and answered_when_sent(known):
        return False
    return next(_undated_faults(name, rows or ()), None) is not None


def answered_when_sent(known: Any) -> bool:
    """Whether a request says that the source of its surveys has one time only."""
    return known is not None and known.surveys is not None and known.surveys.answered_at is not None


def lacks_its_time(survey: Any) -> bool:
    """Whether a survey was answered without saying when."""
    return survey.answered_at is None and (survey.score is not None or survey.comment is not None)


def _history_model(every_fault: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {"account": (RECORDS["accounts"], ...), "known": (KnownFacts | None, None)}
    for name in NESTED:
        rows: Any = list[RECORDS[name]]  # type: ignore[valid-type]
        rows = rows if every_fault else Annotated[rows, Field(fail_fast=True)]
        fields[name] = (rows, ...) if TABLES[name].required else (rows | None, None)
    checks = {f"check_times_of_{name}": _with_times(name, every_fault) for name in NESTED if TABLES[name].dated}
    return create_model("AccountHistory", __base__=Doubted, __validators__=checks, **fields)


#: One account; of each table's faults, all or the first bad row's only.
_EVERY_FAULT, _FIRST_FAULTS = _history_model(every_fault=True), _history_model(every_fault=False)
_EVERY_ACCOUNT: TypeAdapter[Any] = TypeAdapter(list[_EVERY_FAULT])  # type: ignore[valid-type]


def few(histories: Any) -> bool:
    """Whether there are so few rows that all their faults can be told: a fault costs a thousand times its row."""
    if not isinstance(histories, list) or len(histories) > MAX_ACCOUNTS:
        return False
    tables = (table for history in histories if isinstance(history, dict) for table in history.values())
    return sum(len(table) for table in tables if isinstance(table, list)) <= MOST_ROWS_IN_FULL


#: One account within another request; its faults are told in full by `told_in_full`.
OneHistory: Any = _FIRST_FAULTS


def told_in_full(value: Any, handler: Callable[[Any], Any]) -> Any:
    """Validate one account, and tell all its faults where it has few rows: for a wrapping validator."""
    try:
        return handler(value)
    except ValidationError:
        if few([value]):
            _EVERY_FAULT.model_validate(value)
        raise


class AccountHistory(_FIRST_FAULTS):  # type: ignore[misc,valid-type]
    """One account with its raw history: `account`, `invoices`, and any other table by its contract name."""

    @model_validator(mode="wrap")
    @classmethod
    def _told_in_full(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        found: Self = told_in_full(value, handler)
        return found


class PredictionRequest(Counted):
    """Raw history in: 1 to 100 accounts; `as_of` defaults to today (UTC), records at or after it are ignored."""

    # A misspelt as_of would score today.
    model_config = ConfigDict(extra="forbid", frozen=True)
    as_of: Annotated[date | None, PlainValidator(day, json_schema_input_type=date | None)] = None
    accounts: Annotated[list[_FIRST_FAULTS], Field(min_length=1, max_length=MAX_ACCOUNTS)]  # type: ignore[valid-type]

    @field_validator("accounts", mode="wrap")
    @classmethod
    def _told_in_full(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            if few(value):
                _EVERY_ACCOUNT.validate_python(value)
            raise


def known_facts(history: Any) -> BookKnown | None:
    """Return what a request says of an account's sources; None where it says nothing."""
    if history.known is None:
        return None
    told = {name: getattr(history.known, name) for name in TABLES}
    return BookKnown({name: _table_known(facts) for name, facts in told.items() if facts is not None})


def _table_known(facts: SourceFacts) -> TableKnown:
    if not isinstance(facts, SurveyFacts):
        return TableKnown(since=facts.since, until=facts.until)
    return TableKnown(facts.invitations, facts.answered_at == "sent_at", facts.since, facts.until)


def without_personal(account: Any) -> Any:
    """Return an account as it was sent, less the personal columns of its rows; the same object where there is none."""
    if not isinstance(account, dict):
        return account
    cleaned = {}
    for name, personal in PERSONAL.items():
        rows = account.get(name)
        if isinstance(rows, list) and any(_personal_keys(row, personal) for row in rows):
            cleaned[name] = [_without(row, _personal_keys(row, personal)) for row in rows]
    return {**account, **cleaned} if cleaned else account


def _personal_keys(row: Any, personal: frozenset[str]) -> set[str]:
    return {key for key in row if key.strip().lower() in personal} if isinstance(row, dict) else set()


def _without(row: Any, keys: set[str]) -> Any:
    return {key: value for key, value in row.items() if key not in keys} if keys else row


def missing_tables(history: Any) -> tuple[str, ...]:
    """Return the history tables that a request did not give for an account: not known, unlike `[]`."""
    return tuple(sorted(name for name in HISTORY if getattr(history, name) is None))
