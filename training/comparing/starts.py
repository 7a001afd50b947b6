"""The starts of a comparison, with what came of each.

In: a book, what is asked, a comparison. Out: `Labelled`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.as_of import KEYS
from features.tables import Tables
from training.comparing.asked import Asked
from training.comparing.happenings import HISTORY_DAYS, happened, trial_dates
from training.comparing.openings import opened
from training.comparing.treatments import Comparison, Happening
from training.slices.labels import invoiced, labels, spine_of

#: More rows of the others than this are drawn from, with a fixed seed: more make no narrower interval.
MOST_OTHERS = 10_000


def first_start(comparison: Comparison, recorded: dict[str, date]) -> date:
    """Return the first day on which an account may start: its table and invoices are recorded for long enough."""
    quiet = comparison.by.quiet_days or 0 if isinstance(comparison.by, Happening) else 0
    own = recorded[comparison.table] + timedelta(days=quiet)
    return max(own, recorded["invoices"] + timedelta(days=HISTORY_DAYS))


def starts_of(tables: Tables, asked: Asked, comparison: Comparison, first: date) -> pd.DataFrame:
    """Return the starts from `first` on: account_id (str), as_of (datetime64[us]), treated (bool), `loop_...`."""
    if not isinstance(comparison.by, Happening):
        return _drawn(opened(tables, asked, comparison, first))
    dates = trial_dates(asked, comparison, first)
    rows = happened(tables, asked, comparison, dates)
    # A trial without a treated row has nothing to compare its others with.
    return _drawn(rows[rows.groupby("as_of")["treated"].transform("any")].reset_index(drop=True))


@dataclass(frozen=True)
class Labelled:
    """Starts with their outcomes, sorted by key: those that churned before the window are left out."""

    comparison: Comparison
    starts: pd.DataFrame
    churned: np.ndarray
    revenue: np.ndarray

    @classmethod
    def of(cls, tables: Tables, asked: Asked, comparison: Comparison, starts: pd.DataFrame) -> Labelled:
        """Find out what came of each start."""
        rule, spine = asked.rule_of(comparison), spine_of(tables, starts[KEYS])
        outcome = labels(tables, spine, rule).merge(
            invoiced(tables, spine, rule.lead_days, rule.horizon_days), on=KEYS
        )  # fmt: skip
        outcome = outcome.astype({"as_of": "datetime64[us]"})
        rows = starts.merge(outcome, on=KEYS).sort_values(KEYS, ignore_index=True)
        return cls(comparison, rows, rows["churned"].to_numpy(bool), rows["revenue"].to_numpy(float))

    @property
    def treated(self) -> np.ndarray:
        """Whether each row is treated, shape (rows,)."""
        return self.starts["treated"].to_numpy(bool)

    @property
    def accounts(self) -> np.ndarray:
        """The account of each row, shape (rows,)."""
        return self.starts["account_id"].to_numpy()


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    others = np.flatnonzero(~rows["treated"].to_numpy(bool))
    if len(others) <= MOST_OTHERS:
        return rows
    kept = np.random.default_rng(0).choice(others, MOST_OTHERS, replace=False)
    return rows.iloc[np.union1d(np.flatnonzero(rows["treated"]), kept)].reset_index(drop=True)
