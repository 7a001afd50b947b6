"""BG/NBD and MBG/NBD: buying at a rate of one's own, leaving with a chance of one's own after each purchase.

In: three figures an account, its repeat purchases, the time from its first to its last purchase, and the time from its
first purchase to the as-of date. Out: the chance that it buys nothing in a window ahead.

While alive an account buys as a Poisson process with rate lambda, which is gamma(r, alpha) over accounts. After each
purchase it leaves with probability p, which is beta(a, b) over accounts. In BG/NBD nobody leaves with the first
purchase, so a customer of one purchase is alive with certainty. In MBG/NBD one may.

References
----------
Fader, Hardie & Lee, "Counting your customers the easy way: an alternative to the Pareto/NBD model", 2005.
Batislam, Denizel & Filiztekin, "Empirical validation and comparison of models for customer base analysis", 2007
(MBG/NBD).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, digamma, expit, gammaln, hyp2f1

#: Bounds of the logarithms of r, alpha, a and b. Where nobody leaves, a / b runs to 0; where all are alike, r grows.
LOWEST, HIGHEST = -9.0, 9.0
QUANTILES = 64


@dataclass(frozen=True)
class Buying:
    """Purchases of accounts, arrays of shape (accounts,), in one unit of time.

    Attributes
    ----------
    repeats : array
        Days with a purchase, less one.
    span : array
        Time from the first to the last purchase; 0 without a repeat.
    age : array
        Time from the first purchase to the as-of date, at least `span`.
    """

    repeats: np.ndarray
    span: np.ndarray
    age: np.ndarray


@dataclass(frozen=True)
class BuyTillYouDie:
    """A fitted model: four parameters, and whether an account may leave with its first purchase (MBG/NBD)."""

    r: float
    alpha: float
    a: float
    b: float
    from_first: bool = False

    @property
    def parameters(self) -> np.ndarray:
        """r, alpha, a and b; shape (4,)."""
        return np.array([self.r, self.alpha, self.a, self.b])

    def log_likelihood(self, buying: Buying) -> np.ndarray:
        """Return each account's log-likelihood, shape (accounts,)."""
        return _log_likelihood(self.parameters, buying, self.from_first)[0]

    def alive(self, buying: Buying) -> np.ndarray:
        """Return the probability that each account is a customer still, shape (accounts,)."""
        return expit(-_log_odds_of_death(self.parameters, buying, self.from_first))

    def no_purchase(self, buying: Buying, lead: float, horizon: float) -> np.ndarray:
        """Return the probability of no purchase in [as_of + lead, as_of + lead + horizon), shape (accounts,).

        An account that buys in the lead may leave then. For one that is alive at as_of, with rate lambda and chance p
        of leaving, exp(-lambda p lead) is the probability that it is alive at the end of the lead.
        """
        shape, rate = self.r + buying.repeats, self.alpha + buying.age
        deaths, lives = self.a, self.b + buying.repeats + self.from_first

        def survives(silent: float) -> np.ndarray:
            """Mean of exp(-lambda (p lead + silent)) over what is believed of lambda and p of a living account."""
            quiet = np.exp(shape * (np.log(rate) - np.log(rate + silent)))
            if lead == 0:
                return quiet
            return quiet * _mean_power(shape, deaths, lives, lead / (rate + silent))

        left = 1 - survives(0.0) if lead else 0.0
        return 1 - self.alive(buying) * (1 - left - survives(horizon))


def _mean_power(shape: np.ndarray, deaths: float, lives: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the mean of (1 + p share) ** -shape over p that is beta(deaths, lives); arrays of shape (accounts,).

    Where the hypergeometric series fails at extreme parameters, it is the mean over quantiles of p.
    """
    exact = hyp2f1(shape, deaths, deaths + lives, -share)
    chance = betaincinv(deaths, lives[:, None], (np.arange(QUANTILES) + 0.5) / QUANTILES)
    rough = np.mean(np.exp(-shape[:, None] * np.log1p(chance * share[:, None])), axis=1)
    return np.where(np.isfinite(exact) & (exact >= 0) & (exact <= 1), exact, rough)


def fit(buying: Buying, from_first: bool = False, weight: np.ndarray | None = None) -> BuyTillYouDie:
    """Fit the four parameters by maximum likelihood.

    Parameters
    ----------
    from_first : bool
        Whether an account may leave with its first purchase (MBG/NBD).
    weight : array of shape (accounts,), optional
        How often each account counts.

    Raises
    ------
    ValueError
        Without an account.
    """
    if not len(buying.repeats):
        raise ValueError("there is no account to fit a buying model to")
    weight = np.ones(len(buying.repeats)) if weight is None else weight
    scale = float(np.average(buying.age, weights=weight)) or 1.0
    scaled = Buying(buying.repeats, buying.span / scale, buying.age / scale)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        values, slopes = _log_likelihood(np.exp(logs), scaled, from_first)
        return -float(np.average(values, weights=weight)), -np.average(slopes, axis=1, weights=weight) * np.exp(logs)

    starts = [np.log([1.0, 0.5, 1.0, 2.0]), np.log([0.3, 0.1, 0.5, 5.0])]
    bounds = [(LOWEST, HIGHEST)] * 4
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9}
    solutions = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts]
    r, alpha, a, b = np.exp(min(solutions, key=lambda solution: float(solution.fun)).x).tolist()
    return BuyTillYouDie(r, alpha * scale, a, b, from_first)


def _log_odds_of_death(parameters: np.ndarray, buying: Buying, from_first: bool) -> np.ndarray:
    """Return log(P(left) / P(alive)), shape (accounts,); minus infinity for one that cannot have left."""
    r, alpha, a, b = parameters
    stays = b + buying.repeats + from_first - 1
    may_leave = stays > 0 if from_first else buying.repeats > 0
    longer = np.log(alpha + buying.age) - np.log(alpha + buying.span)
    odds = np.log(a) - np.log(np.where(may_leave, stays, 1.0)) + (r + buying.repeats) * longer
    return np.where(may_leave, odds, -np.inf)


def _log_likelihood(parameters: np.ndarray, buying: Buying, from_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihoods of shape (accounts,), and their slopes by r, alpha, a and b, of shape (4, accounts)."""
    r, alpha, a, b = parameters
    shape, chances = r + buying.repeats, buying.repeats + from_first
    odds = _log_odds_of_death(parameters, buying, from_first)
    left, log_alive = expit(odds), np.log(alpha + buying.age)
    bought = gammaln(shape) - gammaln(r) + r * np.log(alpha) - shape * log_alive
    value = bought + betaln(a, b + chances) - betaln(a, b) + np.logaddexp(0.0, odds)
    both = digamma(a + b) - digamma(a + b + chances)
    slopes = np.array(
        [
            digamma(shape) - digamma(r) + np.log(alpha) - (1 - left) * log_alive - left * np.log(alpha + buying.span),
            r / alpha - shape * ((1 - left) / (alpha + buying.age) + left / (alpha + buying.span)),
            both + left / a,
            both + digamma(b + chances) - digamma(b) - left / np.where(left > 0, b + chances - 1, 1.0),
        ]
    )
    return value, slopes
