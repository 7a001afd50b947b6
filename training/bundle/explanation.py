"""Why: what each signal adds to the margin, turned into points of probability that add up.

The margin is a sum of experts, and so is what a signal adds: path-dependent SHAP values of the trees, centred terms of
the linear expert, exact Shapley values of the buying expert (see `training.models.margin`).

With margin m, expected margin m0 and calibrator g, the base is g(m0) and a signal's contribution is

    phi * (g(m) - g(m0)) / (m - m0),   with g'(m0) in place of the quotient where m = m0,

so base + contributions = g(m), the served probability. The base is where an account with all contributions at 0 would
stand; it is not the mean churn rate, since the mean of g is not g of the mean.

The trees' values are looked up (see `training.experts.shap_tables`) or, of large trees, LightGBM's own. They equal
those of `shap.TreeExplainer`, so serving needs no SHAP library.

References
----------
Lundberg et al., "Consistent individualized feature attribution for tree ensembles", 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.matrix import Matrix
from training.bundle.bundle import Bundle

#: Decimals of a probability and of its parts.
DECIMALS = 6


@dataclass(frozen=True)
class Explained:
    """Probabilities that are the sum of their parts.

    Attributes
    ----------
    probability : array of shape (rows,)
        Churn probability, 0-1.
    base : float
        g(m0), the same for every row of a model; not a number where there is no row to explain.
    contributions : array of shape (rows, signals)
        Points of probability (0.08 is 8 points), columns in the order of the bundle's signals.
    """

    probability: np.ndarray
    base: float
    contributions: np.ndarray

    def rounded(self) -> Explained:
        """Return it in millionths, which is more than any of it means.

        The parts still add up to the probability: the largest contribution of a row takes what rounding leaves over.
        """
        if not len(self.probability):
            return self
        base, probability = round(self.base, DECIMALS), self.probability.round(DECIMALS)
        contributions = self.contributions.round(DECIMALS) + 0.0  # without a zero below zero
        rows, largest = np.arange(len(probability)), np.abs(self.contributions).argmax(axis=1)
        left_over = probability - base - contributions.sum(axis=1)
        contributions[rows, largest] = (contributions[rows, largest] + left_over).round(DECIMALS) + 0.0
        return Explained(probability, base, contributions)


def explain(bundle: Bundle, matrix: Matrix) -> Explained:
    """Score and explain every row of a matrix."""
    if not len(matrix):
        return Explained(np.empty(0), math.nan, np.empty((0, matrix.signals.shape[1])))
    return in_probability(bundle, *bundle.margin.explain(matrix))


def in_probability(bundle: Bundle, phi: np.ndarray, expected: float) -> Explained:
    """Turn parts of the margin into points of probability.

    Parameters
    ----------
    phi : array of shape (rows, signals)
    expected : float
        m0, the expected margin.
    """
    calibrate = bundle.calibrator
    shift = phi.sum(axis=1)
    base = float(calibrate(np.array([expected]))[0])
    probability = calibrate(expected + shift)
    slope = np.full(len(shift), float(calibrate.derivative(np.array([expected]))[0]))
    moved = np.abs(shift) > 1e-9
    slope[moved] = (probability[moved] - base) / shift[moved]
    return Explained(probability, base, phi * slope[:, None])
