"""Prepare the slices that a model learns from.

In: a book and the settings. Out: `Prepared`, the labelled rows of all mature as-of dates and the end of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from features.errors import NotEnoughData, UnsettledEnd
from features.formulas.departure_days import NO_DEPARTURE, ONE_DAY, departures
from features.matrix import first_records
from features.tables import Tables
from training.settings import TrainingSettings
from training.slices.dataset import Dataset, build_dataset
from training.slices.labels import check_rule, end_of_data
from training.slices.silence import Rhythm, rhythm
from training.slices.slice_dates import slice_dates

#: Fewest accounts of each outcome that a model can learn from.
LEAST_ACCOUNTS = 10


@dataclass(frozen=True)
class Prepared:
    """The data a model is fitted on.

    Attributes
    ----------
    data : Dataset
        All mature slices.
    recorded_since : dict of table name to date
        First record of each history table; tables without a record before `end` are left out.
    end : date
        First day without data.
    """

    data: Dataset
    recorded_since: dict[str, date]
    end: date


def demand_settled_end(tables: Tables, until: date | None) -> None:
    """Raise UnsettledEnd where the records leave the end of the data in doubt and `until` does not say it."""
    if until is None and tables.doubts:
        raise UnsettledEnd(tables.doubts, end_of_data(tables, None))


def rhythm_of(tables: Tables, settings: TrainingSettings) -> Rhythm | None:
    """Return how a rule of silence fits the customers at the latest mature date; None for a rule by churns."""
    check_rule(tables, settings.rule)
    if not settings.rule.by_silence:
        return None
    latest = end_of_data(tables, settings.until) - timedelta(days=settings.known_after_days)
    return rhythm(tables, settings.rule, latest)


def cautions_before(tables: Tables, settings: TrainingSettings, accept_short_silence: bool = False) -> list[str]:
    """Return what is to be said of an end of the data and a rule of churn before anything is learnt by them.

    Raises
    ------
    ShortSilence
        When the rule of silence does not fit most customers, and that is not accepted.
    """
    told, until = [], settings.until
    if until is not None and until > (end := end_of_data(tables, None)):
        told.append(
            f"--until {until} lies beyond {end}, where the records end: who has not churned by then counts as staying"
        )
    found = rhythm_of(tables, settings)
    if found is None:
        return told
    if not accept_short_silence:
        found.demand_fitting()
    return [*told, *found.warnings()]


def prepare(tables: Tables, settings: TrainingSettings) -> Prepared:
    """Build the dataset of all mature slices of a book.

    Raises
    ------
    UnsettledEnd
        When the records leave the end of the data in doubt and the settings do not say it.
    InputError
        When the rule of churn does not fit the book.
    NotEnoughData
        When the book is too short for one mature slice, when it has no invoice before the end of the data, or when too
        few accounts churned or stayed.
    """
    demand_settled_end(tables, settings.until)
    recorded, end, dates = _recorded_and_dates(tables, settings)
    data = build_dataset(tables, dates, settings.rule, recorded)
    _demand_both_outcomes(data, tables, settings)
    return Prepared(data, recorded, end)


def dates_of(tables: Tables, settings: TrainingSettings) -> list[date]:
    """Return the mature as-of dates of a book, oldest first; raises as `prepare` does."""
    return _recorded_and_dates(tables, settings)[2]


def _recorded_and_dates(tables: Tables, settings: TrainingSettings) -> tuple[dict[str, date], date, list[date]]:
    """Return since when each table is recorded, the end of the data, and the mature as-of dates."""
    check_rule(tables, settings.rule)
    end = end_of_data(tables, settings.until)
    recorded = {name: first for name, first in first_records(tables).items() if first < end}
    if "invoices" not in recorded:
        raise NotEnoughData(f"there is no invoice before {end}")
    start = recorded["invoices"] + timedelta(days=settings.min_history_days)
    dates = slice_dates(start, end, settings.known_after_days, settings.slice_days, settings.least_slices)
    if not dates:
        raise NotEnoughData(
            f"the invoices begin on {recorded['invoices']} and the data end on {end}: "
            f"{settings.min_history_days} days of history and {settings.known_after_days} days for the label do not fit"
        )
    return recorded, end, dates


def _demand_both_outcomes(data: Dataset, tables: Tables, settings: TrainingSettings) -> None:
    accounts = [len(np.unique(data.accounts[data.churned == outcome])) for outcome in (True, False)]
    if min(accounts) < LEAST_ACCOUNTS:
        raise NotEnoughData(
            f"{accounts[0]} accounts churned and {accounts[1]} stayed over {len(data.dates)} as-of dates; "
            f"at least {LEAST_ACCOUNTS} of each are needed; {_what_to_do(tables, settings, accounts[0] < accounts[1])}"
        )


def _what_to_do(tables: Tables, settings: TrainingSettings, few_churned: bool) -> str:
    """Return what a book with too few of one outcome has of departures, and what to do."""
    rule = settings.rule
    if rule.by_silence:
        other = "fewer" if few_churned else "more"
        return f"by the rule, churn is a silence of {rule.silence_days} days: try {other} days with --silence-days"
    found = departures(tables["churns"])
    if not few_churned:
        return f"the churns table has {found.told()}: are the customers who stay in the book?"
    if not found.rows:
        return f"the churns table has {found.told()}: {NO_DEPARTURE}"
    if found.is_one_day:
        return f"the churns table has {found.told()}: {ONE_DAY}"
    return (
        f"the churns table has {found.told()}; one counts where the account was a customer at an as-of date and left "
        f"within {rule.reach_days} days of it"
    )
