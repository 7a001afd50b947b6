"""How many accounts a model needs: the model beside its rivals on growing books of four kinds.

python -m benchmarks curve
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.kinds.judged import TRUTH, measure
from benchmarks.kinds.kind import KINDS
from benchmarks.record import record, resumed
from training.judge.verdict import MODEL

#: Kinds that differ most in what tells who leaves: surveys, silence, contracts, next to nothing.
SHOWN = ("linear health", "abrupt leaving", "contracts only", "survey-poor")
#: Accounts -> seeds: a small book says little, so there are more of them.
SIZES = {100: range(8), 300: range(4), 1000: range(2), 3000: range(1)}
RIVALS = ("logistic regression", "recency alone", "BG/NBD", "signs only")


def curve() -> None:
    """Measure every kind at every size and record the means, and how far the model is behind the best rival."""
    found: dict[str, Any] = {}
    for name in SHOWN:
        for accounts, seeds in SIZES.items():
            key = f"{name.replace(' ', '-')}-{accounts}"
            runs = [resumed("curve", f"{key}-{seed}", partial(measure, KINDS[name], accounts, seed)) for seed in seeds]
            found[f"{name}, {accounts} accounts"] = _means(runs)
    means = {
        f"{accounts} accounts": {
            name: float(np.mean([found[f"{kind}, {accounts} accounts"][name] for kind in SHOWN]))
            for name in (MODEL, *RIVALS)
        }
        for accounts in SIZES
    }
    record("curve", {"seeds": {str(size): len(seeds) for size, seeds in SIZES.items()}, "mean": means, "kinds": found})


def _means(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return the mean ROC AUC of each contender, and of how many accounts that left the model learnt."""
    auc = {
        name: float(np.mean([run["contenders"][name]["roc_auc"] for run in runs])) for name in (MODEL, *RIVALS, TRUTH)
    }
    best = max(RIVALS, key=auc.__getitem__)
    left = float(np.mean([run["churned_accounts"] for run in runs]))
    return auc | {"churned_accounts": left, "lead_over_the_best_rival": auc[MODEL] - auc[best]}
