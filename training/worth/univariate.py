"""What one signal achieves alone: its ROC AUC, and the values at which churn is surest.

Nulls count as a value of their own: for the ROC AUC below or above all others, whichever tells more. Many signals of
many rows are looked at, so each is sorted once and the rest is counted along the order.

References
----------
Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.slices.dataset import Dataset

#: Standard errors between a churn rate and the least that it may be.
ERRORS = 2.0


@dataclass(frozen=True)
class Rows:
    """A dataset's rows, those of an account together, n in all.

    Attributes
    ----------
    order : int array of shape (n,)
        Leads from the dataset's rows to these.
    churned, dates, accounts : int arrays of shape (n,)
        0 or 1; as-of dates and accounts, numbered from 0.
    """

    order: np.ndarray
    churned: np.ndarray
    dates: np.ndarray
    accounts: np.ndarray

    @classmethod
    def of(cls, data: Dataset) -> Rows:
        """Return a dataset's rows."""
        accounts = np.unique(data.accounts.astype(str), return_inverse=True)[1]
        # Small integers are sorted by radix, which pays: the dates are sorted once a signal.
        dates = np.unique(data.as_of, return_inverse=True)[1].astype(np.int16)
        order = np.argsort(accounts, kind="stable")
        return cls(order, data.churned[order].astype(np.int64), dates[order], accounts[order])


@dataclass(frozen=True)
class Region:
    """Values of a signal, all from `low` to `high` (both not numbers: null), and the rows that have them.

    Attributes
    ----------
    low, high : float
        Infinite where there is no such bound.
    churned, rows, accounts : int
        Churned rows, rows, and distinct accounts among the rows.
    least_rate : float
        What the churn rate is at the least, were every account counted once, 0-1.
    """

    low: float
    high: float
    churned: int
    rows: int
    accounts: int
    least_rate: float


@dataclass(frozen=True)
class SortedSignal:
    """The rows by a signal's rising value, nulls last, those of one value by account.

    Attributes
    ----------
    rows : Rows
    order : int array of shape (n,)
        Leads from the rows to this order.
    starts : int array of shape (values,)
        Where each value begins.
    values : float array of shape (values,)
        The distinct values; the last one is NaN when there are nulls.
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
        """Return the ROC AUC in its better direction, mean over the dates where both outcomes and two values occur.

        Returns
        -------
        float
            .5-1; .5 where there is no such date.
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
        """Return every value alone, all up to it, and all from it on.

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
        # Within a value the rows lie by account, so that one begins wherever the account changes.
        begins = np.append(True, accounts[1:] != accounts[:-1])
        begins[self.starts] = True
        count = np.diff(np.append(self.starts, len(churned)))
        lost, owners = (np.add.reduceat(part, self.starts) for part in (churned, begins.astype(int)))
        return np.stack([self.values, self.values, lost, count, owners])

    def _counts_by_date(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Churned and stayed rows of every date and value, in that order; the date; whether the value is null."""
        number = np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(self.order))))
        dates = self.rows.dates[self.order]
        by_date = np.argsort(dates, kind="stable")
        number, dates, churned = number[by_date], dates[by_date], self.rows.churned[self.order][by_date]
        starts = np.flatnonzero(np.append(True, (np.diff(dates) != 0) | (np.diff(number) != 0)))
        lost = np.add.reduceat(churned, starts)
        stayed = np.diff(np.append(starts, len(churned))) - lost
        return lost, stayed, dates[starts], np.isnan(self.values[number[starts]])


def surest(regions: np.ndarray, least_churned: float, sure: float) -> Region:
    """Return the region with most churned rows among those whose churn rate is surely `sure` or above.

    Parameters
    ----------
    regions : array of shape (5, regions)
        As `SortedSignal.regions` gives them.
    least_churned : float
        Churned rows that a region must hold, not more than there are.
    sure : float
        0-1. Where no region reaches it, the one that comes nearest is returned.
    """
    regions = regions[:, regions[2] >= least_churned]
    rate = _wilson_low(regions[2] / regions[3], regions[4])
    best = int(np.argmax(np.where(rate >= sure, 1 + regions[2], rate)))
    low, high, churned, rows, accounts = regions[:, best].tolist()
    return Region(low, high, int(churned), int(rows), int(accounts), float(rate[best]))


def _first_of_each(accounts: np.ndarray) -> np.ndarray:
    """Return 1 where an account occurs first, else 0."""
    first = np.full(accounts.max(initial=-1) + 1, -1)
    first[accounts[::-1]] = np.arange(len(accounts))[::-1]  # what is written last, the first occurrence, stays
    marks = np.zeros(len(accounts), dtype=int)
    marks[first[first >= 0]] = 1
    return marks


def _wilson_low(rate: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """Lower end of Wilson's interval of a rate that so many accounts show."""
    square = ERRORS**2 / accounts
    spread = np.sqrt(square * (rate * (1 - rate) + square / 4))
    return np.asarray((rate + square / 2 - spread) / (1 + square))
