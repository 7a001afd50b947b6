"""Timestamps in date columns that lose a time of day when a request is read: how many in which column.

A local midnight with an offset, such as 2025-03-01T00:00:00+01:00, is 23:00 UTC of the day before. Files are warned of
it by `features.validation`; whoever reads a request counts here, and the answer warns of the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, model_validator

from features.tables import TABLES, Kind

MIDNIGHT = time()
#: The table of each date column; no two tables have one of the same name.
TABLE_OF = {
    column.name: table.name for table in TABLES.values() for column in table.columns if column.kind is Kind.DATE
}
_COUNTED: ContextVar[Counter[str] | None] = ContextVar("cut_days", default=None)


def day_of(moment: datetime, column: str) -> date:
    """Return a timestamp's UTC day, and count the column where somebody counts and a time of day is lost."""
    counted = _COUNTED.get()
    if counted is not None and moment.time() != MIDNIGHT:
        counted[f"{TABLE_OF[column]}.{column}" if column in TABLE_OF else column] += 1
    return moment.date()


@contextmanager
def counting() -> Iterator[Mapping[str, int]]:
    """Count what is cut within; what is counted within another count is not that one's."""
    counted: Counter[str] = Counter()
    token = _COUNTED.set(counted)
    try:
        yield counted
    finally:
        _COUNTED.reset(token)


class Counted(BaseModel):
    """What is read with a count of the timestamps that are cut to their day, `cut`, by column."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _cut: Mapping[str, int] = PrivateAttr(default_factory=dict)

    @property
    def cut(self) -> Mapping[str, int]:
        """How many timestamps lost a time of day, by column."""
        return self._cut

    @model_validator(mode="wrap")
    @classmethod
    def _counting(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        with counting() as counted:
            read: Self = handler(value)
        if counted:
            read._cut = counted
        return read
