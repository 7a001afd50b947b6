"""Convert raw columns to the declared types, and mark the values that cannot be converted.

In: a raw table. Out: a table with the declared columns and their marks. The mark `x__bad` says whether column `x` had a
value that could not be converted. For dates, `x__cut` says whether the value was an instant that was cut to its UTC
day. `features.validation` judges the marks.

What a text must look like to be a number, a time or a flag stands here once: `NUMBER_TEXT`, `TIME_TEXT`, `FLAG_TEXTS`.
A cell of a file is compared with them here, a text of a request by `serving.predict.values`. They are narrower than
DuckDB's casts, which also read `epoch`, `1_000` and the name of a time zone.
"""

from __future__ import annotations

from functools import lru_cache

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.schema import OPEN_FROM_YEAR
from features.tables import TABLES, Column, Kind, Table, TableKnown

#: A date outside these years counts as a typing error. It would also overflow the clocks of some engines.
FIRST_YEAR, LAST_YEAR = 1900, 2199
YEARS = f"in the years {FIRST_YEAR} to {LAST_YEAR}"
#: Blanks around a value do not count.
BLANKS = " \t\n\r\v\f"
#: Infinities and NaN are numbers here, so that a message can say that they are not finite.
NUMBER_TEXT = r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])"
#: Year, month, day; then perhaps hours, minutes, perhaps seconds and their fraction, perhaps the distance from UTC.
TIME_TEXT = (
    r"([0-9]{4})(?:-([0-9]{1,2})-|/([0-9]{1,2})/)([0-9]{1,2})"
    r"(?:[T ]([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,9}))?)?"
    r"(?:Z| UTC|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?)?)?"
)
#: The forms that most cells have. DuckDB reads them as they stand: no blanks to take away, no zone to be told from.
COMMON_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
COMMON_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z?)?"
FLAG_TEXTS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
#: Before the name of a table: as the source has it, and converted. Both are names that compiled queries read.
RAW, CONVERTED = "raw_", "book_"
#: What DuckDB calls an instant.
INSTANT = dt.Timestamp(scale=6)
#: Compiled conversions that are kept.
CONVERSIONS = 64
#: The rule that a value of each kind breaks when it cannot be converted.
EXPECTED = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.FLAG: "neither true nor false",
    Kind.DATE: f"not a date (YYYY-MM-DD) {YEARS}",
    Kind.INSTANT: f"not a timestamp (YYYY-MM-DDTHH:MM:SS, UTC unless it says otherwise) {YEARS}",
}


def empty(connection: Backend, table: Table) -> ir.Table:
    """Return the table with its declared columns and no rows."""
    name, types = f"{CONVERTED}{table.name}", connection.compiler.type_mapper
    columns = ", ".join(f'"{column}" {types.to_string(kind)}' for column, kind in table.schema.items())
    connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    return _held(connection, name, ibis.schema(table.schema))


def named(table: Table, raw: ir.Table) -> ir.Table:
    """Rename each raw column that differs from a declared one only in case or outer blanks; return the table."""
    raw_names = {name.strip().lower(): name for name in raw.columns}
    renamed = [column.name for column in table.columns if column.name not in raw.columns and column.name in raw_names]
    return raw.rename({name: raw_names[name] for name in renamed})


def convert(
    connection: Backend, table: Table, raw: ir.Table, known: TableKnown | None = None, is_stored: bool = False
) -> ir.Table:
    """Store the table with its declared columns and their marks. A column that the source lacks is null.

    The table is empty when the source has none of the declared columns, because no row then holds anything to judge.

    Parameters
    ----------
    known : TableKnown, optional
        What `book.toml` says of the table: answers of a source with one time only are answered when they are sent.
    is_stored : bool
        Whether the raw rows are in the connection already, typed: a view of them is cheaper than a second copy.
    """
    if not set(table.schema) & set(raw.columns):
        return empty(connection, table)
    connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW {RAW}{table.name} AS {connection.compile(raw)}")
    sql, schema = _conversion(table.name, raw.schema(), known is not None and known.answered_at_is_sent_at)
    kind = "VIEW" if is_stored else "TABLE"
    connection.raw_sql(f"CREATE OR REPLACE TEMP {kind} {CONVERTED}{table.name} AS {sql}")
    return _held(connection, f"{CONVERTED}{table.name}", schema)


def _held(connection: Backend, name: str, schema: ibis.Schema) -> ir.Table:
    """Return a table that the connection holds, of known columns: to ask for them takes longer than to store few."""
    told = {column: INSTANT if kind.is_timestamp() else kind for column, kind in schema.items()}
    return ops.DatabaseTable(name, schema=told, source=connection, namespace=ops.Namespace()).to_expr()


@lru_cache(CONVERSIONS)
def _conversion(name: str, schema: ibis.Schema, answered_at_is_sent_at: bool) -> tuple[str, ibis.Schema]:
    """Return the conversion of a table as DuckDB's SQL, and what it makes.

    Ibis takes longer to compile it than DuckDB to run it.
    """
    rows = typed(TABLES[name], ibis.table(schema, name=f"{RAW}{name}"))
    converted = _answered_when_sent(rows) if answered_at_is_sent_at else rows
    return str(ibis.to_sql(converted, dialect="duckdb")), converted.schema()


def typed(table: Table, raw: ir.Table, quoted: str | None = None) -> ir.Table:
    """Return the declared columns and their marks as a query; a column `quoted__raw` has that column's raw text."""
    own = [column for column in table.columns if column.name in raw.columns]
    # A cell is read once, in a query of its own: the value and its marks name what was read several times.
    cells = raw.mutate(**{f"{column.name}__read": _read(column, raw[column.name]) for column in own})
    chosen: dict[str, ir.Value] = {}
    for column in table.columns:
        chosen |= _converted(column, cells) if column in own else {column.name: ibis.null(str(column.kind))}
    if quoted is not None:
        chosen[f"{quoted}__raw"] = _text(cells[quoted])
    return cells.mutate(**chosen).select(*chosen)


def _answered_when_sent(surveys: ir.Table) -> ir.Table:
    """Give an answer without a time that of sending; a time that cannot be read stays a problem."""
    unread = surveys.answered_at__bad if "answered_at__bad" in surveys.columns else ibis.literal(False)
    answered = (surveys.score.notnull() | surveys.comment.notnull()) & ~unread
    return surveys.mutate(
        answered_at=ibis.ifelse(answered, surveys.answered_at.fill_null(surveys.sent_at), surveys.answered_at)
    )


def _read(column: Column, raw: ir.Value) -> ir.Value:
    """Return what a cell says, null where it says nothing: a text, a flag, a number as a float, a moment in UTC."""
    text = _text(raw)
    if column.kind is Kind.TEXT:
        return _choice(column, text) if column.choices else _written(text)
    bare = _bare(raw, text)
    if column.kind is Kind.FLAG:
        return _flag(bare)
    return _moment(raw, bare) if column.kind.is_time else _number(raw, bare)


def _converted(column: Column, cells: ir.Table) -> dict[str, ir.Value]:
    """Return a column and its marks: `__bad` where a cell says something else, `__cut` where a time of day is lost."""
    raw, read = cells[column.name], cells[f"{column.name}__read"]
    if column.kind is Kind.TEXT:
        return {column.name: read}
    if column.kind.is_time:
        return _time(column, raw, read)
    value = _whole(read) if column.kind is Kind.INTEGER else read
    return {column.name: value, f"{column.name}__bad": _unread(value, raw)}


def _bare(raw: ir.Value, text: ir.StringValue) -> ir.StringValue:
    return text.strip().nullif("") if raw.type().is_string() else text


def _unread(value: ir.Value, raw: ir.Value) -> ir.BooleanValue:
    """Whether a cell that holds something has no value; a cell that has one is looked at no further."""
    return ibis.ifelse(value.isnull(), _bare(raw, raw).notnull(), False)


def _text(raw: ir.Value) -> ir.StringValue:
    """Return the value as text, a whole float without its `.0`: pandas turns ids and flags with nulls into floats."""
    if not raw.type().is_floating():
        return raw.cast("string")
    whole = (raw == raw.floor()) & (raw.abs() < 2**53)
    return ibis.ifelse(whole, raw.try_cast("int64").cast("string"), raw.cast("string"))


def _written(text: ir.StringValue) -> ir.StringValue:
    """Return a text as it is, null where it holds nothing but blanks."""
    # Only what begins with a blank is looked at whole: no blank is as great as "!".
    nothing = ibis.ifelse(text.strip() == "", ibis.null("string"), text)
    return ibis.ifelse(text < "!", nothing, text)


def _choice(column: Column, text: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(text.isin(column.choices), text, text.strip().lower().nullif(""))


def _flag(text: ir.StringValue) -> ir.BooleanValue:
    lower = text.lower()
    branches = [(lower.isin([name for name in FLAG_TEXTS if FLAG_TEXTS[name] is flag]), flag) for flag in (True, False)]
    return ibis.cases(*branches)


def _number(raw: ir.Value, bare: ir.StringValue) -> ir.FloatingValue:
    if raw.type().is_float64() or raw.type().is_integer():
        return raw.cast("float64")
    if not raw.type().is_string():
        return bare.try_cast("float64")
    number = _of_form(NUMBER_TEXT, bare, bare.try_cast("float64"))
    return _of_form(COMMON_NUMBER, raw, raw.try_cast("float64"), number)


def _whole(number: ir.FloatingValue) -> ir.IntegerValue:
    whole = number.try_cast("int64")
    return ibis.ifelse(whole.cast("float64") == number, whole, ibis.null("int64"))


def _moment(raw: ir.Value, bare: ir.StringValue) -> ir.TimestampValue:
    """Return an instant in UTC without its zone; naive ones are taken as UTC."""
    if raw.type().is_date():
        return raw.cast("timestamp")
    if raw.type().is_timestamp():
        return _in_utc(_microseconds(raw))
    aware = _in_utc(bare.try_cast("timestamp('UTC')"))
    if not raw.type().is_string():
        return aware
    return _of_form(COMMON_TIME, raw, raw.try_cast("timestamp"), _of_form(TIME_TEXT, bare, aware))


def _microseconds(moment: ir.TimestampValue) -> ir.TimestampValue:
    """Return an instant in whole microseconds, cut as those of texts are.

    DuckDB rounds nanoseconds: the last moment of a year, as pandas writes it, would be the first of the next.
    """
    if (moment.type().scale or 0) <= INSTANT.scale:
        return moment
    return moment.cast("string").try_cast("timestamp('UTC')")


def _in_utc(moment: ir.TimestampValue) -> ir.TimestampValue:
    return moment.cast("timestamp('UTC')").cast("timestamp")


def _of_form(form: str, text: ir.StringValue, value: ir.Value, other: ir.Value | None = None) -> ir.Value:
    """Return a value where the text has a form, elsewhere the other value."""
    return ibis.ifelse(text.re_search(f"^{form}$"), value, ibis.null(value.type()) if other is None else other)


def _time(column: Column, raw: ir.Value, moment: ir.TimestampValue) -> dict[str, ir.Value]:
    """Return a time column: a time out of range or an open end becomes null."""
    low, high = ibis.timestamp(f"{FIRST_YEAR}-01-01"), ibis.timestamp(f"{LAST_YEAR + 1}-01-01")
    instant = ibis.ifelse((moment >= low) & (moment < high), moment, ibis.null("timestamp"))
    bad = _unread(instant, raw)
    if column.open_end:
        endless = (moment >= ibis.timestamp(f"{OPEN_FROM_YEAR}-01-01")).fill_null(False)
        instant, bad = ibis.ifelse(endless, ibis.null("timestamp"), instant), bad & ~endless
    if column.kind is Kind.INSTANT:
        return {column.name: instant, f"{column.name}__bad": bad}
    whole_days = raw.type().is_date()
    cut = ibis.literal(False) if whole_days else (instant != instant.truncate("D")).fill_null(False)
    return {column.name: instant.cast("date"), f"{column.name}__bad": bad, f"{column.name}__cut": cut}
