"""The buying model by itself, and with logistic regression: what a catalogue merchant's analyst would use.

In: a dataset. Out: the rivals `BG_NBD` and `WITH_LOGISTIC`.
"""

from __future__ import annotations

from training.experts.buying import fit_buying
from training.models.calibration import fit_platt
from training.rivals.logistic import LOGISTIC
from training.rivals.rival import Rival, Score, constant, mean_in_log_odds
from training.settings import TrainingSettings
from training.slices.dataset import Dataset


def _buying(data: Dataset, settings: TrainingSettings) -> Score:
    """Fit BG/NBD or MBG/NBD on the latest slice, without outcomes; a sigmoid of its log-odds is fitted on all rows."""
    latest = data.on(data.dates[-1:])
    expert = fit_buying(latest.matrix, settings.rule.lead_days, settings.rule.horizon_days)
    if expert is None:
        return constant(data)
    calibrate = fit_platt(expert.margin(data.matrix), data.churned)
    return lambda matrix: calibrate(expert.margin(matrix))


def _with_logistic(data: Dataset, settings: TrainingSettings) -> Score:
    """Return the plain mean of both in log-odds."""
    scores = [part.fit(data, settings) for part in PARTS]
    return lambda matrix: mean_in_log_odds([score(matrix) for score in scores])


BG_NBD = Rival("BG/NBD", _buying)
PARTS = (BG_NBD, LOGISTIC)
WITH_LOGISTIC = Rival("BG/NBD and logistic regression", _with_logistic, parts=PARTS)
