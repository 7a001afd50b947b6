"""The reigning champion beside a challenger, on rows that neither had learnt the outcome of.

A champion made before the rows' dates is judged as it stands: that it has aged counts. One that has learnt outcomes
of those days would be flattered; it is made again by its own recipe (settings, weighting, rounds) from what was known.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from training.bundle import Bundle
from training.folds import learnable_part
from training.model import fit_trees
from training.origins import Origin
from training.settings import TrainingSettings


def reigning_probability(champion: Bundle, origin: Origin, settings: TrainingSettings) -> np.ndarray | None:
    """Return the champion's probabilities of an origin's test rows, shape (n,); None where its rule differs."""
    if champion.rule != settings.rule:
        return None
    matrix = origin.test.matrix
    knew_until = max(champion.manifest.slices) + timedelta(days=champion.rule.reach_days)
    if knew_until <= min(origin.test.dates):
        return champion.calibrator(champion.trees.margin(matrix))
    recipe = champion.settings
    trees = fit_trees(
        learnable_part(origin.learnt, recipe),
        recipe.fit,
        recipe.seed,
        champion.manifest.rounds,
        champion.manifest.weighting,
        recipe.economics,
    )
    return champion.calibrator(trees.margin(matrix))
