"""The reigning champion beside a challenger, on rows that neither had learnt the outcome of.

A champion made before the rows' dates is judged as it stands: that it has aged counts. One that has learnt outcomes
of those days would be flattered; it is made again by its own settings from what was known then, so that a model ties
with itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from training.bundle.bundle import Bundle
from training.judge.origins import Origin
from training.models.fitting import Fitted, fit_model
from training.settings import TrainingSettings


def reigning_probability(
    champion: Bundle, origin: Origin, then: Fitted, settings: TrainingSettings
) -> np.ndarray | None:
    """Return the champion's probabilities of an origin's test rows, shape (n,); None where its rule of churn differs.

    Parameters
    ----------
    then : Fitted
        The challenger as made at the origin: a champion of the same settings, made again, is the same.
    """
    if champion.rule != settings.rule:
        return None
    matrix = origin.test.matrix
    knew_until = max(champion.manifest.slices) + timedelta(days=champion.rule.reach_days)
    if knew_until <= min(origin.test.dates):
        return champion.calibrator(champion.trees.margin(matrix))
    recipe = champion.settings
    again = then if recipe == replace(settings, until=None) else fit_model(origin.learnt, recipe)
    return again.probability(matrix)
