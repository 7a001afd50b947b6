"""What the model must beat: simple rules, and logistic regression on the same matrix.

Each rival is fitted on the same rows and gives a score that grows with risk; rules are turned into probabilities by the
same sigmoid as the model, fitted on the training rows, so that all are ranked by the same revenue at risk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from features.matrix import Matrix
from features.signal import all_signals
from training.calibration import fit_platt
from training.dataset import Dataset

Score = Callable[[Matrix], np.ndarray]


@dataclass(frozen=True)
class Rival:
    """A named way to rank accounts: `fit` learns from a dataset and returns matrix -> churn probability."""

    name: str
    fit: Callable[[Dataset], Score]


def rule(name: str, signal: str, riskier: int) -> Rival:
    """Return the rival that ranks by one signal alone; an unknown value counts as the training median."""

    def fit(data: Dataset) -> Score:
        median = data.matrix.signals[signal].median()
        median = 0.0 if np.isnan(median) else median

        def score(matrix: Matrix) -> np.ndarray:
            value = riskier * np.nan_to_num(matrix.signals[signal].to_numpy(float), nan=median)
            return np.sign(value) * np.log1p(np.abs(value))

        calibrate = fit_platt(score(data.matrix), data.churned)
        return lambda matrix: calibrate(score(matrix))

    return Rival(name, fit)


def _fact_rule(name: str, fact: str, riskier: int) -> Rival:
    def fit(data: Dataset) -> Score:
        def score(matrix: Matrix) -> np.ndarray:
            value = riskier * matrix.facts[fact].to_numpy(float)
            return np.sign(value) * np.log1p(np.abs(value))

        calibrate = fit_platt(score(data.matrix), data.churned)
        return lambda matrix: calibrate(score(matrix))

    return Rival(name, fit)


def _logistic(data: Dataset) -> Score:
    """Fit an L2 logistic regression on signed logs, nulls as the median with a mark of their own, text one-hot."""
    prepare = _Prepared.of(data.matrix)
    model = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression(C=0.1, max_iter=2000))])
    model.fit(prepare.columns(data.matrix), data.churned)
    return lambda matrix: model.predict_proba(prepare.columns(matrix))[:, 1]


@dataclass(frozen=True)
class _Prepared:
    """Medians, the signals that are ever null, and the levels of text, as seen in training."""

    medians: dict[str, float]
    nullable: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, matrix: Matrix) -> _Prepared:
        numbers = [item.name for item in all_signals() if not item.is_text]
        levels = {
            item.name: tuple(sorted(matrix.signals[item.name].dropna().unique())[:40])
            for item in all_signals()
            if item.is_text
        }
        found = matrix.signals[numbers].median().fillna(0.0)
        medians = {name: float(found[name]) for name in numbers}
        nullable = tuple(name for name in numbers if matrix.signals[name].isna().any())
        return cls(medians, nullable, levels)

    def columns(self, matrix: Matrix) -> np.ndarray:
        filled = matrix.signals[list(self.medians)].fillna(self.medians).to_numpy(float)
        logs = np.sign(filled) * np.log1p(np.abs(filled))
        nulls = matrix.signals[list(self.nullable)].isna().to_numpy(float)
        text = [
            (matrix.signals[name] == level).to_numpy(float)[:, None]
            for name, levels in self.levels.items()
            for level in levels
        ]
        return np.hstack([logs, nulls, *text])


LOGISTIC = Rival("logistic regression", _logistic)
RECENCY = rule("recency alone", "invoice_recency_days", +1)
REVENUE = _fact_rule("revenue alone", "revenue_365d", -1)
#: Cheap enough for every training run.
RIVALS = (RECENCY, REVENUE, LOGISTIC)
