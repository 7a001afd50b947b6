"""How often the intervals of the figures hold the truth: `python -m benchmarks coverage`.

Exact: every outcome of n answers is enumerated with its probability. The grid of mixes is the one kept of three that
were looked at (the means of the others differ by .001): for the NPS all shares of promoters and detractors in steps of
5 % from 5 % on, with at least 5 % passives; for rates all shares in steps of 5 % from 5 to 95 %. The usual interval
(Wald) stands beside each.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import binom

from benchmarks.record import record
from features.figures.intervals import Bounds, nps_interval, wald_nps, wald_rate, wilson

ANSWERS = (5, 12, 50, 500)
STEPS = range(1, 20)
MIXES = [(p / 20, d / 20) for p in STEPS for d in STEPS if p + d < 20]
RATES = [step / 20 for step in STEPS]
TOLERANCE = 1e-9


def coverage() -> None:
    """Record mean and minimum of the coverage over the grids."""
    found = {str(n): {**_of_nps(n), **_of_rates(n)} for n in ANSWERS}
    record("coverage", {"level": 0.95, "mixes": len(MIXES), "rates": len(RATES), "summary": found})


def _of_nps(n: int) -> dict[str, dict[str, float]]:
    promoters, detractors = (counts.ravel() for counts in np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0)))
    possible = promoters + detractors <= n
    promoters, detractors = promoters[possible], detractors[possible]
    passives, whole = n - promoters - detractors, np.full_like(promoters, n)
    ways = gammaln(n + 1) - gammaln(promoters + 1) - gammaln(detractors + 1) - gammaln(passives + 1)
    bounds = {
        "nps_tango": nps_interval(promoters, detractors, whole),
        "nps_usual": wald_nps(promoters, detractors, whole),
    }
    held: dict[str, list[float]] = {name: [] for name in bounds}
    for p, d in MIXES:
        chance = np.exp(ways + xlogy(promoters, p) + xlogy(detractors, d) + xlogy(passives, 1 - p - d))
        for name, found in bounds.items():
            held[name].append(_held(chance, found, p - d))
    return {name: _told(shares) for name, shares in held.items()}


def _of_rates(n: int) -> dict[str, dict[str, float]]:
    hits = np.arange(n + 1.0)
    whole = np.full_like(hits, n)
    bounds = {"rate_wilson": wilson(hits, whole), "rate_usual": wald_rate(hits, whole)}
    return {
        name: _told([_held(binom.pmf(hits, n, rate), found, rate) for rate in RATES]) for name, found in bounds.items()
    }


def _held(chance: np.ndarray, bounds: Bounds, truth: float) -> float:
    """Return the probability of the outcomes whose interval holds the truth."""
    low, high = bounds
    return float(chance[(low <= truth + TOLERANCE) & (truth - TOLERANCE <= high)].sum())


def _told(shares: list[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(shares)), 4), "least": round(min(shares), 4)}
