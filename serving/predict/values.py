"""A value of a request -> the value of its column: the texts that a cell of a file may hold, or JSON's own values.

A number may come as JSON's number or as text, a flag as true or "yes", a choice in any case; dates and instants are
texts. Aware instants are converted to UTC, naive ones are taken as UTC, an instant in a date column is cut to its day.
An empty text is null. `features.validation.conversion` says what the texts look like, and reads the cells of files by
the same.

A request has tens of thousands of values, so every reader looks for the common form first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any

from features.schema import OPEN_FROM_YEAR
from features.tables import Column, Kind
from features.validation.conversion import BLANKS, FIRST_YEAR, FLAG_TEXTS, LAST_YEAR, NUMBER_TEXT, TIME_TEXT, YEARS
from serving.predict.cut_days import day_of

Reader = Callable[[Any], Any]
Absent = Callable[[], Any]
A_DATE, AN_INSTANT = "a date such as 2026-01-31", "a timestamp such as 2026-01-31T09:30:00Z"
A_NUMBER, A_WHOLE_NUMBER, A_FLAG, A_TEXT = "a number", "a whole number", "true or false", "a text"
#: Most characters of a value that a message quotes.
QUOTED = 60
#: The greatest whole number of which all smaller ones are floats too.
EXACT = 2**53
_NUMBER, _TIME = re.compile(NUMBER_TEXT), re.compile(TIME_TEXT)
#: The form that most instants have, dates that a database wrote as instants too; Python reads it by itself.
_COMMON = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?Z?", re.ASCII)
_DAY = 10


def quoted(value: Any) -> str:
    """Return a value as a message quotes it: as JSON, cut when it is long, a list or an object by its kind.

    Examples
    --------
    >>> quoted("31.01.2026"), quoted(None), quoted([1, 2])
    ('"31.01.2026"', 'null', 'a list')
    """
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    # Half a surrogate pair, which UTF-8 cannot say, becomes a question mark.
    shown = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
    return shown if len(shown) <= QUOTED else f"{shown[: QUOTED - 1]}…"


def reader_of(column: Column, optional: bool) -> Reader:
    """Return what reads a column's values: it returns the value, and raises ValueError with a sentence.

    Parameters
    ----------
    optional : bool
        Whether null and an empty text are None; otherwise they are missing.
    """
    if column.choices:
        return _choice_of(column, _absent(f"one of {', '.join(column.choices)}", optional))
    if optional and column.kind is Kind.TEXT:
        return text
    reader_for, expected = _BY_KIND[column.kind]
    return reader_for(column, _absent(expected, optional))


def _absent(expected: str, optional: bool) -> Absent:
    """Return what stands for a value that is not there: it returns None, or raises where there must be one."""

    def nothing() -> None:
        if not optional:
            raise ValueError(f"missing; {expected} is expected")

    return nothing


def text(value: Any) -> str | None:
    """Return a text, None for one that holds nothing but blanks."""
    if type(value) is str:
        if value.isascii():
            return value if value.strip(BLANKS) else None
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{A_TEXT} is expected, and {quoted(value)} holds half a character") from None
        return value
    if value is None:
        return None
    raise _unlike(A_TEXT, value)


def flag(value: Any) -> bool | None:
    """Return a flag."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        bare = value.strip(BLANKS).lower()
        if not bare:
            return None
        if bare in FLAG_TEXTS:
            return FLAG_TEXTS[bare]
    raise _unlike(A_FLAG, value)


def _present(reader: Reader, absent: Absent) -> Reader:
    def present(value: Any) -> Any:
        found = reader(value)
        return absent() if found is None else found

    return present


def _day_of(column: Column, absent: Absent) -> Reader:
    def read(value: Any) -> date | None:
        if type(value) is str:
            if len(value) == _DAY and value[4] == value[7] == "-":
                try:
                    found = date.fromisoformat(value)
                except ValueError:
                    raise _unlike(A_DATE, value) from None
                if FIRST_YEAR <= found.year <= LAST_YEAR:
                    return found
                raise _out_of_years(A_DATE, value)
            moment = _moment(value, A_DATE)
            return absent() if moment is None else day_of(moment, column.name)
        if value is None:
            return absent()
        if isinstance(value, date):
            return day_of(value, column.name) if isinstance(value, datetime) else value
        raise _unlike(A_DATE, value)

    return read


def _instant_of(column: Column, absent: Absent) -> Reader:
    def read(value: Any) -> datetime | None:
        if type(value) is str:
            moment = _moment(value, AN_INSTANT)
            return absent() if moment is None else moment
        if value is None:
            return absent()
        if isinstance(value, datetime):
            return value
        raise _unlike(AN_INSTANT, value)

    return read


def _moment(value: str, expected: str) -> datetime | None:
    """Read any form of `TIME_TEXT`; Python reads the usual one by itself."""
    if _COMMON.fullmatch(value):
        try:
            usual = datetime.fromisoformat(value.removesuffix("Z"))
        except ValueError:
            raise _unlike(expected, value) from None
        if FIRST_YEAR <= usual.year <= LAST_YEAR:
            return usual
        raise _out_of_years(expected, value)
    bare = value.strip(BLANKS)
    if not bare:
        return None
    parts = _TIME.fullmatch(bare)
    if parts is None:
        raise _unlike(expected, value)
    year, dashed, slashed, of_month, hour, minute, second, fraction, sign, hours, minutes = parts.groups()
    microseconds = int((fraction or "")[:6].ljust(6, "0"))
    clock = (int(hour or 0), int(minute or 0), int(second or 0), microseconds)
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime(int(year), int(dashed or slashed), int(of_month), *clock)
    except ValueError:
        raise _unlike(expected, value) from None
    try:
        found = local + ahead if sign == "-" else local - ahead
    except OverflowError:
        raise _out_of_years(expected, value) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise _out_of_years(expected, value)
    return found


def _unlike(expected: str, value: Any) -> ValueError:
    return ValueError(f"{expected} is expected, not {quoted(value)}")


def _out_of_years(expected: str, value: Any) -> ValueError:
    return ValueError(f"{expected} is expected, and {quoted(value)} is not {YEARS}")


def _choice_of(column: Column, absent: Absent) -> Reader:
    known = frozenset(column.choices)

    def choice(value: Any) -> str | None:
        if type(value) is str:
            if value in known:
                return value
            bare = value.strip(BLANKS).lower()
            if bare in known:
                return bare
            if not bare:
                return absent()
        if value is None:
            return absent()
        raise _unlike(f"one of {', '.join(column.choices)}", value)

    return choice


def _number_of(column: Column, absent: Absent) -> Reader:
    low, high = _bounds(column)

    def number(value: Any) -> float | None:
        kind = type(value)
        if kind is float or kind is int:
            if low <= value <= high:
                return float(value)
            raise _out_of_bounds(A_NUMBER, value, value, low, high)
        found = _from_json(value, A_NUMBER)
        if found is None:
            return absent()
        if low <= found <= high:
            return found
        raise _out_of_bounds(A_NUMBER, found, value, low, high)

    return number


def _whole_of(column: Column, absent: Absent) -> Reader:
    low, high = _bounds(column)

    def whole(value: Any) -> int | None:
        found = value if type(value) is int else _from_json(value, A_WHOLE_NUMBER)
        if found is None:
            return absent()
        if not low <= found <= high:
            raise _out_of_bounds(A_WHOLE_NUMBER, found, value, low, high)
        if found != int(found):
            raise _unlike(A_WHOLE_NUMBER, value)
        return int(found)

    return whole


def _bounds(column: Column) -> tuple[float, float]:
    return -EXACT if column.low is None else column.low, EXACT if column.high is None else column.high


def _from_json(value: Any, expected: str) -> float | None:
    """Return a number that came as JSON's number or as text; True is none."""
    if value is None or type(value) is float:
        return value
    if isinstance(value, str):
        bare = value.strip(BLANKS)
        if not bare:
            return None
        if _NUMBER.fullmatch(bare):
            return float(bare)
    raise _unlike(expected, value)


def _out_of_bounds(expected: str, found: float, value: Any, low: float, high: float) -> ValueError:
    if isinstance(found, float) and not isfinite(found):
        return ValueError(f"{expected} is expected, and {quoted(value)} is not finite")
    return ValueError(f"{expected} from {low:g} to {high:g} is expected, not {quoted(value)}")


def _end_of(column: Column, absent: Absent) -> Reader:
    """Read a date that is an end: one in `OPEN_FROM_YEAR` or later is not known."""
    read = _day_of(column, absent)

    def end(value: Any) -> date | None:
        bare = value.strip(BLANKS) if type(value) is str else ""
        parts = _TIME.fullmatch(bare) if bare[:4] >= str(OPEN_FROM_YEAR) else None
        if parts is None:
            found = read(value)
            return absent() if found is not None and found.year >= OPEN_FROM_YEAR else found
        try:
            date(int(parts[1]), int(parts[2] or parts[3]), int(parts[4]))
        except ValueError:
            raise _unlike(A_DATE, value) from None
        return absent()

    return end


_BY_KIND: dict[Kind, tuple[Callable[[Column, Absent], Reader], str]] = {
    Kind.TEXT: (lambda column, absent: _present(text, absent), A_TEXT),
    Kind.NUMBER: (_number_of, A_NUMBER),
    Kind.INTEGER: (_whole_of, A_WHOLE_NUMBER),
    Kind.FLAG: (lambda column, absent: _present(flag, absent), A_FLAG),
    Kind.DATE: (lambda column, absent: (_end_of if column.open_end else _day_of)(column, absent), A_DATE),
    Kind.INSTANT: (_instant_of, AN_INSTANT),
}
#: Reads a date that may be left out.
day = _day_of(Column("as_of", Kind.DATE), _absent(A_DATE, optional=True))
