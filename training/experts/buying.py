"""The buying expert: how likely an account is silent because it has left, from the days on which it bought.

In: the matrix rows of one as-of date. Out: a `BuyingExpert`, whose margin is the log-odds of no purchase in the window
of the label. Both BG/NBD and MBG/NBD are fitted, and the likelier is kept (see `training.experts.bg_nbd`). Only what
was known at that date is used, no outcome.

These models take purchases to come at random. Where they come in bursts, the models rank worse than the last purchase
alone. So, where churn is silence, known outcomes correct the model (`teach`): its log-odds, the logarithm of the days
since the last purchase and that of the number of purchases are weighed. With few outcomes they are drawn to the model
as it is, or to the last purchase alone, by how much better one of the two ranks. Where so few left that the outcomes
hardly tell, the purchases themselves do (`training.experts.bursts`). A book too young for the model has no other than
the last purchase.

The margin falls on its three figures by exact Shapley values: the mean, over all orders of the three, of what each
changes when it goes from the background's figure to the account's. The background is one account, the median of those
learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import factorial

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from features.machine.row_sums import row_sums
from features.matrix import Matrix
from training.experts.bg_nbd import Buying, BuyTillYouDie, fit
from training.experts.bursts import dispersion
from training.experts.drawn_weights import drawn_strength, drawn_weights, ranked_apart
from training.experts.standard_columns import number_names, numbers_of

#: The signals that the expert reads: purchase days after the first, days from first to last, days since the last.
FIGURES = ("purchase_repeat_days", "purchase_span_days", "invoice_recency_days")
#: What the model's log-odds, the log of the days since the last purchase, and that of the purchases (which lower the
#: margin) count, where no outcome corrects the model; a constant after them.
AS_IT_IS = (1.0, 0.0, 0.0, 0.0)
#: How many accounts that left the model as it is, or the last purchase alone, counts as much as; and how many a usual
#: slope of the latter, 1.
WORTH_LEAVERS, WORTH_SLOPE = 160.0, 20.0
#: By how much the ROC AUC of two margins differs by chance, with one leaver; with n of them, a part of 1 / sqrt(n).
CHANCE = 0.15
#: By how much the last purchase alone ranks better than the model where purchases come at random, and how much more so
#: where they are dispersed e times as at random; how far single books are off that. Seen on simulated sellers of eight
#: seeds and at early origins of Online Retail II and CDNOW.
BETTER_AT_RANDOM, BETTER_IN_BURSTS, BOOKS_DIFFER = -0.01, 0.05, 0.02
#: By how much the model may rank worse than the last purchase and still add to it: there both have a part.
STILL_ADDS = 0.02
#: Probabilities nearer to 0 or 1 count as this: the model is never so sure as its formula.
LEAST = 1e-4
#: Fewest accounts that bought again for a model, and fewest with known outcomes to correct it.
LEAST_ACCOUNTS, LEAST_KNOWN = 50, 20
#: Fewest that bought again in a fold, which has a part of the accounts: so that folds have the experts of the refit.
LEAST_IN_FOLD = 30


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
    model : BuyTillYouDie or None
        None where too few accounts bought again.
    lead, horizon : int
        Days from as_of to the window, and its length.
    counts : tuple of four float
        See `AS_IT_IS`.
    """

    model: BuyTillYouDie | None
    background: tuple[float, float, float]
    lead: int
    horizon: int
    counts: tuple[float, float, float, float] = AS_IT_IS

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
        if self.counts == AS_IT_IS:
            return self._of_model(figures)
        return row_sums(self.columns(figures), np.array(self.counts[:-1])) + self.counts[-1]

    def _of_model(self, figures: np.ndarray) -> np.ndarray:
        if self.model is None:
            return np.zeros(len(figures))
        probability = self.model.no_purchase(buying_of(figures), self.lead, self.horizon)
        return np.asarray(logit(np.clip(probability, LEAST, 1 - LEAST)))

    def columns(self, figures: np.ndarray) -> np.ndarray:
        """Return what `counts` weighs, shape (rows, 3), of figures of shape (rows, 3) in the order of `FIGURES`."""
        repeats, _, since = figures.T
        return np.column_stack([self._of_model(figures), np.log1p(since), -np.log1p(repeats)])


def figures_of(matrix: Matrix) -> np.ndarray:
    """Return the three figures of every row, shape (rows, 3), NaN where there is none."""
    return numbers_of(matrix)[:, [number_names().index(name) for name in FIGURES]]


def buying_of(figures: np.ndarray) -> Buying:
    """Return purchases from an array of shape (accounts, 3) in the order of `FIGURES`."""
    repeats, span, since = figures.T
    return Buying(repeats, span, span + since)


def fit_buying(matrix: Matrix, lead: int, horizon: int, least: int = LEAST_ACCOUNTS) -> BuyingExpert | None:
    """Fit the buying expert to the accounts of one as-of date; None where fewer than `least` ever bought again.

    Parameters
    ----------
    matrix : Matrix
        The rows of one as-of date: parameters of later dates would tell the future.
    lead, horizon : int
        Days, as the rule of churn has them.
    least : int
        Accounts.
    """
    figures = figures_of(matrix)
    figures = figures[~np.isnan(figures).any(axis=1)]
    if (figures[:, 0] > 0).sum() < least:
        return None
    buying = buying_of(figures)
    models = [fit(buying, from_first) for from_first in (False, True)]
    model = max(models, key=lambda candidate: float(candidate.log_likelihood(buying).sum()))
    repeats, span, since = np.median(figures, axis=0).tolist()
    return BuyingExpert(model, (repeats, span, since), lead, horizon)


def teach(
    expert: BuyingExpert | None,
    matrix: Matrix,
    churned: np.ndarray,
    accounts: np.ndarray,
    dates: np.ndarray,
    lead: int,
    horizon: int,
) -> BuyingExpert | None:
    """Return the expert corrected by known outcomes; None where there is none and too few accounts to make one.

    Parameters
    ----------
    expert : BuyingExpert or None
        As `fit_buying` returns it.
    matrix : Matrix
        Rows of any dates whose outcomes are known.
    churned : bool array of shape (rows,)
    accounts, dates : arrays of shape (rows,)
        The account and the as-of date of each row.
    lead, horizon : int
        Days, as the rule of churn has them.
    """
    figures = figures_of(matrix)
    known = ~np.isnan(figures).any(axis=1)
    figures, churned, accounts, dates = figures[known], churned[known], accounts[known], dates[known]
    if len(np.unique(accounts)) < LEAST_KNOWN or not 0 < churned.sum() < len(churned):
        return expert
    if expert is None:
        repeats, span, since = np.median(figures, axis=0).tolist()
        expert = BuyingExpert(None, (repeats, span, since), lead, horizon)
    columns = expert.columns(figures)
    middle = columns.mean(axis=0)
    alone = 1.0 if expert.model is None else _part_of_last_purchase(columns, figures[:, 0], churned, accounts, dates)
    strength = drawn_strength(columns, churned, accounts, WORTH_LEAVERS)
    drawn_to = np.array([1 - alone, alone * _slope(columns[:, [1]], churned, accounts), 0.0])
    counts, constant = drawn_weights(columns - middle, churned, drawn_to, strength)
    of_model, of_since, of_repeats = counts.tolist()
    return replace(expert, counts=(of_model, of_since, of_repeats, constant - float(middle @ counts)))


def _part_of_last_purchase(
    columns: np.ndarray, repeats: np.ndarray, churned: np.ndarray, accounts: np.ndarray, dates: np.ndarray
) -> float:
    """Return the part of the last purchase beside the buying model, from 0 to 1, by how much better it ranks.

    By the normal law: what is expected of purchases so dispersed, and what the outcomes say, each by its precision.
    """
    of_model, of_since = (ranked_apart(columns[:, place], churned, dates) for place in (0, 1))
    usual = BETTER_AT_RANDOM + BETTER_IN_BURSTS * np.log(dispersion(repeats, accounts, dates))
    expected, seen = 1 / BOOKS_DIFFER**2, len(np.unique(accounts[churned])) / CHANCE**2
    better = (expected * usual + seen * (of_since - of_model)) / (expected + seen)
    return float(norm.cdf(better / np.sqrt(1 / (expected + seen) + STILL_ADDS**2)))


def _slope(column: np.ndarray, churned: np.ndarray, accounts: np.ndarray) -> float:
    """Return the weight of one column alone, shape (rows, 1), drawn to 1."""
    strength = drawn_strength(column, churned, accounts, WORTH_SLOPE)
    (slope,), _ = drawn_weights(column - column.mean(axis=0), churned, np.ones(1), strength)
    return float(slope)
