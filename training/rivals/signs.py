"""Signs only: every directed signal with the same weight in its declared direction, nothing learnt but the sigmoid.

In: a dataset. Out: the rival `SIGNS`.
"""

from __future__ import annotations

import numpy as np

from features.matrix import Matrix
from training.experts.standard_columns import Columns
from training.models.calibration import fit_platt
from training.rivals.rival import Rival, Score
from training.settings import TrainingSettings
from training.slices.dataset import Dataset


def _signs(data: Dataset, settings: TrainingSettings) -> Score:
    columns = Columns.of(data.matrix)
    directions = columns.directions.astype(float)

    def count(matrix: Matrix) -> np.ndarray:
        return np.asarray(columns(matrix) @ directions)

    calibrate = fit_platt(count(data.matrix), data.churned)
    return lambda matrix: calibrate(count(matrix))


SIGNS = Rival("signs only", _signs)
