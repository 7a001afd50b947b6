"""What one signal achieves alone: its ROC AUC, and the values at which churn is surest.

In: a dataset and one column of it. Out: a ROC AUC and regions of values.

Nulls count as one value of their own. For the ROC AUC that value lies below or above all others, on the side that ranks
better. There are many signals and rows, so each signal is sorted once and all counts follow that order.

References
----------
Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.slices.dataset import Dataset

#: Standard errors between a churn rate and its lower bound.
ERRORS = 2.0


@dataclass(frozen=True)
class Rows:
    """The n rows of a dataset, grouped by account.

    Attributes
    ----------
    order : int array of shape (n,)
        Row number in the dataset of each of these rows.
    churned, dates, accounts : int arrays of shape (n,)
        0 or 1; number of the as-of date, from 0; number of the account, from 0.
    """

    order: np.ndarray
    churned: np.ndarray
    dates: np.ndarray
    accounts: np.ndarray

    @classmethod
    def of(cls, data: Dataset) -> Rows:
        """Group the rows of a dataset by account."""
        accounts = np.unique(data.accounts.astype(str), return_inverse=True)[1]
        # NumPy sorts small integers by radix. That is worthwhile, because the dates are sorted once per signal.
        dates = np.unique(data.as_of, return_inverse=True)[1].astype(np.int16)
        order = np.argsort(accounts, kind="stable")
        return cls(order, data.churned[order].astype(np.int64), dates[order], accounts[order])


@dataclass(frozen=True)
class Region:
    """The values of a signal from `low` to `high` (both NaN: null), and the rows with such a value.

    Attributes
    ----------
    low, high : float
        Infinite when the region has no such bound.
    churned, rows, accounts : int
        Churned rows, rows, and distinct accounts among the rows.
    least_rate : float
        Lower bound of the churn rate, 0-1, with every account counted once.
    """

    low: float
    high: float
    churned: int
    rows: int
    accounts: int
    least_rate: float


@dataclass(frozen=True)
class SortedSignal:
    """The rows sorted by a signal's rising value, nulls last, and by account within a value.

    Attributes
    ----------
    rows : Rows
    order : int array of shape (n,)
        Number in `rows` of each row in this order.
    starts : int array of shape (values,)
        Position at which each value begins.
    values : float array of shape (values,)
        Distinct values; the last one is NaN when there are nulls.
    """

    rows: Rows
    order: np.ndarray
    starts: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, column: np.ndarray, rows: Rows) -> SortedSignal:
        """Sort a column of the dataset, NaN where null, shape (n,)."""
        column = column[rows.order]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        new = np.append(True, ordered[1:] != ordered[:-1])
        new[len(new) - int(np.isnan(column).sum()) + 1 :] = False
        starts = np.flatnonzero(new)
        return cls(rows, order, starts, ordered[starts])

    def roc_auc(self) -> float:
        """Return the ROC AUC in its better direction, mean over the dates with both outcomes and at least two values.

        Returns
        -------
        float
            .5-1; .5 when there is no such date.
        """
        lost, stayed, date, null = self._counts_by_date()
        all_lost, all_stayed = np.bincount(date, lost), np.bincount(date, stayed)
        below = np.cumsum(stayed) - stayed - (np.cumsum(all_stayed) - all_stayed)[date]
        nulls_last = np.bincount(date, lost * (below + stayed / 2))
        null_lost, null_stayed = np.bincount(date, lost * null), np.bincount(date, stayed * null)
        nulls_first = nulls_last - null_lost * (all_stayed - null_stayed) + (all_lost - null_lost) * null_stayed
        pairs = all_lost * all_stayed
        usable = (pairs > 0) & (np.bincount(date) > 1)
        if not usable.any():
            return 0.5
        means = [float((won[usable] / pairs[usable]).mean()) for won in (nulls_last, nulls_first)]
        return max(0.5 + abs(mean - 0.5) for mean in means)

    def regions(self) -> np.ndarray:
        """Return three regions for every value: the value alone, all values up to it, and all values from it on.

        Returns
        -------
        array of shape (5, regions)
            Lowest and highest value, churned rows, rows, distinct accounts.
        """
        single, accounts = self._single(), self.rows.accounts[self.order]
        known = int((~np.isnan(self.values)).sum())
        if not known:
            return single
        first, end = self.starts[:known], self.starts[known] if known < len(self.values) else len(accounts)
        upward, downward = single[:, :known].copy(), single[:, :known][:, ::-1].copy()
        upward[4] = np.add.reduceat(_first_of_each(accounts[:end]), first)
        downward[4] = np.add.reduceat(_first_of_each(accounts[:end][::-1])[::-1], first)[::-1]
        for tails in (upward, downward):
            tails[2:] = np.cumsum(tails[2:], axis=1)
        upward[0], downward[1] = -np.inf, np.inf
        return np.concatenate([single, upward, downward], axis=1)

    def _single(self) -> np.ndarray:
        churned, accounts = self.rows.churned[self.order], self.rows.accounts[self.order]
        # Within a value the rows are sorted by account, so a new account begins at each change.
        begins = np.append(True, accounts[1:] != accounts[:-1])
        begins[self.starts] = True
        count = np.diff(np.append(self.starts, len(churned)))
        lost, owners = (np.add.reduceat(part, self.starts) for part in (churned, begins.astype(int)))
        return np.stack([self.values, self.values, lost, count, owners])

    def _counts_by_date(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return churned rows, stayed rows, date, and whether the value is null, for each date and value that occur."""
        number = np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(self.order))))
        dates = self.rows.dates[self.order]
        by_date = np.argsort(dates, kind="stable")
        number, dates, churned = number[by_date], dates[by_date], self.rows.churned[self.order][by_date]
        starts = np.flatnonzero(np.append(True, (np.diff(dates) != 0) | (np.diff(number) != 0)))
        lost = np.add.reduceat(churned, starts)
        stayed = np.diff(np.append(starts, len(churned))) - lost
        return lost, stayed, dates[starts], np.isnan(self.values[number[starts]])


def surest(regions: np.ndarray, least_churned: float, sure: float) -> Region:
    """Return the region with the most churned rows among those whose lower bound of the churn rate reaches `sure`.

    Parameters
    ----------
    regions : array of shape (5, regions)
        As `SortedSignal.regions` gives them.
    least_churned : float
        Fewest churned rows of a region; at most the number of churned rows.
    sure : float
        0-1. When no region reaches it, the region with the highest lower bound is returned.
    """
    regions = regions[:, regions[2] >= least_churned]
    rate = _wilson_low(regions[2] / regions[3], regions[4])
    best = int(np.argmax(np.where(rate >= sure, 1 + regions[2], rate)))
    low, high, churned, rows, accounts = regions[:, best].tolist()
    return Region(low, high, int(churned), int(rows), int(accounts), float(rate[best]))


def _first_of_each(accounts: np.ndarray) -> np.ndarray:
    """Return 1 at the first row of each account, else 0; shape as given."""
    first = np.full(accounts.max(initial=-1) + 1, -1)
    first[accounts[::-1]] = np.arange(len(accounts))[::-1]  # the last write, at the first occurrence, remains
    marks = np.zeros(len(accounts), dtype=int)
    marks[first[first >= 0]] = 1
    return marks


def _wilson_low(rate: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """Return the lower end of Wilson's interval of rates, from the number of accounts behind each."""
    square = ERRORS**2 / accounts
    spread = np.sqrt(square * (rate * (1 - rate) + square / 4))
    return np.asarray((rate + square / 2 - spread) / (1 + square))
