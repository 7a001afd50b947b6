"""Do both models say the same of today's book? Two arrays of probabilities go in, checks come out.

No outcome tells which of the two is right. Models of one recipe on nearly the same data rank nearly alike and expect
nearly as many to leave; where they do not, something is different that nobody has told.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from training.refresh.checks import Check

#: Least rank correlation.
LEAST_RANK = 0.8
#: By which factor the expected number of churns may differ.
LEVEL = 1.25
#: By which factor the expected loss may differ: more, since a few large accounts decide it.
LOSS_LEVEL = 1.5


def check_agreement(champion: np.ndarray, model: np.ndarray, value: np.ndarray) -> list[Check]:
    """Compare two models' probabilities of the same customers.

    Parameters
    ----------
    champion, model : arrays of shape (n,)
        Churn probabilities, 0-1.
    value : array of shape (n,)
        Yearly value, currency, 0 or more.
    """
    rank = float(spearmanr(champion, model).statistic) if len(value) > 2 else float("nan")
    counts = model.sum() / max(champion.sum(), 1e-12)
    losses = (model @ value) / max(float(champion @ value), 1e-12) if value.any() else 1.0
    ranking = f"rank correlation {rank:.3f} on {len(value):,} customers, allowed from {LEAST_RANK}"
    return [
        Check("rank agreement", rank >= LEAST_RANK, ranking),
        _level("expected churns", float(counts), LEVEL),
        _level("expected loss", float(losses), LOSS_LEVEL),
    ]


def _level(name: str, ratio: float, factor: float) -> Check:
    found = f"{ratio:.2f} times the champion's {name}, allowed {1 / factor:.2f} to {factor:.2f}"
    return Check(name, 1 / factor <= ratio <= factor, found)
