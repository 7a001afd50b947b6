"""What to know beside the scores of a request: also whether its records end long before its as-of date.

That is told by the accounts' own rhythm. An account that is invoiced regularly and of which nothing of any kind
is recorded for three times its longest time without an invoice comes from an export that is old, or has left without a
word of it. Who is invoiced seldom, or is still asked, served or called, tells nothing: a customer may be quiet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any

from features.recording import LEAST_DAYS, LEAST_GAP, TIMES
from features.tables import HISTORY, TABLES
from serving.predict.predictor import Predictor
from serving.predict.request_rows import rows_in
from serving.scoring.cautions import ANY_TABLE, ENOUGH, Caution, invoices_ended, last_invoice_age
from serving.scoring.scores import Score

#: The times of each table at which something happened; a signed end is none.
HAPPENED = {
    name: tuple(
        column.name
        for column in TABLES[name].columns
        if column.kind.is_time and column.name in (TABLES[name].time, column.known_at)
    )
    for name in HISTORY
}


def cautions_of(predictor: Predictor, scores: Sequence[Score], histories: Sequence[Any]) -> list[Caution]:
    """Return what to know beside the scores of one call, also that its records ended long before.

    Of a model that learnt who leaves from silence, an account's own silence says nothing of its records.
    """
    found = predictor.cautions([score.value for score in scores], {score.currency for score in scores})
    as_of, ended = scores[0].as_of, None
    if len(scores) >= ENOUGH:
        age = last_invoice_age(score.reasons for score in scores)
        ended = invoices_ended(predictor.bundle.reference, age, as_of)
    if ended is None and not predictor.bundle.rule.by_silence:
        ended = records_ended(histories, as_of)
    return found if ended is None else [*found, ended]


def records_ended(histories: Sequence[Any], as_of: date) -> Caution | None:
    """Return that nothing is recorded of any of these accounts for longer than the most regular of them was ever quiet.

    Parameters
    ----------
    histories : sequence of AccountHistory
        Of one request.
    """
    newest = date.min
    for day in _days(histories, as_of):
        newest = max(newest, day)
        if (as_of - newest).days <= LEAST_GAP:
            return None
    gap = min((gap for history in histories if (gap := _longest_gap(history, as_of)) is not None), default=None)
    if gap is None or (as_of - newest).days <= max(LEAST_GAP, TIMES * gap):
        return None
    figures = {"table": ANY_TABLE, "last": newest.isoformat(), "age_days": (as_of - newest).days, "gap_days": gap}
    return Caution("stale", figures)


def _days(histories: Sequence[Any], as_of: date) -> Iterator[date]:
    """Yield the days before a date on which something happened, invoices first: these mostly say enough."""
    for name in sorted(HISTORY, key=lambda name: name != "invoices"):
        for column in map(attrgetter, HAPPENED[name]):
            for history in histories:
                for row in rows_in(history, name):
                    day = _day(column(row))
                    if day is not None and day < as_of:
                        yield day


def _longest_gap(history: Any, as_of: date) -> int | None:
    """Return the most days from one day with an invoice to the next; None where they are too few for a rhythm."""
    days = sorted({row.invoiced_on for row in rows_in(history, "invoices") if row.invoiced_on < as_of})
    return max((after - day).days for day, after in pairwise(days)) if len(days) >= LEAST_DAYS else None


def _day(moment: date | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment
