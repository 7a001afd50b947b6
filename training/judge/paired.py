"""Compare two versions on the rows on which both were judged: paired differences with account-clustered intervals.

In: the judged rows of both versions. Out: a `Common`.

A row is in common when account, as-of date and label are the same. Both rankings use the same resamples, so the
difference does not contain what makes a resample easy or hard for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.as_of import KEYS
from features.matrix import Matrix
from training.contacting import Economics
from training.judge.verdict import DECIDING, figure_of
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Interval, difference, intervals, whole
from training.worth.evaluation import date_rows

SUFFIXES = ("_first", "_second")


@dataclass(frozen=True)
class Paired:
    """A figure of both versions on the same rows, and the second minus the first with its interval."""

    first: float
    second: float
    difference: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, None for NaN."""
        figures = {"first": self.first, "second": self.second}
        plain = {name: None if value != value else value for name, value in figures.items()}
        return plain | {"difference": self.difference.as_dict()}


@dataclass(frozen=True)
class Common:
    """Figures of the two versions on the rows on which both were judged.

    Attributes
    ----------
    rows, accounts, churned : int
    as_of : tuple of str
        The dates, ISO, oldest first.
    figures : mapping of measure to Paired
        roc_auc, captured_10 (both 0-1) and profit_at_capacity (currency per account).
    """

    rows: int
    accounts: int
    churned: int
    as_of: tuple[str, ...]
    figures: Mapping[str, Paired]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        figures = {name: paired.as_dict() for name, paired in self.figures.items()}
        return asdict(self) | {"as_of": list(self.as_of), "figures": figures}


@dataclass(frozen=True)
class Matched:
    """The rows on which two versions were both judged, and the number of rows that differ between them.

    Attributes
    ----------
    rows : DataFrame
        account_id, as_of, churned, and revenue_365d, value and probability of each version (`_first`, `_second`).
    relabelled : int
        Rows with the same account and date but another label. They are left out.
    restated : int
        Rows whose revenue differs. The second version's revenue is used.
    """

    rows: pd.DataFrame
    relabelled: int
    restated: int


def match(first: pd.DataFrame, second: pd.DataFrame) -> Matched:
    """Return the rows in common of two frames in the form of `training.registry.run_records.write_judged`."""
    merged = first.merge(second, on=KEYS, suffixes=SUFFIXES, validate="one_to_one")
    same = merged["churned_first"] == merged["churned_second"]
    rows = merged[same].rename(columns={"churned_first": "churned"}).drop(columns="churned_second")
    restated = ~np.isclose(rows["revenue_365d_first"], rows["revenue_365d_second"], rtol=0, atol=0.005)
    return Matched(rows.reset_index(drop=True), int((~same).sum()), int(restated.sum()))


def paired(matched: Matched, economics: Economics, bootstraps: int, seed: int = 0) -> Common | None:
    """Return the paired differences; None when no common date has both outcomes.

    Parameters
    ----------
    economics : Economics
        Cost and value of a contact, the same for both versions.
    bootstraps, seed : int
        Number of resamples and seed of the intervals.
    """
    rows, settings = matched.rows, TrainingSettings(economics=economics)
    data = _dataset(rows)
    if not date_rows(data):
        return None
    probabilities = [rows[f"probability{suffix}"].to_numpy(float) for suffix in SUFFIXES]
    sides = {name: [figure_of(name, data, risk, settings, {}) for risk in probabilities] for name in DECIDING}
    gaps = {name: difference(second, first) for name, (first, second) in sides.items()}
    leads = intervals(data.accounts, gaps, bootstraps, seed)
    return Common(
        rows=len(data),
        accounts=len(np.unique(data.accounts)),
        churned=int(data.churned.sum()),
        as_of=tuple(map(str, data.dates)),
        figures={
            name: Paired(whole(first, len(data)), whole(second, len(data)), leads[name])
            for name, (first, second) in sides.items()
        },
    )


def _dataset(rows: pd.DataFrame) -> Dataset:
    """Return the rows as a dataset without signals, from which figures are computed."""
    facts = pd.DataFrame({"revenue_365d": rows["revenue_365d_second"], "contract_value": rows["value_second"]})
    return Dataset(Matrix(rows[KEYS], pd.DataFrame(index=rows.index), facts), rows["churned"].to_numpy(bool))
