"""A discrete-time hazard of churn by month, learnt by landmarking.

In: landmarks (see `training.models.landmarks`). Out: for every account the probability h_k of churning in month
k = 1 to 12, given that it survived the months before; from it the risk within any horizon, P = 1 - prod(1 - h_k), and
the restricted mean time (see `training.models.survival`).

The columns are the signals at as_of, the month k, and the clocks. A clock is a signal whose value on the month's first
day the calendar determines: `contract_days_to_end` minus the days since as_of. Without the clock, trees must learn for
each k separately at which distance from its end a term is dangerous, and the hazard ranks worse than the single-horizon
model.

A sample of the months without a churn keeps the fit as small as the single-horizon one. Rows have single precision, as
signals do. The hazard is not calibrated: on simulated books a sigmoid fitted on forward out-of-fold months made the
risk worse. When the risk is shown together with the single-horizon model's probability, take its level from that
probability (`training.models.survival.anchored`), so that the two never contradict each other.

References
----------
Singer & Willett, "It's about time: using discrete-time survival analysis to study duration and the timing of events",
1993. van Houwelingen, "Dynamic prediction by landmarking in event history analysis", 2007. King & Zeng, "Logistic
regression in rare events data", 2001 (weights of a sample drawn by outcome).
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np

from features.errors import NotEnoughData
from features.matrix import Matrix
from features.signal import all_signals, signal_names
from training.contacting import Economics
from training.models.ground import Ground
from training.models.landmarks import MONTHS, Landmarks, person_months, sampled
from training.models.survival import MONTH_DAYS, restricted_mean, risk_within
from training.models.trees import Encoder, with_tables_removed
from training.settings import FitSettings

#: Signal at as_of -> its column on the month's first day, and its change per day.
CLOCKS = {"contract_days_to_end": ("contract_days_to_end_then", -1)}
MONTH = "month"


@dataclass(frozen=True)
class Hazard:
    """Fitted trees on signals, month and clocks, with the encoder of the signals."""

    booster: lightgbm.Booster
    encoder: Encoder

    def monthly(self, matrix: Matrix) -> np.ndarray:
        """Return the hazards h_k of shape (rows, 12), each 0-1."""
        encoded = self.encoder.encode(matrix.signals)
        months = [np.full(len(encoded), month) for month in range(1, MONTHS + 1)]
        return np.column_stack([self.booster.predict(at_month(encoded, month)) for month in months])

    def risk(self, matrix: Matrix, days: float) -> np.ndarray:
        """Return the probability of churning within `days` of as_of + lead, shape (rows,)."""
        return risk_within(self.monthly(matrix), days)

    def restricted_mean_days(self, matrix: Matrix, days: float = 365) -> np.ndarray:
        """Return the mean of min(days from as_of + lead to the churn, `days`), shape (rows,)."""
        return restricted_mean(self.monthly(matrix), days)


def fit_hazard(
    data: Landmarks, settings: FitSettings, seed: int, rounds: int, encoder: Encoder | None = None
) -> Hazard:
    """Fit the hazard of each month, without weights by revenue.

    Parameters
    ----------
    rounds : int
        Number of boosting rounds, fixed. 160 ranked best on simulated books; 120 to 240 differ little.
    encoder : Encoder, optional
        Encoder of another model of the same book, so that a bundle stores it once. By default a new one.

    Raises
    ------
    NotEnoughData
        When no known month, or every known month, ended in a churn.
    """
    months = sampled(person_months(data), seed)
    if not 0 < months.churned.sum() < len(months.churned):
        raise NotEnoughData(f"{months.churned.sum()} of {len(months.churned)} months known ended in a churn")
    signals = all_signals()
    if encoder is None:
        encoder = Encoder.of(data.matrix.signals, [signal.name for signal in signals if signal.is_text])
    used, row = np.unique(months.row, return_inverse=True)
    encoded = encoder.encode(data.matrix.take(used).signals).astype(np.float32)[row]
    rows = at_month(with_tables_removed(encoded, settings.removed_share, seed), months.month)
    directions = {signal.name: signal.monotone for signal in signals}
    directions |= dict.fromkeys([MONTH, *(then for then, _ in CLOCKS.values())], 0)
    ground = Ground(rows, months.churned, directions, encoder.categories, settings, seed)
    return Hazard(ground.grow(months.weight, rounds, "none", Economics()), encoder)


def at_month(encoded: np.ndarray, month: np.ndarray) -> np.ndarray:
    """Return encoded signals with the month k, and with the clocks on the first day of that month.

    Parameters
    ----------
    encoded : float array of shape (n, signals)
    month : int array of shape (n,)
        From 1.

    Returns
    -------
    float32 array of shape (n, signals + 1 + clocks)
    """
    names = signal_names()
    days = MONTH_DAYS * (month - 1)
    clocks = [encoded[:, names.index(name)] + by_day * days for name, (_, by_day) in CLOCKS.items()]
    return np.column_stack([encoded, month, *clocks]).astype(np.float32)
