"""The model for a matrix without dates, as a scikit-learn classifier.

In: a matrix with one row per account and any columns, labels and, optionally, revenue. Out: churn probabilities.

The fit uses the same trees, weights, cap on giant accounts, rule of choice and sigmoid as for a book. A snapshot has no
time, so its folds are stratified instead of forward-chained. So nothing here shows how a model ages, and nothing
prevents the model from learning a column that was filled after the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from training.contacting import Economics
from training.models.choice import UNWEIGHTED
from training.models.weights import SCHEMES
from training.settings import FitSettings, TrainingSettings
from training.snapshot.snapshot import Columns, snapshot
from training.snapshot.snapshot_fitting import Grower, fit_snapshot

CHOOSE = "choose"
#: A snapshot has far fewer rows than a book's slices, so smaller trees compete with the product's trees.
SMALLER = FitSettings(num_leaves=4, min_data_in_leaf=30, max_rounds=240)
CANDIDATES = (FitSettings(), SMALLER)


class RevenueWeightedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Calibrated churn probabilities by revenue-weighted trees on any matrix with one row per account.

    Parameters
    ----------
    settings : FitSettings or sequence of FitSettings, optional
        How trees are grown. Of several settings, the one that ranks best on the inner folds is used. Default:
        `CANDIDATES`, the product's trees and smaller ones.
    weighting : str
        A scheme of `training.models.weights.SCHEMES`, or 'choose': the scheme that the inner folds choose by profit
        and ranking. Without revenue, 'choose' means 'none'.
    economics : Economics, optional
        Cost and value of a contact. The choice of the weighting and the profit objective read it.
    directions : mapping of column name to 1, -1 or 0, optional
        Whether risk may only rise (1), only fall (-1) or both (0) with a numeric column. Default: 0.
    boosters : int
        1 or more. Each is grown on other draws of rows and columns, and their margins are averaged.
    folds : int
        Inner stratified folds, 2 or more; fewer when the rarer class has fewer rows.
    seed : int
        0 or more.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two labels, sorted; the second means churned.
    choice_ : Choice
        Weighting and number of rounds, with the figures of every scheme compared.
    settings_ : FitSettings
        The best of `settings`.
    fitted_ : FittedSnapshot
        Boosters and calibrator. The boosters' columns are x0, x1, ... in the order of X.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X was a DataFrame whose column names are str.

    Notes
    -----
    Text columns (object, string, category) are categories. A category that is new or was rare in training is null. Null
    means not known, never 0. An account must have one row only; otherwise the folds share its rows.

    References
    ----------
    Pedregosa et al., "Scikit-learn: machine learning in Python", 2011 (the interface).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"nps": rng.integers(0, 11, 200), "plan": rng.choice(["basic", "pro"], 200)})
    >>> churned = rng.random(200) < (10 - X["nps"]) / 12
    >>> model = RevenueWeightedClassifier(settings=FitSettings(max_rounds=60), folds=2)
    >>> model = model.fit(X, churned, revenue=rng.lognormal(7, 1, 200))
    >>> model.predict_proba(X).shape
    (200, 2)
    """

    def __init__(
        self,
        *,
        settings: FitSettings | Sequence[FitSettings] | None = None,
        weighting: str = CHOOSE,
        economics: Economics | None = None,
        directions: Mapping[str, int] | None = None,
        boosters: int = 3,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.weighting = weighting
        self.economics = economics
        self.directions = directions
        self.boosters = boosters
        self.folds = folds
        self.seed = seed

    def fit(self, X: Any, y: Any, revenue: Any = None) -> RevenueWeightedClassifier:  # noqa: N803
        """Choose settings, weighting and rounds on inner folds, calibrate on their margins, grow trees on every row.

        Parameters
        ----------
        X : DataFrame or array of shape (n, columns)
        y : array of shape (n,)
            Two labels.
        revenue : array of shape (n,), optional
            Yearly value of each account, 0 or more, in the currency of `economics`.

        Raises
        ------
        ValueError
            When a parameter, a column, the labels or the revenue cannot be used; the message names it.
        """
        frame = self._frame(X, reset=True)
        self._columns = Columns.of(frame)
        self.classes_, churned = self._outcomes(y, frame)
        data = snapshot(self._columns.take(frame), churned, _revenue(revenue, frame))
        grower = Grower(self._columns.text, self._columns.directions(self.directions or {}), self.boosters)
        candidates = self._candidates(churned, self._weighting(revenue is not None))
        self.fitted_ = fit_snapshot(data, candidates, grower)
        self.settings_, self.choice_ = self.fitted_.settings.fit, self.fitted_.choice
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the probabilities of both classes in the order of `classes_`, shape (n, 2); rows sum to 1."""
        check_is_fitted(self)
        churned = self.fitted_.probability(self._columns.take(self._frame(X, reset=False)))
        return np.column_stack([1 - churned, churned])

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the likelier class of each row, shape (n,). To choose contacts, rank by value at risk instead."""
        likelier = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[likelier])

    def __sklearn_tags__(self) -> Any:
        """Return the estimator's tags: two classes, nulls and text are allowed."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:  # noqa: N803
        """Check number and names of the columns, or learn them with `reset`; return a DataFrame."""
        if isinstance(X, pd.DataFrame) and min(X.shape):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        checked = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        return pd.DataFrame(checked).infer_objects()

    def _outcomes(self, y: Any, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the two labels, and a bool array of shape (n,) that marks the rows with the second one."""
        if y is None:
            raise ValueError("RevenueWeightedClassifier requires y to be passed, but the target y is None")
        labels = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
        check_consistent_length(frame, labels)
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if type_of_target(labels) != "binary" or len(classes) != 2:
            raise ValueError(f"Only binary classification is supported: y has {len(classes)} classes, not 2")
        return classes, codes == 1

    def _weighting(self, with_revenue: bool) -> str | None:
        """Return the scheme, None if the folds choose it; without revenue all schemes are equal."""
        if self.weighting == CHOOSE:
            return None if with_revenue else UNWEIGHTED
        if self.weighting not in SCHEMES:
            raise ValueError(f"weighting={self.weighting!r}; there are {CHOOSE}, {', '.join(SCHEMES)}")
        return self.weighting

    def _candidates(self, churned: np.ndarray, weighting: str | None) -> list[TrainingSettings]:
        """Return the settings to compare, with as many folds as the rarer class has rows."""
        fewest = int(min(churned.sum(), (~churned).sum()))
        folds = min(self.folds, fewest)
        if folds < 2:
            raise ValueError(f"folds={self.folds} and {fewest} rows in the rarer class: at least 2 of both are needed")
        compared = CANDIDATES if self.settings is None else self.settings
        economics = Economics() if self.economics is None else self.economics
        return [
            TrainingSettings(seed=self.seed, folds=folds, weighting=weighting, fit=fit, economics=economics)
            for fit in ([compared] if isinstance(compared, FitSettings) else compared)
        ]


def _revenue(revenue: Any, frame: pd.DataFrame) -> np.ndarray:
    if revenue is None:
        return np.ones(len(frame))
    amounts = check_array(revenue, ensure_2d=False, dtype="float64", input_name="revenue")
    check_consistent_length(frame, amounts)
    if amounts.ndim != 1 or (amounts < 0).any():
        raise ValueError(f"revenue: one figure a row, 0 or more; {(amounts < 0).sum()} are negative")
    return np.asarray(amounts)
