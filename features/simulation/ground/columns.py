"""From arrays to the contract's Arrow tables, with the types that `features.tables` declares.

In: day numbers, instants in seconds, word indices; arrays of shape (records,). Out: Arrow arrays and tables: date32,
timestamp in microseconds without a zone (UTC), string, float64, int64, bool. A moment that never comes is null.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from features.simulation.ground.world import DAY_SECONDS, NEVER, BoolArray, FloatArray, IntArray
from features.tables import TABLES, Kind

#: The tables of the contract, in its order, then the true hazards.
TABLE_NAMES = (*TABLES, "true_hazards")

_ARROW = {
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.INTEGER: pa.int64(),
    Kind.FLAG: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us"),
}
_TRUTH = pa.schema(
    {
        "account_id": pa.string(),
        "as_of": pa.date32(),
        "hazard": pa.float64(),
        "probability_180d": pa.float64(),
    }.items()
)


def arrow_schema(name: str) -> pa.Schema:
    """Return the Arrow schema of a table, by its name in `TABLE_NAMES`."""
    if name == "true_hazards":
        return _TRUTH
    return pa.schema([(column.name, _ARROW[column.kind]) for column in TABLES[name].columns])


def table(name: str, /, **columns: pa.Array) -> pa.Table:
    """Return an Arrow table with exactly the declared columns; raise KeyError when one is missing."""
    schema = arrow_schema(name)
    return pa.table([columns[field.name] for field in schema], schema=schema)


def days(day: IntArray) -> pa.Array:
    """Return the dates of day numbers of shape (n,); `NEVER` and later is null."""
    return pa.array(day.astype(np.int32), mask=day >= NEVER).cast(pa.date32())


def instants(second: IntArray) -> pa.Array:
    """Return the timestamps of seconds of shape (n,); `NEVER` days and later is null."""
    return pa.array(second * 1_000_000, mask=second >= NEVER * DAY_SECONDS).cast(pa.timestamp("us"))


def labels(words: Sequence[str], index: IntArray) -> pa.Array:
    """Return the words at indices of shape (n,); a negative index is null."""
    return pa.array(words, type=pa.string()).take(pa.array(index, mask=index < 0))


def numbers(value: FloatArray, digits: int) -> pa.Array:
    """Return floats of shape (n,), rounded; NaN is null."""
    return pa.array(np.round(value, digits), mask=np.isnan(value))


def flags(value: BoolArray, known: BoolArray) -> pa.Array:
    """Return booleans; a value is null where `known` is false. Both arrays have shape (n,)."""
    return pa.array(value, mask=~known)
