"""What of an account's records is read in another way than its sender may think; nothing of it is refused.

Records at or after the as-of date are left out, a text that the model does not know is read as none, a departure with
later records is a return, and an invoice from long before `customer_since` counts though nobody was a customer then.
All of it is right by the contract, and none of it would be seen in the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

from features.tables import HISTORY, TABLES, Kind
from serving.scoring.cautions import ADVANCE_DAYS, Caution, read_otherwise
from serving.scoring.model_facts import known_values

#: When a record of each table happened, and whether that is a date.
TIME_OF = {
    name: (attrgetter(table.time), any(each.name == table.time and each.kind is Kind.DATE for each in table.columns))
    for name, table in TABLES.items()
    if name in (*HISTORY, "churns")
}
Categories = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Reading:
    """How one account's records are read.

    Attributes
    ----------
    strange : mapping of str to str
        Columns of the account, such as `account.country`, whose value the model does not know, with the value.
    later : mapping of str to int
        By table the records at or after the as-of date, which are left out.
    early : int
        Invoices from more than `ADVANCE_DAYS` before `customer_since`, which count.
    returned : bool
        Whether a departure before the as-of date is followed by a return; only of an account that has a score.
    """

    strange: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)
    early: int = 0
    returned: bool = False


def reading_of(history: Any, as_of: date, categories: Categories) -> Reading:
    """Return how the records of an account are read that has a score.

    Parameters
    ----------
    history : AccountHistory
    categories : mapping of signal to sequence of str
        The values of each signal of texts that the model knows; of one without any, nothing is strange.
    """
    departures = [row.churned_on for row in history.churns or () if row.churned_on < as_of]
    return Reading(_strange(history.account, categories), _later(history, as_of), _early(history), bool(departures))


def cautions_of_readings(readings: Iterable[Reading], categories: Categories) -> list[Caution]:
    """Return what to know of how several accounts' records are read."""
    each = list(readings)
    strange = [reading.strange for reading in each if reading.strange]
    early = [reading.early for reading in each if reading.early]
    later = [reading.later for reading in each if reading.later]
    return read_otherwise(strange, known_values(categories), later, early, sum(reading.returned for reading in each))


def readings_told(histories: Sequence[Any], as_of: date, categories: Categories) -> list[Caution]:
    """Return what to know of how the records of accounts are read that all have a score of one date."""
    return cautions_of_readings((reading_of(each, as_of, categories) for each in histories), categories)


def _strange(account: Any, categories: Categories) -> dict[str, str]:
    found = {}
    for name, levels in known_values(categories).items():
        value = getattr(account, name.partition(".")[2], None)
        if value is not None and value not in levels:
            found[name] = value
    return found


def _later(history: Any, as_of: date) -> dict[str, int]:
    """Count the records of later days. Those of the day itself do not count either, but are usual where it is today."""
    next_day = as_of + timedelta(days=1)
    midnight, found = datetime.combine(next_day, time()), {}
    for name, (time_of, is_date) in TIME_OF.items():
        rows = getattr(history, name)
        first = next_day if is_date else midnight
        if rows and max(map(time_of, rows)) >= first:
            found[name] = sum(map(first.__le__, map(time_of, rows)))
    return found


def _early(history: Any) -> int:
    """Count invoices from long before `customer_since`, which may be that of a return: then none is early."""
    since = history.account.customer_since
    if any(row.churned_on <= since for row in history.churns or ()):
        return 0
    first, time_of = since - timedelta(days=ADVANCE_DAYS), TIME_OF["invoices"][0]
    if not history.invoices or min(map(time_of, history.invoices)) >= first:
        return 0
    return sum(map(first.__gt__, map(time_of, history.invoices)))
