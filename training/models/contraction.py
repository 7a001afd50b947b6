"""Contraction: the revenue lost because accounts that stay buy less.

In: labelled rows and the invoices of their windows. Out: for every account the share of its revenue that it is expected
to cut if it stays, E[shrink | stays]; with its churn probability p, the expected loss of a year's revenue,
(1 - p) E[shrink | stays] revenue_365d. Gross revenue loss is the sum of this loss and of revenue at risk,
p revenue_365d.

shrink = clip(1 - revenue_after / reference, 0, 1), where revenue_after is the sum invoiced in [as_of + lead, as_of +
lead + horizon). The reference is the sum invoiced in the same months a year before, as in gross revenue retention: a
summer that is always weak is no shrinking. On simulated books this share is also easier to predict than a share against
the pace of the whole year (a fifth to a third of the weighted variance, against a tenth to a sixth).

The reference is the pace, revenue_365d / days covered x horizon, in three cases: the months a year before are not
recorded, the account was no customer then, or it had no revenue then. With less than 90 days covered there is no
reference, and none for an account that is billed too seldom for the window, or once so far: a yearly invoice that is
not due is no shrinking. Growth of one account does not offset the shrinking of another; that would be net retention.

The trees minimise squared error weighted by revenue. So they predict means, and means add up to money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import lightgbm
import numpy as np
import pandas as pd

from features.as_of import KEYS
from features.errors import NotEnoughData
from features.matrix import Matrix
from features.signal import all_signals
from features.tables import Tables
from training.models.trees import Encoder, with_tables_removed
from training.models.weights import revenue_weights, without_giants
from training.settings import ChurnRule, FitSettings
from training.slices.dataset import Dataset
from training.slices.labels import invoiced, spine_of

YEAR = 365
#: Fewest days of invoices that give a pace.
LEAST_COVERED = 90
LEAST_ACCOUNTS = 50
#: Longest usual gap between invoices, as a share of the window, of an account whose window tells what it buys.
LONGEST_GAP = 0.75


@dataclass(frozen=True)
class Shrinkage:
    """Labelled rows with revenue, and the share of it that each lost.

    Attributes
    ----------
    data : Dataset
        n rows with revenue_365d and a reference above 0.
    share : float array of shape (n,)
        clip(1 - revenue_after / reference, 0, 1). It means shrinking only if the account stayed.
    """

    data: Dataset
    share: np.ndarray

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.share)

    def take(self, rows: np.ndarray) -> Shrinkage:
        """Return the rows of a boolean mask of shape (n,) or of an index array."""
        return Shrinkage(self.data.take(rows), self.share[rows])

    @property
    def stayed(self) -> Shrinkage:
        """The rows of accounts that stayed through the window."""
        return self.take(np.flatnonzero(~self.data.churned))


def shrinkage(tables: Tables, data: Dataset, rule: ChurnRule, invoices_since: date) -> Shrinkage:
    """Return the share of revenue that labelled rows lost by shrinking; rows without a reference are left out.

    Parameters
    ----------
    data : Dataset
        Rows of all or some customers at mature as-of dates.
    rule : ChurnRule
        The rule of their labels: lead and horizon in days.
    invoices_since : date
        Day of the book's first invoice.
    """
    spine = spine_of(tables, data.matrix.keys)

    def sums(first_day: int) -> np.ndarray:
        window = invoiced(tables, spine, first_day, rule.horizon_days)
        return data.matrix.keys.merge(window, on=KEYS, how="left", validate="one_to_one")["revenue"].to_numpy(float)

    recorded = (data.matrix.keys["as_of"] - pd.Timestamp(invoices_since)).dt.days.to_numpy()
    covered = np.minimum(data.matrix.facts["customer_days"].to_numpy(float), recorded)
    reference = _reference(data.revenue, covered, sums(rule.lead_days - YEAR), rule)
    # A comparison with null is false: who was billed once has no gap yet.
    often = data.matrix.signals["invoice_gap_p50_days"].to_numpy(float) <= LONGEST_GAP * rule.horizon_days
    kept = np.flatnonzero((data.revenue > 0) & (reference > 0) & often)
    share = np.clip(1 - sums(rule.lead_days)[kept] / reference[kept], 0, 1)
    return Shrinkage(data.take(kept), share)


def _reference(revenue: np.ndarray, covered: np.ndarray, year_before: np.ndarray, rule: ChurnRule) -> np.ndarray:
    """Return the revenue to expect in the window: of the same months a year before, else the pace, else 0.

    Parameters
    ----------
    covered : array of shape (n,)
        Days before as_of in which the account was a customer and invoices were recorded.
    """
    same_months = (covered >= YEAR - rule.lead_days) & (year_before > 0) & (rule.reach_days <= YEAR)
    pace = revenue / np.clip(covered, 1, YEAR) * rule.horizon_days
    return np.where(same_months, year_before, np.where(covered >= LEAST_COVERED, pace, 0.0))


@dataclass(frozen=True)
class Contraction:
    """Fitted trees on signals, with their encoder. A bundle stores LightGBM's text and the encoder's categories."""

    booster: lightgbm.Booster
    encoder: Encoder

    def share(self, matrix: Matrix) -> np.ndarray:
        """Return the expected share of revenue lost by shrinking if the account stays, 0-1, shape (rows,)."""
        return np.clip(self.booster.predict(self.encoder.encode(matrix.signals)), 0.0, 1.0)


def expected_contraction(probability: np.ndarray, share: np.ndarray, revenue: np.ndarray) -> np.ndarray:
    """Return (1 - p) E[shrink | stays] revenue for each account, shape (n,), in currency per year.

    Parameters
    ----------
    probability : array of shape (n,)
        Churn probability, 0-1.
    share : array of shape (n,)
        See `Contraction.share`.
    revenue : array of shape (n,)
        revenue_365d in currency; a negative one counts as 0.

    Examples
    --------
    >>> expected_contraction(np.array([0.2]), np.array([0.25]), np.array([1000.0])).round(6).tolist()
    [200.0]
    """
    return (1 - probability) * share * np.maximum(revenue, 0.0)


def fit_contraction(
    data: Shrinkage, settings: FitSettings, seed: int, rounds: int, encoder: Encoder | None = None
) -> Contraction:
    """Fit the share on the rows that stayed, weighted by revenue, with the weight of giant accounts capped.

    There are no monotone constraints, because the directions of the signals refer to churn.

    Parameters
    ----------
    rounds : int
        Number of boosting rounds, fixed.
    encoder : Encoder, optional
        Encoder of another model of the same book, so that a bundle stores it once. By default a new one.

    Raises
    ------
    NotEnoughData
        When fewer than 50 accounts with revenue stayed.
    """
    stayed = data.stayed
    accounts = len(np.unique(stayed.data.accounts))
    if accounts < LEAST_ACCOUNTS:
        raise NotEnoughData(f"{accounts} accounts stayed and had revenue: at least {LEAST_ACCOUNTS} are needed")
    signals = all_signals()
    frame = stayed.data.matrix.signals
    if encoder is None:
        encoder = Encoder.of(frame, [signal.name for signal in signals if signal.is_text])
    names = [signal.name for signal in signals]
    train = lightgbm.Dataset(
        with_tables_removed(encoder.encode(frame), settings.removed_share, seed),
        stayed.share,
        weight=without_giants(revenue_weights(stayed.data.revenue), stayed.data.accounts),
        feature_name=names,
        categorical_feature=[name for name in names if name in encoder.categories],
    )
    parameters = settings.parameters(seed) | {"objective": "regression"}
    parameters["min_data_in_leaf"] = max(5, min(settings.min_data_in_leaf, len(stayed) // 50))
    return Contraction(lightgbm.train(parameters, train, num_boost_round=rounds), encoder)
