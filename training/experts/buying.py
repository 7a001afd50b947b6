"""The buying expert: how likely an account is silent because it has left, from the days on which it bought.

In: the matrix rows of one as-of date. Out: a `BuyingExpert`, whose margin is the log-odds of no purchase in the window
of the label. Both BG/NBD and MBG/NBD are fitted, and the likelier is kept (see `training.experts.bg_nbd`). Only what
was known at that date is used, no outcome.

The margin falls on its three figures by exact Shapley values: the mean, over all orders of the three, of what each
changes when it goes from the background's figure to the account's. The background is one account, the median of those
learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np
from scipy.special import logit

from features.matrix import Matrix
from training.experts.bg_nbd import Buying, BuyTillYouDie, fit
from training.experts.standard_columns import number_names, numbers_of

#: The signals that the expert reads: purchase days after the first, days from first to last, days since the last.
FIGURES = ("purchase_repeat_days", "purchase_span_days", "invoice_recency_days")
#: Probabilities nearer to 0 or 1 count as this: the model is never so sure as its formula.
LEAST = 1e-4
LEAST_ACCOUNTS = 50


def _share(size: int, has: bool) -> float:
    """Return the part of a subset's margin that goes to a figure, which is among the `size` of the subset or not."""
    others = len(FIGURES) - size
    ways = factorial(size - 1) * factorial(others) if has else -factorial(size) * factorial(others - 1)
    return ways / factorial(len(FIGURES))


#: Which of the three figures are the account's own; the others are the background's. Shape (8, 3).
SUBSETS = np.array(list(product([False, True], repeat=len(FIGURES))))
#: Shapley's formula: what a figure is given of the margin of each subset. Shape (8, 3).
SHARES = np.array([[_share(int(own.sum()), has) for has in own] for own in SUBSETS])


@dataclass(frozen=True)
class BuyingExpert:
    """A fitted buying expert.

    Attributes
    ----------
    background : tuple of three float
        The figures of the account with which others are compared.
    lead, horizon : int
        Days from as_of to the window, and its length.
    """

    model: BuyTillYouDie
    background: tuple[float, float, float]
    lead: int
    horizon: int

    @property
    def owners(self) -> tuple[str, ...]:
        """The signals that the margin falls on."""
        return FIGURES

    def margin(self, matrix: Matrix) -> np.ndarray:
        """Return log-odds, shape (rows,); an account without a purchase, or not known, has the background's."""
        return self._of(self._figures(matrix))

    def explain(self, matrix: Matrix) -> tuple[np.ndarray, float]:
        """Return Shapley values of the three figures, shape (rows, 3), and the background's margin."""
        figures = self._figures(matrix)
        mixed = np.where(SUBSETS[:, None, :], figures, np.array(self.background))
        margins = self._of(mixed.reshape(-1, len(FIGURES))).reshape(len(SUBSETS), len(figures))
        parts = np.sum([margin[:, None] * share for margin, share in zip(margins, SHARES, strict=True)], axis=0)
        return parts, float(self._of(np.array([self.background]))[0])

    def _figures(self, matrix: Matrix) -> np.ndarray:
        figures = figures_of(matrix)
        unknown = np.isnan(figures).any(axis=1)
        return np.where(unknown[:, None], self.background, figures)

    def _of(self, figures: np.ndarray) -> np.ndarray:
        buying = buying_of(figures)
        probability = self.model.no_purchase(buying, self.lead, self.horizon)
        return np.asarray(logit(np.clip(probability, LEAST, 1 - LEAST)))


def figures_of(matrix: Matrix) -> np.ndarray:
    """Return the three figures of every row, shape (rows, 3), NaN where there is none."""
    return numbers_of(matrix)[:, [number_names().index(name) for name in FIGURES]]


def buying_of(figures: np.ndarray) -> Buying:
    """Return purchases from an array of shape (accounts, 3) in the order of `FIGURES`."""
    repeats, span, since = figures.T
    return Buying(repeats, span, span + since)


def fit_buying(matrix: Matrix, lead: int, horizon: int) -> BuyingExpert | None:
    """Fit the buying expert to the accounts of one as-of date; None where fewer than 50 ever bought again.

    Parameters
    ----------
    matrix : Matrix
        The rows of one as-of date: parameters of later dates would tell the future.
    lead, horizon : int
        Days, as the rule of churn has them.
    """
    figures = figures_of(matrix)
    figures = figures[~np.isnan(figures).any(axis=1)]
    if (figures[:, 0] > 0).sum() < LEAST_ACCOUNTS:
        return None
    buying = buying_of(figures)
    models = [fit(buying, from_first) for from_first in (False, True)]
    model = max(models, key=lambda candidate: float(candidate.log_likelihood(buying).sum()))
    repeats, span, since = np.median(figures, axis=0).tolist()
    return BuyingExpert(model, (repeats, span, since), lead, horizon)
