"""Landmarks: signals at as-of dates with the days to a churn, from which a hazard is learnt.

In: a book and a matrix of customers. Out: `Landmarks`, and from them `PersonMonths`.

A row of the fit is an account, an as-of date and a month k = 1 to 12 of 30 days, counted from as_of + lead. It is at
risk when the account survived the months before. It is known when the month ends by the end of the data: the date
decides, never the outcome. So a date too young for the single-horizon label still contributes its first months.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.as_of import KEYS
from features.matrix import Matrix
from features.tables import Tables
from training.models.survival import MONTH_DAYS
from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.slices.labels import days_to_churn, spine_of

MONTHS = 12
#: Person-months without a churn in the sample: EACH per person-month with a churn, but at least FEWEST.
EACH, FEWEST = 10, 20_000


@dataclass(frozen=True)
class Landmarks:
    """Accounts at as-of dates, and when each churned, as known at the end of the data.

    Attributes
    ----------
    matrix : Matrix
        n rows.
    days : float array of shape (n,)
        Days from as_of to the churn; NaN when no churn was known at `end`.
    end : date
        End of the data minus the embargo, exclusive.
    lead_days : int
        Days from as_of to the first day of the first month.
    """

    matrix: Matrix
    days: np.ndarray
    end: date
    lead_days: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.days)

    @property
    def known_days(self) -> np.ndarray:
        """Days from each as-of date to the end of the data, shape (n,)."""
        return (pd.Timestamp(self.end) - self.matrix.keys["as_of"]).dt.days.to_numpy()

    def known_at(self, day: date) -> Landmarks:
        """Return the landmarks as known at a day, `end` at the latest: later churns have not happened yet.

        Rows without a month that ended by that day are left out.
        """
        then = replace(self, end=min(day, self.end))
        known = then.known_days
        kept = np.flatnonzero(known >= self.lead_days + MONTH_DAYS)
        days = np.where(self.days < known, self.days, np.nan)
        return replace(then, matrix=self.matrix.take(kept), days=days[kept])

    def rows_known(self, days: int) -> np.ndarray:
        """Return the numbers of the rows that survived the lead, with a known outcome in the `days` after it.

        The result has shape (rows,).
        """
        survived = np.isnan(self.days) | (self.days >= self.lead_days)
        return np.flatnonzero(survived & (self.known_days >= self.lead_days + days))

    def within(self, days: int) -> Dataset:
        """Return the rows of `rows_known(days)`, labelled by churn in [as_of + lead, as_of + lead + days)."""
        rows = self.rows_known(days)
        return Dataset(self.matrix.take(rows), self.days[rows] < self.lead_days + days)

    def without(self, accounts: Collection[str]) -> Landmarks:
        """Return the rows of all accounts except these."""
        kept = np.flatnonzero(~self.matrix.keys["account_id"].isin(list(accounts)).to_numpy())
        return replace(self, matrix=self.matrix.take(kept), days=self.days[kept])


@dataclass(frozen=True)
class PersonMonths:
    """Months of accounts at risk: row of the landmarks, month k from 1, whether the account churned in it, and weight.

    All arrays have shape (m,).
    """

    row: np.ndarray
    month: np.ndarray
    churned: np.ndarray
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> PersonMonths:
        """Return the entries at an index array of shape (taken,)."""
        return PersonMonths(self.row[rows], self.month[rows], self.churned[rows], self.weight[rows])


def young_dates(dates: Sequence[date], end: date, lead_days: int) -> list[date]:
    """Return the as-of dates after the mature ones, at the same step, that have at least one known month.

    Parameters
    ----------
    dates : sequence of date
        Mature as-of dates, oldest first, at least one.
    end : date
        End of the data minus the embargo, exclusive.
    """
    step = dates[-1] - dates[-2] if len(dates) > 1 else timedelta(days=MONTH_DAYS)
    room = end - dates[-1] - timedelta(days=lead_days + MONTH_DAYS)
    return [dates[-1] + step * ahead for ahead in range(1, room // step + 1)]


def landmarks(tables: Tables, matrix: Matrix, rule: ChurnRule, end: date) -> Landmarks:
    """Return the landmarks of a matrix of customers.

    Parameters
    ----------
    matrix : Matrix
        Rows of customers.
    end : date
        End of the data minus the embargo, exclusive.

    Raises
    ------
    InputError
        When there is no churns table, because silence has no day of churn.
    """
    churn_days = days_to_churn(tables, spine_of(tables, matrix.keys), end)
    days = matrix.keys.merge(churn_days, on=KEYS, how="left", validate="one_to_one")["days"].to_numpy(float)
    return Landmarks(matrix, days, end, rule.lead_days).known_at(end)


def person_months(data: Landmarks) -> PersonMonths:
    """Return every known month of every account at risk, with weight 1/k.

    Near months belong to more of the horizons in use, and the signals at as_of say more about them.
    """
    churn = np.where(np.isnan(data.days), np.inf, data.days - data.lead_days)
    starts = MONTH_DAYS * np.arange(MONTHS)
    ends = starts + MONTH_DAYS
    at_risk = (churn[:, None] >= starts) & (data.known_days[:, None] - data.lead_days >= ends)
    row, month = np.nonzero(at_risk)
    return PersonMonths(row, month + 1, churn[row] < ends[month], 1.0 / (month + 1))


def sampled(months: PersonMonths, seed: int) -> PersonMonths:
    """Return all months with a churn and a sample of the others, drawn by weight and weighted by inverse probability.

    The sample holds about ten months per month with a churn, or 20,000 if that is more.
    """
    without_churn = ~months.churned
    size = max(EACH * int(months.churned.sum()), FEWEST)
    if without_churn.sum() <= size:
        return months
    chance = np.minimum(months.weight * size / months.weight[without_churn].sum(), 1.0)
    chance = np.where(months.churned, 1.0, chance)
    kept = np.flatnonzero(np.random.default_rng(seed).random(len(chance)) < chance)
    return replace(months.take(kept), weight=(months.weight / chance)[kept])
