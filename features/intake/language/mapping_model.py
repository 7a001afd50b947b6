"""The mapping language: what a mapping file may say, as models that refuse whatever they do not know.

In: the plain values of a TOML file. Out: `Mapping`. What each key does stands in docs/import.md. `values_sql` and
`typed_sql` turn a `Value` into SQL; `reading` opens a `SourceFiles`; `parts_sql` runs a `Part`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from features.schema import Kind
from features.tables import TABLES

#: The keys of a value of which it has exactly one: where it comes from.
ORIGINS = ("column", "id", "constant", "cell", "let", "first_of", "join", "row", "lookup", "place")
#: The keys of a value that say how its text is read, rather than which text it is.
READING = ("date", "zone", "year_from", "epoch", "add_days", "add_months", "decimal", "divide_by", "negative_when",
           "minus", "tax_rate")  # fmt: skip
#: Accounts of a system, by which pairs are proposed: not a table of the contract.
IDENTITIES = "identities"
IDENTITY_COLUMNS: MappingOf[str, Kind] = dict.fromkeys(
    ("id", "name", "town", "vat", "email", "number", "absorbed", "survivor"), Kind.TEXT
)
#: What rates of currencies and the tasks after an answer are made of; neither is a table of the contract.
RATES, TASKS = "rates", "tasks"
RATE_COLUMNS: MappingOf[str, Kind] = {"currency": Kind.TEXT, "valid_on": Kind.DATE, "rate": Kind.NUMBER}
TASK_COLUMNS: MappingOf[str, Kind] = {
    "account_id": Kind.TEXT, "survey_id": Kind.TEXT, "opened_at": Kind.INSTANT, "closed_at": Kind.INSTANT,
}  # fmt: skip
BESIDES: MappingOf[str, MappingOf[str, Kind]] = {
    IDENTITIES: IDENTITY_COLUMNS, RATES: RATE_COLUMNS, TASKS: TASK_COLUMNS,
}  # fmt: skip
#: Beside the columns of the contract, a part may fill the currency, so that two of them are noticed.
CURRENCY = "currency"
#: Among the forms of a date: what is read without a form.
ISO = "iso"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _alternatives(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, list) else value


def _written(value: Any) -> Any:
    """Return the forms of a date; `iso`, alone or among others, is what is read without a form."""
    return [] if value in (ISO, [ISO]) else _listed(value)


def _named(value: Any) -> Any:
    return {"column": value} if isinstance(value, (str, list)) else value


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
AnyValue = Annotated["Value", BeforeValidator(_named)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Cell(_Strict):
    """One cell above the rows, counted from 1."""

    row: int = Field(ge=1)
    column: int = Field(ge=1)


class Condition(_Strict):
    """A test of one value; texts are compared without case and outer blanks. Exactly one test is given."""

    when: AnyValue
    is_in: tuple[str, ...] | None = None
    is_not_in: tuple[str, ...] | None = None
    is_empty: bool | None = None
    matches: str | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        tests = ("is_in", "is_not_in", "is_empty", "matches", "below")
        if any(not text.strip() for text in (*(self.is_in or ()), *(self.is_not_in or ()))):
            raise ValueError("an empty text is no value: use is_empty = true or false")
        if sum(getattr(self, name) is not None for name in tests) != 1:
            raise ValueError(f"exactly one of {', '.join(tests)} is expected")
        return self


class LeaveOut(Condition):
    """A condition under which a row is left out, and the reason that the report gives, with the value or without.

    `is_state` says whether it is a state of the record, such as void, or another kind of row, such as a payment. Where
    it is not said, it is one, unless lines of records are added up or merged.
    """

    reason: str
    name_value: bool = False
    is_state: bool | None = None


class Value(_Strict):
    """One value of a row: where it comes from, how its text is cut, how it is read."""

    column: Names | None = None
    id: str | None = None
    constant: str | int | float | bool | None = None
    cell: Cell | None = None
    let: str | None = None
    first_of: tuple[AnyValue, ...] | None = None
    join: tuple[AnyValue, ...] | None = None
    row: Literal[True] | None = None
    lookup: str | None = None
    place: int | None = Field(None, ge=1)

    key: AnyValue | None = None
    nth: int = Field(1, ge=1)
    optional: bool | Names = False
    by: str = "-"

    nulls: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    separator: str | None = None
    item: int = Field(1, ge=1)
    extract: str | None = None
    long_id: bool = False
    strip_zeros: bool = False
    between: tuple[float, float] | None = None
    map: dict[str, str] = {}
    otherwise: str | None = None
    only_when: Condition | None = None
    fill_down: bool = False

    date: Annotated[tuple[str, ...], BeforeValidator(_written)] = ()
    zone: str | None = None
    year_from: Cell | None = None
    epoch: Literal["seconds", "milliseconds"] | None = None
    add_days: int = 0
    add_months: int = 0

    decimal: Literal[".", ","] = "."
    divide_by: float | AnyValue = 1
    negative_when: Condition | None = None
    minus: Annotated[tuple[AnyValue, ...], BeforeValidator(_several)] = ()
    tax_rate: float | AnyValue | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Value:
        given = [name for name in ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(ORIGINS)} is expected, found {', '.join(given) or 'none'}")
        if (self.lookup is None) != (self.key is None):
            raise ValueError("lookup and key belong together")
        if self.year_from is not None and (self.names_year() or len(self.date) != 1):
            raise ValueError("year_from needs date: the one form of day and month, as '%d%m', and no other beside it")
        return self

    def names_year(self) -> bool:
        """Return whether days are written with their year, so that `year_from` says nothing of them."""
        return not self.date or any(form == ISO or "%y" in form.lower() for form in self.date)


class SourceFiles(_Strict):
    """Files of one kind, or a table of a database, and how they are read."""

    files: Names = ()
    database: str | None = None
    table: str | None = None
    format: Literal["csv", "list", "sheet", "jsonl", "parquet"] | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    header: tuple[int, ...] = Field((1,), min_length=1)
    header_with: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_alternatives)] = ()
    ids_row: int | None = None
    header_empty: Names = ()
    footer: tuple[str, ...] = ()
    sheet: str | None = None
    same: dict[str, Cell] = {}

    @model_validator(mode="after")
    def _files_or_table(self) -> SourceFiles:
        if bool(self.files) == bool(self.database):
            raise ValueError("either files or database is expected")
        if self.header_with and self.format in ("jsonl", "parquet"):
            raise ValueError("header_with is for files with rows above their records")
        if self.footer and (self.database or self.format in ("jsonl", "parquet")):
            raise ValueError("footer is for files with lines below their records")
        if bool(self.database) != bool(self.table):
            raise ValueError("database and table belong together")
        return self


class Part(_Strict):
    """Rows of one source that become records of one table.

    Attributes
    ----------
    source : str
        Its name under `[sources]`.
    system : str or None
        Whose account ids these are; None: those of the book.
    only_with : Any
        An answer; where it is empty, there is no such part.
    told_by : dict of column to names
        The answers that a column, a `let.NAME` or a `leave_out.REASON` rests on; `read_mapping` fills it, for messages.
    many : {"one", "sum", "first", "last", "merge"}
        How several rows of one key become one record; "merge": what is told of records that other parts have.
    order : Value or None
        By what the first or last is told; None: as the rows stand.
    absorbed : Value or None
        Keys of records that were merged into this one; they are left out.
    taxed_by : Value or None
        What the tax rate of a row may depend on: one rate for several of its values is warned of.
    """

    source: str = Field(alias="from")
    only_with: Any = True
    told_by: dict[str, tuple[str, ...]] = {}
    system: str | None = None
    let: dict[str, AnyValue] = {}
    columns: dict[str, AnyValue]
    leave_out: tuple[LeaveOut, ...] = ()
    many: Literal["one", "sum", "first", "last", "merge"] = "one"
    order: AnyValue | None = None
    absorbed: AnyValue | None = None
    taxed_by: AnyValue | None = None

    @property
    def orders_by_time(self) -> bool:
        """Whether `order` is a time, which it is where it has a form or a zone; else it is a number or a text."""
        return self.order is not None and bool(self.order.date or self.order.zone or self.order.epoch)


class BookPlan(_Strict):
    """What holds for the whole book.

    Attributes
    ----------
    master : str or None
        The system whose account ids the book bears; the others come through the crosswalk.
    crosswalk : str
        The file of pairs, beside the mapping.
    accounts_of_invoices : bool
        Whether an account that only invoices name is one.
    customers_by : tuple of {"invoices", "contracts"}
        Whose first day makes a customer where no source says since when: a positive invoice, a contract's start.
    currency : str or None
        The one to which amounts are converted by `[[rates]]`.
    """

    master: str | None = None
    crosswalk: str = "crosswalk.csv"
    accounts_of_invoices: bool = True
    customers_by: tuple[Literal["invoices", "contracts"], ...] = ("invoices",)
    currency: str | None = None


class DerivedLoops(_Strict):
    """Loops that no source has: each answer below a score opens one, the first task after it in time closes it."""

    score_below: int = Field(7, ge=1, le=10)
    within_days: int = Field(30, ge=1)


class Derived(_Strict):
    """Tables that are made of others by a rule that the mapping declares."""

    loops: DerivedLoops | None = None


class Mapping(_Strict):
    """A whole mapping file, its answers already put in."""

    format: Literal[1]
    folder: str = "."
    answers: dict[str, Any] = {}
    book: BookPlan = BookPlan()
    sources: dict[str, SourceFiles]
    tables: dict[str, tuple[Part, ...]] = {}
    identities: tuple[Part, ...] = ()
    rates: tuple[Part, ...] = ()
    tasks: tuple[Part, ...] = ()
    derived: Derived = Derived()
    known: dict[str, dict[str, Any]] = {}


def columns_of(table: str) -> MappingOf[str, Kind]:
    """Return the columns that a part of a table may fill, with what each holds."""
    if table in BESIDES:
        return BESIDES[table]
    kinds = {column.name: column.kind for column in TABLES[table].columns}
    return kinds | ({CURRENCY: Kind.TEXT} if any(kind is Kind.NUMBER for kind in kinds.values()) else {})
