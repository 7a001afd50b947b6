"""Logistic regression on the same matrix: the method of a careful analyst without trees.

In: a dataset. Out: the rival `LOGISTIC`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from features.machine.threads import in_parallel
from features.matrix import Matrix
from features.signal import all_signals
from training.experts.standard_columns import by_blocks, signed_log
from training.rivals.rival import Rival, Score, constant
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

#: Most levels of a text signal that get their own column.
MOST_LEVELS = 40
#: scikit-learn's C, the strongest penalty first; what the penalty is chosen on: folds by account, and rows at most.
PENALTIES = (0.0001, 0.001, 0.01, 0.1)
FOLDS, MOST_ROWS = 4, 20_000


def _logistic(data: Dataset, settings: TrainingSettings) -> Score:
    """Fit an unweighted L2 logistic regression on standardised signed logs; return its probabilities.

    A null becomes the training median, with a column that marks it. Text is one-hot. The penalty is the one of
    `PENALTIES` that loses least on accounts that were not learnt from.
    """
    if not 0 < data.churned.sum() < len(data):
        return constant(data)
    prepare = _Prepared.of(data.matrix)
    columns = prepare.columns(data.matrix)
    # In place: each array of columns is made for one call only.
    model = Pipeline(
        [("scale", StandardScaler(copy=False)), ("fit", _regression(_penalty(columns, data, settings.seed)))]
    )
    model.fit(columns, data.churned)
    return lambda matrix: model.predict_proba(prepare.columns(matrix))[:, 1]


def _regression(penalty: float) -> LogisticRegression:
    return LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200)


def _penalty(columns: np.ndarray, data: Dataset, seed: int) -> float:
    """Choose the penalty; within a fold each regression begins where that of the stronger penalty ended."""
    rows = np.arange(len(data))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    churned, accounts = data.churned[rows], data.accounts[rows]
    if min(len(np.unique(accounts[churned == outcome])) for outcome in (True, False)) < FOLDS:
        return PENALTIES[0]
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(rows, churned, groups=accounts)

    def losses(fold: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return _losses(columns, churned, rows, *fold)

    return PENALTIES[int(np.argmin(sum(in_parallel(losses, folds), np.zeros(len(PENALTIES)))))]


def _losses(
    columns: np.ndarray, churned: np.ndarray, rows: np.ndarray, learnt: np.ndarray, judged: np.ndarray
) -> np.ndarray:
    """Return what each penalty loses on judged rows, shape (penalties,); 0 where the learnt ones have one outcome.

    Parameters
    ----------
    columns : array of shape (all rows, columns)
    churned, rows : arrays of shape (n,)
        Of the rows that choose the penalty: outcomes, and places among all rows.
    learnt, judged : int arrays
        Places among these n.
    """
    losses = np.zeros(len(PENALTIES))
    if not 0 < churned[learnt].sum() < len(learnt):
        return losses
    scale = StandardScaler().fit(columns[rows[learnt]])
    known, unseen = (scale.transform(columns[rows[part]]) for part in (learnt, judged))
    model = _regression(PENALTIES[0]).set_params(warm_start=True)
    for place, penalty in enumerate(PENALTIES):
        model.set_params(C=penalty).fit(known, churned[learnt])
        said = np.clip(model.predict_proba(unseen)[:, 1], 1e-6, 1 - 1e-6)
        losses[place] = -float(np.log(np.where(churned[judged], said, 1 - said)).sum())
    return losses


@dataclass(frozen=True)
class _Prepared:
    """Medians, the signals that are ever null, and the levels of text, as seen in training."""

    medians: dict[str, float]
    nullable: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, matrix: Matrix) -> _Prepared:
        numbers = [signal.name for signal in all_signals() if not signal.is_text]
        levels = {
            signal.name: tuple(sorted(matrix.signals[signal.name].dropna().unique())[:MOST_LEVELS])
            for signal in all_signals()
            if signal.is_text
        }
        median = matrix.signals[numbers].median().fillna(0.0)
        medians = {name: float(median[name]) for name in numbers}
        nullable = tuple(name for name in numbers if matrix.signals[name].isna().any())
        return cls(medians, nullable, levels)

    def columns(self, matrix: Matrix) -> np.ndarray:
        return by_blocks(self._block, matrix)

    def _block(self, matrix: Matrix) -> np.ndarray:
        filled = matrix.signals[list(self.medians)].fillna(self.medians).to_numpy(float)
        nulls = matrix.signals[list(self.nullable)].isna().to_numpy(float)
        text = [
            (matrix.signals[name] == level).to_numpy(float)[:, None]
            for name, levels in self.levels.items()
            for level in levels
        ]
        return np.hstack([signed_log(filled), nulls, *text])


LOGISTIC = Rival("logistic regression", _logistic)
