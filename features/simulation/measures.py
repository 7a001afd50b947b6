"""Measure a book: the marginal hazard ratios and other figures that the simulation is calibrated to.

In: the contract's tables as pandas frames (`tables_in_memory`, or any book read in the same form). Out: a `Measure` for
each published hazard ratio.

On the first of each month, what was known then puts every customer into groups. The contract's time rules apply: an
answer counts from `answered_at`, a closing from `closed_at`. The hazard of a group is its churns within the month over
its customer months. The ratio of two groups is marginal: nothing else is held equal. The published figures are marginal
too; the project's data notes collect them (customer-success and closed-loop studies of B2B suppliers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.simulation.ground.world import BoolArray, FloatArray, IntArray

#: Whole months of history that the groups need.
_HISTORY_MONTHS = 12
_WAVE_MONTHS = 7  # a half-year between two waves, give or take the days within a month
_NEVER_CLOSED_MONTHS = 3
_FAST_HOURS = 48
_RESPONSE_FALL = 0.35

#: The published ranges. Two ratios are published as one figure; their ranges leave room for the noise of a book.
RANGES: dict[str, tuple[float, float]] = {
    "falling_response_or_silence": (2.0, 3.0),
    "detractor": (1.8, 2.5),
    "passive": (1.3, 1.6),
    "single_contact": (1.5, 2.0),
    "loop_never_closed": (1.05, 1.40),
    "loop_closed_48h": (0.78, 0.98),
}


@dataclass(frozen=True)
class Measure:
    """A measured hazard ratio with its 95 % interval, the churns of both groups, and its published range."""

    name: str
    ratio: float
    low: float
    high: float
    churns: tuple[int, int]
    target: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether the ratio lies within the range."""
        return self.target[0] <= self.ratio <= self.target[1]


@dataclass(frozen=True)
class _Grid:
    """Which accounts are customers on the first of each month and which churn within it, arrays (accounts x months)."""

    account: pd.Index
    first_month: int
    months: int
    customer: BoolArray
    churns: BoolArray

    def rows(self, frame: pd.DataFrame) -> IntArray:
        """Row of each record's account in the grid, shape (records,)."""
        return np.asarray(self.account.get_indexer(pd.Index(frame["account_id"])), dtype=np.int64)

    def month(self, moments: pd.Series) -> IntArray:
        """Month of each moment, shape (records,); 10,000 for a moment that never comes."""
        stamps = pd.to_datetime(moments)
        month = (stamps.dt.year - 1970) * 12 + stamps.dt.month - 1 - self.first_month
        return np.asarray(month.fillna(10_000), dtype=np.int64)

    def count(self, row: IntArray, month: IntArray) -> FloatArray:
        """Number of records known by the first of each month (accounts x months + 1)."""
        inside = month < self.months
        total = np.zeros((len(self.account), self.months + 1))
        np.add.at(total, (row[inside], np.maximum(month[inside], -1) + 1), 1.0)
        return np.cumsum(total, axis=1)


def measure(tables: Mapping[str, pd.DataFrame], ends_on: date, months: int) -> dict[str, Measure]:
    """Measure all hazard ratios of `RANGES` in a book whose window of `months` ends before `ends_on`.

    Parameters
    ----------
    tables : mapping of table name to DataFrame
        Needs accounts, churns, surveys, contacts and loops.
    ends_on : date
        First day of a month, exclusive.
    months : int
        Length of the window.
    """
    grid = _grid(tables, ends_on, months)
    detractor, passive, promoter = _classes(grid, tables["surveys"])
    falling, steady = _response(grid, tables["surveys"])
    single, several = _contacts(grid, tables["contacts"])
    left_open, all_closed = _left_open(grid, tables["loops"])
    fast, slow = _closed_fast(grid, tables["loops"])
    pairs = {
        "falling_response_or_silence": (falling, steady),
        "detractor": (detractor, promoter),
        "passive": (passive, promoter),
        "single_contact": (single, several),
        "loop_never_closed": (left_open, all_closed),
        "loop_closed_48h": (fast, slow),
    }
    return {name: _ratio(grid, name, *pair) for name, pair in pairs.items()}


def _grid(tables: Mapping[str, pd.DataFrame], ends_on: date, months: int) -> _Grid:
    accounts = tables["accounts"]
    first = (ends_on.year - 1970) * 12 + ends_on.month - 1 - months
    index = pd.Index(accounts["account_id"])
    month = np.arange(months)
    blank = _Grid(index, first, months, np.empty((0, 0), bool), np.empty((0, 0), bool))
    since = blank.month(accounts["customer_since"])
    churned = np.full(len(index), 10_000)
    churned[blank.rows(tables["churns"])] = blank.month(tables["churns"]["churned_on"])
    customer = (since[:, None] < month) & (churned[:, None] >= month) & (month >= _HISTORY_MONTHS)
    return _Grid(index, first, months, customer, churned[:, None] == month)


def _ratio(grid: _Grid, name: str, group: BoolArray, reference: BoolArray) -> Measure:
    churns, at_risk = [], []
    for members in (group, reference):
        churns.append(int((members & grid.customer & grid.churns).sum()))
        at_risk.append(int((members & grid.customer).sum()))
    if min(churns) == 0:
        return Measure(name, float("nan"), 0.0, float("inf"), (churns[0], churns[1]), RANGES[name])
    ratio = churns[0] / at_risk[0] / (churns[1] / at_risk[1])
    spread = float(np.exp(1.96 * np.sqrt(1 / churns[0] + 1 / churns[1])))
    return Measure(name, ratio, ratio / spread, ratio * spread, (churns[0], churns[1]), RANGES[name])


def _last(grid: _Grid, row: IntArray, moment: pd.Series, value: FloatArray) -> FloatArray:
    """Return the value of the last record of the 12 months before the first of each month, NaN without one."""
    order = np.argsort(pd.to_datetime(moment).to_numpy(), kind="stable")
    month = grid.month(moment)[order]
    table = np.full((len(grid.account), grid.months + 1), np.nan)
    inside = (month >= 0) & (month < grid.months)
    table[row[order][inside], month[inside] + 1] = value[order][inside]
    return pd.DataFrame(table).ffill(axis=1, limit=_HISTORY_MONTHS - 1).to_numpy()[:, : grid.months]


def _classes(grid: _Grid, surveys: pd.DataFrame) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Accounts by the last score within a year: 0 to 6, 7 or 8, 9 or 10."""
    answered = surveys[surveys["answered_at"].notna() & surveys["score"].notna()]
    score = _last(grid, grid.rows(answered), answered["answered_at"], answered["score"].to_numpy(dtype=float))
    return score <= 6, (score >= 7) & (score <= 8), score >= 9


def _response(grid: _Grid, surveys: pd.DataFrame) -> tuple[BoolArray, BoolArray]:
    """Accounts that used to answer the relationship survey: last wave's response far below the earlier rate, or not."""
    waves = surveys[surveys["kind"] == "relationship"]
    row = grid.rows(waves)
    sent = grid.count(row, grid.month(waves["sent_at"]))
    answered = grid.count(row, grid.month(waves["answered_at"]))
    lag = np.pad(sent, ((0, 0), (_WAVE_MONTHS, 0)))[:, : grid.months]
    lag_answered = np.pad(answered, ((0, 0), (_WAVE_MONTHS, 0)))[:, : grid.months]
    sent_now, answered_now = sent[:, : grid.months] - lag, answered[:, : grid.months] - lag_answered
    with np.errstate(invalid="ignore", divide="ignore"):
        rate_now, rate_before = answered_now / sent_now, lag_answered / lag
    known = (sent_now > 0) & (lag_answered > 0)
    falls = (answered_now == 0) | (rate_now <= rate_before - _RESPONSE_FALL)
    return known & falls, known & ~falls


def _contacts(grid: _Grid, contacts: pd.DataFrame) -> tuple[BoolArray, BoolArray]:
    """One active contact, or more."""
    row = grid.rows(contacts)
    came = grid.count(row, grid.month(contacts["valid_from"]))
    active = (came - grid.count(row, grid.month(contacts["valid_to"])))[:, : grid.months]
    return active == 1, active > 1


def _left_open(grid: _Grid, loops: pd.DataFrame) -> tuple[BoolArray, BoolArray]:
    """Loops opened 3 to 12 months ago: at least one still open, or all closed."""
    row, opened, closed = grid.rows(loops), grid.month(loops["opened_at"]), grid.month(loops["closed_at"])
    shape = (len(grid.account), grid.months)
    any_open, any_loop = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for month in range(grid.months):
        old = (opened < month - _NEVER_CLOSED_MONTHS) & (opened >= month - _HISTORY_MONTHS)
        any_loop[row[old], month] = True
        any_open[row[old & (closed >= month)], month] = True
    return any_open, any_loop & ~any_open


def _closed_fast(grid: _Grid, loops: pd.DataFrame) -> tuple[BoolArray, BoolArray]:
    """The last loop closed within a year: within 48 hours, or later."""
    closed = loops[loops["closed_at"].notna()]
    hours = (closed["closed_at"] - closed["opened_at"]).dt.total_seconds().to_numpy() / 3600
    fast = _last(grid, grid.rows(closed), closed["closed_at"], (hours <= _FAST_HOURS).astype(float))
    return fast == 1, fast == 0
