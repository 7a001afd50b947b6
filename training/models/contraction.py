"""Contraction: what revenue is lost through shrinking by accounts that stay, not only through leaving.

In: labelled rows and the invoices of their windows. Out: for every account the share of its revenue that it is expected
to cut if it stays, E[shrink | stays], and with its churn probability the expected loss of a year's revenue,
(1 - p) E[shrink | stays] revenue_365d: beside revenue at risk, p revenue_365d, the other half of gross revenue loss.

shrink = clip(1 - revenue_after / reference, 0, 1), revenue_after what is invoiced in [as_of + lead, as_of + lead +
horizon). The reference is what was invoiced in the same months a year before, as gross revenue retention is reckoned:
a summer that is always weak is no shrinking. On simulated books this share can also be told better than one against
the pace of the whole year (a fifth to a third of the weighted variance, not a tenth to a sixth). Where the months a
year before aren't recorded, the account was no customer or was invoiced nothing then, the reference is the pace,
revenue_365d / days covered x horizon; of less than 90 days there is none. Growth of one account does not make up for
shrinking of another: that would be net retention.

The trees minimise squared error weighted by revenue, so they give means, and means add up to money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import lightgbm
import numpy as np
import pandas as pd

from features.as_of import KEYS, customers
from features.errors import NotEnoughData
from features.matrix import Matrix
from features.signal import all_signals
from features.tables import Tables
from training.models.trees import Encoder, with_tables_removed
from training.models.weights import revenue_weights, without_giants
from training.settings import ChurnRule, FitSettings
from training.slices.dataset import Dataset
from training.slices.labels import invoiced

YEAR = 365
#: Days of invoices from which a pace can be told.
LEAST_COVERED = 90
LEAST_ACCOUNTS = 50


@dataclass(frozen=True)
class Shrinkage:
    """Labelled rows with revenue, and what share of it each lost.

    Attributes
    ----------
    data : Dataset
        n rows with revenue_365d and a reference above 0.
    share : float array of shape (n,)
        clip(1 - revenue_after / reference, 0, 1); it means shrinking only where the account stayed.
    """

    data: Dataset
    share: np.ndarray

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.share)

    def take(self, rows: np.ndarray) -> Shrinkage:
        """Return the rows of a boolean mask or index array."""
        return Shrinkage(self.data.take(rows), self.share[rows])

    @property
    def stayed(self) -> Shrinkage:
        """The rows of accounts that stayed through the window."""
        return self.take(np.flatnonzero(~self.data.churned))


def shrinkage(tables: Tables, data: Dataset, rule: ChurnRule, invoices_since: date) -> Shrinkage:
    """Return what labelled rows lost by shrinking.

    Parameters
    ----------
    data : Dataset
        Rows at mature as-of dates of the rule, all or some of the customers.
    invoices_since : date
        Day of the book's first invoice.
    """
    spine = customers(tables, data.dates, rule.by_silence)

    def sums(first_day: int) -> np.ndarray:
        window = invoiced(tables, spine, first_day, rule.horizon_days)
        return data.matrix.keys.merge(window, on=KEYS, how="left", validate="one_to_one")["revenue"].to_numpy(float)

    recorded = (data.matrix.keys["as_of"] - pd.Timestamp(invoices_since)).dt.days.to_numpy()
    covered = np.minimum(data.matrix.facts["customer_days"].to_numpy(float), recorded)
    reference = _reference(data.revenue, covered, sums(rule.lead_days - YEAR), rule)
    kept = np.flatnonzero((data.revenue > 0) & (reference > 0))
    share = np.clip(1 - sums(rule.lead_days)[kept] / reference[kept], 0, 1)
    return Shrinkage(data.take(kept), share)


def _reference(revenue: np.ndarray, covered: np.ndarray, year_before: np.ndarray, rule: ChurnRule) -> np.ndarray:
    """Revenue to expect in the window: that of the same months a year before, else the pace; 0 where neither is known.

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
    """Fitted trees on signals, with their encoder; LightGBM's text and the categories rebuild it."""

    booster: lightgbm.Booster
    encoder: Encoder

    def share(self, matrix: Matrix) -> np.ndarray:
        """Return the share of its revenue that each account is expected to lose by shrinking if it stays, 0-1."""
        return np.clip(self.booster.predict(self.encoder.encode(matrix.signals)), 0.0, 1.0)


def expected_contraction(probability: np.ndarray, share: np.ndarray, revenue: np.ndarray) -> np.ndarray:
    """Return (1 - p) E[shrink | stays] revenue for each account, shape (n,), in currency a year.

    Parameters
    ----------
    probability : array of shape (n,)
        Churn probability, 0-1.
    share : array of shape (n,)
        See `Contraction.share`.
    revenue : array of shape (n,)
        revenue_365d; what is below 0 counts as 0.

    Examples
    --------
    >>> expected_contraction(np.array([0.2]), np.array([0.25]), np.array([1000.0])).round(6).tolist()
    [200.0]
    """
    return (1 - probability) * share * np.maximum(revenue, 0.0)


def fit_contraction(
    data: Shrinkage, settings: FitSettings, seed: int, rounds: int, encoder: Encoder | None = None
) -> Contraction:
    """Fit the share on the rows that stayed, weighted by revenue; no giant owns the fit.

    Signals carry no monotone constraint here: their directions are said of churn.

    Parameters
    ----------
    rounds : int
        Number of boosting rounds, fixed.
    encoder : Encoder, optional
        That of another model of the same book, to be stored once; by default its own.

    Raises
    ------
    NotEnoughData
        When fewer than 50 accounts stayed and had revenue.
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
