"""The worth of each family of signals: the model is fitted without it and judged on the same rows.

In: an origin and the model fitted at it. Out: an `Ablated` per family.

Weighting, number of rounds and weights of the experts stay as chosen with all signals. A family that other families can
replace has little worth here, even if the model uses it much.

Dates a month apart hold nearly the same records. So where there are many rows the fits with and without a family learn
from every third date, and with larger steps of the trees: what one loses against the other stays within chance of what
whole fits say, at a third of their time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from features.machine.threads import in_parallel
from features.signal import all_signals
from training.judge.origins import Origin
from training.judge.verdict import figure_of
from training.models.fitting import Fitted, Progress, silent
from training.models.folds import MANY_ROWS, learnable_part
from training.models.margin import Recipe, fit_margin
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, difference, intervals

MEASURES = ("roc_auc", "captured_10")
#: Every which date the fits learn from, where there are many rows.
EVERY = 3


@dataclass(frozen=True)
class Ablated:
    """The loss without one family of signals.

    Attributes
    ----------
    family : str
    signals : int
    worth : mapping of measure to Interval
        ROC AUC and captured share of the model minus those of the model without the family.
    every : int
        Both were fitted on one in so many dates.
    """

    family: str
    signals: int
    worth: dict[str, Interval]
    every: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        worth = {measure: interval.as_dict() for measure, interval in self.worth.items()}
        return {"family": self.family, "signals": self.signals, "every": self.every, **worth}


def ablate(
    origin: Origin, fitted: Fitted, settings: TrainingSettings, progress: Progress = silent
) -> tuple[Ablated, ...]:
    """Return every family with known values in the slices learnt from, the most valuable first.

    Parameters
    ----------
    origin : Origin
        Slices to learn from and rows to judge on.
    fitted : Fitted
        The model fitted at the origin with all signals.
    """
    families: dict[str, np.ndarray] = {}
    for position, signal in enumerate(all_signals()):
        families.setdefault(signal.family, np.zeros(len(all_signals()), dtype=bool))[position] = True
    known = origin.learnt.matrix.signals.notna().any().to_numpy()
    families = {name: mask for name, mask in families.items() if (mask & known).any()}
    learnt, recipe = _learnt(origin, fitted, settings)

    def judged(removed: np.ndarray) -> np.ndarray:
        margin = fit_margin(_without(learnt, removed), recipe, fitted.margin.weights)
        return fitted.calibrator(margin(_without(origin.test, removed).matrix))

    whole = {} if recipe.settings == settings else {"": np.zeros(len(all_signals()), dtype=bool)}
    masks, steps = whole | families, count(1)
    progress("leaving out families of signals", 0, len(masks))
    probabilities = in_parallel(
        judged,
        masks.values(),
        len(learnt),
        lambda: progress("leaving out families of signals", next(steps), len(masks)),
    )
    without = dict(zip(masks, probabilities, strict=True))
    with_all = without.pop("") if whole else fitted.probability(origin.test.matrix)
    worth = _worth(origin.test, with_all, without, settings)
    every = recipe.settings.every
    ablations = [Ablated(name, int((mask & known).sum()), worth[name], every) for name, mask in families.items()]
    return tuple(sorted(ablations, key=lambda ablation: -ablation.worth["roc_auc"].value))


def _learnt(origin: Origin, fitted: Fitted, settings: TrainingSettings) -> tuple[Dataset, Recipe]:
    """Return the rows that the fits learn from, and their recipe."""
    rounds = fitted.choice.rounds
    if len(origin.learnt) > MANY_ROWS:
        fit, rounds = settings.fit.in_larger_steps(rounds)
        settings = replace(settings, fit=fit, every=settings.every * EVERY)
    recipe = Recipe(settings, rounds, fitted.choice.weighting, fitted.margin.linear.penalty)
    return learnable_part(origin.learnt, settings), recipe


def _without(data: Dataset, removed: np.ndarray) -> Dataset:
    return Dataset(data.matrix.masked(np.repeat(removed[None, :], len(data), axis=0)), data.churned)


def _worth(
    test: Dataset, whole: np.ndarray, without: dict[str, np.ndarray], settings: TrainingSettings
) -> dict[str, dict[str, Interval]]:
    figures: dict[str, Figure] = {}
    for measure in MEASURES:
        ours = figure_of(measure, test, whole, settings, {})
        figures |= {
            f"{measure} {name}": difference(ours, figure_of(measure, test, probability, settings, {}))
            for name, probability in without.items()
        }
    differences = intervals(test.accounts, figures, settings.bootstraps, settings.seed)
    return {name: {measure: differences[f"{measure} {name}"] for measure in MEASURES} for name in without}
