"""Encoded rows that trees are grown on: binned once, then grown on under several weightings.

In: an encoded matrix with outcomes. Out: LightGBM boosters. Binning a matrix takes as long as a fifth of the trees'
rounds, and the bins do not depend on the weights. The trees are those that rows of their own give, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import lightgbm
import numpy as np

from training.contacting import Economics
from training.models.kept_trees import begun, grown
from training.models.spoken import listen_to_lightgbm
from training.models.weights import SCHEMES, forgone_profit
from training.settings import FitSettings


class Ground:
    """Rows to grow trees on; one thread at a time.

    Parameters
    ----------
    rows : float array of shape (n, columns)
        Is let go once it is binned.
    churned : bool array of shape (n,)
    directions : mapping of column to +1, -1 or 0
        Whether risk may only rise, only fall, or both with the column; in the order of the columns.
    categories : mapping of text column to its levels
    settings : FitSettings
    seed : int
    """

    def __init__(
        self,
        rows: np.ndarray,
        churned: np.ndarray,
        directions: Mapping[str, int],
        categories: Mapping[str, tuple[str, ...]],
        settings: FitSettings,
        seed: int,
    ) -> None:
        listen_to_lightgbm()
        self._begun = begun(rows)
        self._given = (churned, dict(directions), categories, settings, seed)
        self._parameters = _parameters(len(rows), directions, settings, seed)
        names = list(directions)
        self._train = lightgbm.Dataset(
            rows,
            churned,
            feature_name=names,
            categorical_feature=[name for name in names if name in categories],
            free_raw_data=True,
            params=self._parameters,
        )

    def grow(self, weight: np.ndarray, rounds: int, weighting: str, economics: Economics) -> lightgbm.Booster:
        """Grow trees.

        Parameters
        ----------
        weight : array of shape (n,)
        rounds : int
            Number of boosting rounds, fixed.
        weighting : str
            A scheme of `training.models.weights.SCHEMES`.
        economics : Economics
            Only the schemes with the profit objective read it.
        """
        churned, directions, categories, settings, seed = self._given
        asked = (churned, weight, directions, categories, settings, seed, rounds, weighting, economics)
        return grown(self._begun, asked, lambda: self._grow(weight, rounds, weighting, economics))

    def _grow(self, weight: np.ndarray, rounds: int, weighting: str, economics: Economics) -> lightgbm.Booster:
        parameters, churned = dict(self._parameters), self._given[0]
        row_weights: np.ndarray | None = None if (weight == 1).all() else weight.astype(np.float32)
        start: np.ndarray | None = None
        if SCHEMES[weighting].for_profit:
            loss = forgone_profit(churned, weight, economics)
            parameters["objective"] = lambda margin, _: loss(margin)
            start, row_weights = np.full(len(churned), np.log(churned.mean() / (1 - churned.mean()))), None
        self._train.construct()
        # Not set_weight: given None or ones, it leaves the weights of the trees before.
        self._train.set_field("weight", row_weights)
        self._train.set_field("init_score", start)
        return lightgbm.train(parameters, self._train, num_boost_round=rounds)


def _parameters(rows: int, directions: Mapping[str, int], settings: FitSettings, seed: int) -> dict[str, object]:
    parameters = settings.parameters(seed)
    parameters["min_data_in_leaf"] = max(5, min(settings.min_data_in_leaf, rows // 50))
    if settings.monotone:
        parameters["monotone_constraints"] = list(directions.values())
        # The other methods break constraints where values are missing.
        parameters["monotone_constraints_method"] = "basic"
    return parameters
