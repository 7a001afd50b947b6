"""What the pyfunc is sent becomes a matrix of signals: as many rows, in the same order, or one list of all problems.

A frame of signals goes in, or what MLflow's scoring server makes of a request: records, or columns. A `Sent` comes
out. MLflow itself checks nothing here, since the logged model declares no input schema (see `training.bundle.pyfunc`).
So each value is read by itself, whatever the others are: a whole number, a text and a null may stand in one column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from features.errors import InputError
from features.matrix import Matrix
from features.signal import all_signals

#: Columns that may be sent along and come back with the answer.
KEYS = ("account_id", "as_of")
#: Most values of a column that a message quotes.
QUOTED = 3
Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Sent:
    """What was sent, read.

    Attributes
    ----------
    keys : DataFrame
        The columns of `KEYS` that were sent: account_id as text, as_of as an ISO date; n rows, with the index as sent.
    matrix : Matrix
        Signals of the n rows; one without a column is not known.
    """

    keys: pd.DataFrame
    matrix: Matrix


def read_sent(sent: Any) -> Sent:
    """Return the rows of what the pyfunc was sent.

    Parameters
    ----------
    sent : DataFrame, list of dict, or dict of columns
        One column a signal, by its name, and the columns of `KEYS`. Numbers may be whole, decimal or texts of such;
        flags may be booleans; `as_of` is a date, an instant or an ISO text of either; null and "" are not known.

    Raises
    ------
    InputError
        With every problem: columns that are unknown or stand twice, values that cannot be read.
    """
    frame, reads = _frame(sent), _reads()
    problems = _columns_amiss(list(frame.columns), list(reads))
    columns: dict[str, list[Any]] = {}
    if not problems:
        for name in frame.columns:
            columns[name], wrong = _read_column(frame[name], reads[name])
            problems += [f"{name}: {wrong}"] if wrong else []
    if problems:
        raise InputError("; ".join(problems))
    keys = pd.DataFrame({name: columns[name] for name in KEYS if name in columns}, index=frame.index, dtype=object)
    return Sent(keys, Matrix(pd.DataFrame(index=frame.index), _signals(columns, len(frame)), pd.DataFrame()))


def _frame(sent: Any) -> pd.DataFrame:
    """Return a frame of what was sent; MLflow's server hands on records and columns with arrays of no dimension."""
    if isinstance(sent, pd.DataFrame):
        return sent
    try:
        if isinstance(sent, list) and all(isinstance(row, dict) for row in sent):
            return pd.DataFrame(sent, index=range(len(sent)), dtype=object)
        if isinstance(sent, dict):
            alone = all(np.ndim(column) == 0 for column in sent.values())
            return pd.DataFrame([sent] if alone else sent, dtype=object)
    except ValueError as error:
        raise InputError(f"no rows can be made of the columns that were sent ({error})") from error
    raise InputError(f"expected a data frame, a list of records or a dict of columns, not {type(sent).__name__}")


def _columns_amiss(names: Sequence[Any], known: Sequence[str]) -> list[str]:
    """Return the problems of the columns' names: unknown ones, with what may have been meant, and those there twice."""
    unknown = []
    for name in dict.fromkeys(name for name in names if name not in known):
        meant = get_close_matches(str(name), known, 1)
        unknown.append(f"{name!r} (did you mean {meant[0]!r}?)" if meant else repr(name))
    problems = []
    if unknown:
        problems.append(
            f"unknown columns: {', '.join(unknown)}. The columns are the model's signals, as `signals.json` of its run "
            f"lists them, and {' and '.join(KEYS)}; a signal without a column counts as not known"
        )
    twice = sorted({str(name) for name in names if list(names).count(name) > 1})
    return problems + ([f"columns that stand twice: {', '.join(twice)}"] if twice else [])


def _read_column(column: pd.Series, read: Read) -> tuple[list[Any], str]:
    """Return the values of a column, and its problem in words, empty if there is none."""
    if read is _number and is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(float, na_value=np.nan)
        if not np.isinf(numbers).any():
            return numbers.tolist(), ""
    values, wrong = [], []
    for value in column.tolist():
        plain = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
        try:
            values.append(None if _is_null(plain) else read(plain))
        except (ValueError, TypeError, OverflowError):
            wrong.append(plain)
    if not wrong:
        return values, ""
    quoted = ", ".join(map(repr, wrong[:QUOTED])) + (", ..." if len(wrong) > QUOTED else "")
    return values, f"{len(wrong)} of {len(column)} values cannot be read as {_KINDS[read]}: {quoted}"


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value == "" or (value != value and np.isscalar(value))


def _number(value: Any) -> float:
    if not isinstance(value, bool | int | float | str | Decimal | np.number | np.bool_):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str | int):
        raise TypeError
    return str(value)


def _date(value: Any) -> str:
    """Return the UTC day of a date, an instant or a text of either; an instant without an offset is in UTC."""
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date().isoformat()
    if isinstance(moment, date):
        return moment.isoformat()
    raise TypeError


def _reads() -> dict[str, Read]:
    """Return how the values of each column are read."""
    return {"account_id": _text, "as_of": _date} | {
        signal.name: _text if signal.is_text else _number for signal in all_signals()
    }


def _signals(columns: dict[str, list[Any]], rows: int) -> pd.DataFrame:
    """Return the signals in their order: float64, or object for text."""
    unknown = [None] * rows
    return pd.DataFrame(
        {
            signal.name: pd.Series(columns.get(signal.name, unknown), dtype=object if signal.is_text else "float64")
            for signal in all_signals()
        }
    )


_KINDS: dict[Read, str] = {_number: "numbers", _text: "texts", _date: "dates (YYYY-MM-DD, or an instant)"}
