"""Rules of thumb: a sigmoid, fitted on the training rows, turns one reading of the account into a probability.

In: the name of a signal or fact. Out: a `Rival`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from features.matrix import Matrix
from training.models.calibration import fit_platt
from training.rivals.rival import Rival, Score
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

#: Matrix of n rows -> a figure that grows with risk, NaN when it is not known, shape (n,).
Reading = Callable[[Matrix], np.ndarray]


def rule(name: str, reading: Reading, naive: bool = False) -> Rival:
    """Return the rival that uses one reading; an unknown reading counts as the training median.

    When no reading is known (a table is missing), all accounts get the same rank.
    """

    def fit(data: Dataset, settings: TrainingSettings) -> Score:
        learnt = reading(data.matrix)
        known = learnt[~np.isnan(learnt)]
        usual = float(np.median(known)) if len(known) else 0.0

        def filled(matrix: Matrix) -> np.ndarray:
            return np.nan_to_num(reading(matrix), nan=usual)

        calibrate = fit_platt(filled(data.matrix), data.churned)
        return lambda matrix: calibrate(filled(matrix))

    return Rival(name, fit, naive)


def signal(name: str, riskier: int) -> Reading:
    """Return the reading of a signal on a signed log scale; `riskier` is +1 if risk rises with it, else -1."""
    return lambda matrix: _signed_log(riskier * matrix.signals[name].to_numpy(float))


def fact(name: str, riskier: int) -> Reading:
    """Return the reading of a fact, which is never masked, on a signed log scale; `riskier` as in `signal`."""
    return lambda matrix: _signed_log(riskier * matrix.facts[name].to_numpy(float))


def _signed_log(value: np.ndarray) -> np.ndarray:
    return np.sign(value) * np.log1p(np.abs(value))


LAST_SCORE = rule("last score alone", signal("nps_last", -1), naive=True)
SILENCE = rule("silence alone", signal("invitations_unanswered_in_a_row", +1), naive=True)
RECENCY = rule("recency alone", signal("invoice_recency_days", +1), naive=True)
REVENUE = rule("revenue alone", fact("revenue_365d", -1), naive=True)
