"""Figures of several seeds put together: means, and paired differences with the interval that the seeds give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t


def mean_interval(figures: Sequence[float]) -> dict[str, float]:
    """Return the mean of independent figures with its 95 % interval by Student's t."""
    values = np.array(figures, float)
    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    mean = float(values.mean())
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def compared(found: Sequence[dict[str, Any]], measure: str, ours: str = "model") -> dict[str, Any]:
    """Return each name's mean of one measure over the seeds, and ours less its with the interval of the seeds.

    Parameters
    ----------
    found : sequence of dict of name to dict of measure to float
        One a seed.
    """
    own = [one[ours][measure] for one in found]
    made: dict[str, Any] = {ours: mean_interval(own)}
    for name in found[0]:
        if name != ours:
            theirs = [one[name][measure] for one in found]
            lead = mean_interval(np.subtract(own, theirs).tolist())
            made[name] = {"mean": float(np.mean(theirs)), "lead": lead}
    return made
