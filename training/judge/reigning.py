"""The reigning champion's probabilities on a challenger's test rows, whose outcomes neither has learnt.

In: the champion's bundle, the origin and the challenger fitted there. Out: probabilities of shape (n,).

A champion that was fitted before the rows' dates is judged unchanged, so its age counts. A champion that has learnt
outcomes of those dates would look too good. It is fitted again with its own settings on the data known at the origin,
so a model ties with itself.
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
    """Return the champion's probabilities of an origin's test rows, shape (n,); None when its rule of churn differs.

    Parameters
    ----------
    champion : Bundle
        The champion's bundle.
    then : Fitted
        The challenger fitted at the origin. It replaces a refit of a champion with the same settings.
    settings : TrainingSettings
        The challenger's settings.
    """
    if champion.rule != settings.rule:
        return None
    matrix = origin.test.matrix
    knew_until = max(champion.manifest.slices) + timedelta(days=champion.rule.reach_days)
    if knew_until <= min(origin.test.dates):
        return champion.calibrator(champion.margin(matrix))
    recipe = champion.settings
    again = then if recipe == replace(settings, until=None) else fit_model(origin.learnt, recipe)
    return again.probability(matrix)
