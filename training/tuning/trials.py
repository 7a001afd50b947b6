"""One trial of tuning: settings go in, figures on purged forward folds come out.

The folds are measured one after another, so that a trial can stop early. The figure of a trial after some folds is
comparable only with another trial's figure after the same folds: dates differ in what there was to earn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from training.models.choice import money_figure, rounds_for, rounds_of
from training.models.folds import OutOfFold, out_of_fold, round_steps, splits
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.tuning.search_space import Value, starting_point
from training.worth.bootstrap import drawn, whole

State = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True)
class Reached:
    """What settings reached on the folds so far.

    Attributes
    ----------
    profit : float
        Mean of the profit at capacity and at an earlier cutoff, in currency an account.
    ranking : float
        Mean of plain and revenue-weighted ROC AUC, over the dates; 0-1.
    """

    profit: float
    ranking: float


@dataclass(frozen=True)
class Measured:
    """What settings reached on all folds.

    Attributes
    ----------
    draws : tuple of float
        The profit on resampled accounts, in currency an account. All trials use the same resamples, so that two trials
        can be paired.
    """

    reached: Reached
    draws: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class Trial:
    """A trial as the study records it.

    Attributes
    ----------
    number : int
        Its place in the sequence; 0 has the settings that tuning starts from.
    state : 'finished', 'pruned' or 'failed'
    parameters : mapping of name to value
    folds : tuple of Reached
        What it reached after the first fold, after the first two, and so on.
    draws : tuple of float
        See `Measured`; empty unless it finished.
    why : str
        Why it failed.
    started_at, ended_at : float
        Seconds since the epoch.
    """

    number: int
    state: State
    parameters: dict[str, Value]
    folds: tuple[Reached, ...]
    draws: tuple[float, ...] = field(repr=False)
    why: str
    started_at: float
    ended_at: float

    @property
    def reached(self) -> Reached:
        """What it reached on all folds that it was measured on."""
        return self.folds[-1]

    def as_dict(self) -> dict[str, Any]:
        """Return the trial as plain values, without its draws."""
        values = asdict(self)
        del values["draws"]
        return values


def measure(
    data: Dataset, settings: TrainingSettings, stop: Callable[[int, Reached], bool] = lambda step, reached: False
) -> Measured | None:
    """Measure settings on forward-chained folds.

    Parameters
    ----------
    settings : TrainingSettings
        The trees use its weighting scheme, or the first scheme if it fixes none.
    stop : function of (folds before this one, what was reached) to bool
        Asked after each fold whether to stop; the answer after the last fold changes nothing.

    Returns
    -------
    Measured or None
        None if the trial was stopped.
    """
    settings = rounds_for(settings, data.leavers)
    fold_splits, folded = splits(data, settings)
    scheme = str(starting_point(settings)["weighting"])
    folds: list[OutOfFold] = []
    for step, split in enumerate(fold_splits):
        folds.append(out_of_fold(data, split, settings, (scheme,)))
        reached = _reached(data, folds, scheme, settings, folded)
        if stop(step, reached) and len(folds) < len(fold_splits):
            return None
    return Measured(reached, _draws(data, folds, scheme, settings, folded))


def _reached(
    data: Dataset, folds: Sequence[OutOfFold], scheme: str, settings: TrainingSettings, folded: str
) -> Reached:
    rounds = rounds_of(folds, scheme, settings, folded)
    judged = sum(len(fold.valid) for fold in folds)
    profit = whole(money_figure(data, folds, scheme, rounds, settings), judged)
    curve = np.nanmean(np.concatenate([fold.curves[scheme] for fold in folds]), axis=0)
    return Reached(profit, float(curve[round_steps(settings).index(rounds)]))


def _draws(
    data: Dataset, folds: Sequence[OutOfFold], scheme: str, settings: TrainingSettings, folded: str
) -> tuple[float, ...]:
    figure = money_figure(data, folds, scheme, rounds_of(folds, scheme, settings, folded), settings)
    accounts = data.accounts[np.concatenate([fold.valid for fold in folds])]
    return tuple(drawn(accounts, {"profit": figure}, settings.bootstraps, settings.seed)["profit"].tolist())
