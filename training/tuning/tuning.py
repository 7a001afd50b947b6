"""What tuning found, and whether it beat the settings it started from on dates that no trial had seen.

Which trial: money decides only where it can tell, as for the weighting (see `training.models.choice`). One giant
account can decide what a trial earned, and the best of many noisy figures is the luckiest. So among the trials that the
one that earned most does not beat beyond chance, by the paired, account-clustered interval, the one that ranks best is
taken.

Whether: both settings are fitted on what was known at the latest origin and judged on what came after. The tuned ones
are taken when they earn more there and rank no worse: one account can decide the profit, every account has a say in the
ranking. Where they earn more beyond chance, they may rank worse within chance. More is not asked for: on a book of
ordinary size next to nothing is beyond chance, and settings that the folds prefer cost nothing where they are merely as
good. The verdict of the run is given on the same dates, which have so decided between two settings, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from features.errors import NotEnoughData
from training.judge.origins import Origin
from training.judge.paired import Paired
from training.judge.verdict import DECIDING, figure_of
from training.models.fitting import Progress, fit_model, silent
from training.settings import TrainingSettings
from training.tuning.search_space import applied
from training.tuning.trials import Trial
from training.worth.bootstrap import Interval, difference, interval_of, intervals

Objectives = Literal["profit", "auc", "both"]


@dataclass(frozen=True)
class HeldOut:
    """The tuned settings beside those tuning started from, on rows that no trial had seen.

    Attributes
    ----------
    as_of : tuple of str
        The dates judged at, ISO.
    rows : int
    how : str
        How these rows were held out.
    figures : mapping of measure to Paired
        Of the settings tuning started from (`first`) and the tuned ones (`second`): roc_auc and captured_10 (0-1),
        profit_at_capacity (currency an account).
    """

    as_of: tuple[str, ...]
    rows: int
    how: str
    figures: Mapping[str, Paired]

    @property
    def won(self) -> bool:
        """Whether the tuned settings earned more and ranked no worse; see the module's docstring."""
        profit, auc = self._gain("profit_at_capacity"), self._gain("roc_auc")
        return profit.value > 0 and (auc.value >= 0 or (profit.above and not auc.below))

    def _gain(self, measure: str) -> Interval:
        return self.figures[measure].difference

    def __str__(self) -> str:
        """Return the gains with their intervals."""
        profit, auc = self._gain("profit_at_capacity"), self._gain("roc_auc")
        return (
            f"profit at capacity {profit.value:+,.2f} an account ({profit.low:+,.2f} to {profit.high:+,.2f}), "
            f"ROC AUC {auc.value:+.3f} ({auc.low:+.3f} to {auc.high:+.3f})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            "as_of": list(self.as_of),
            "rows": self.rows,
            "how": self.how,
            **{name: paired.as_dict() for name, paired in self.figures.items()},
        }


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes
    ----------
    study : str
        Its name; the same name goes on with it.
    kept_in : str
        Journal file or database address, without its password.
    objectives : 'profit', 'auc' or 'both'
    defaults, tuned : TrainingSettings
        Those tuning started from and those of the best trial.
    best : Trial
    trials : tuple of Trial
        All of the study, by number.
    held_out : HeldOut or None
        None where the best trial is the one that tuning started from.
    """

    study: str
    kept_in: str
    objectives: Objectives
    defaults: TrainingSettings
    tuned: TrainingSettings
    best: Trial
    trials: tuple[Trial, ...] = field(repr=False)
    held_out: HeldOut | None

    @property
    def adopted(self) -> bool:
        """Whether the tuned settings beat those tuning started from."""
        return self.held_out is not None and self.held_out.won

    @property
    def settings(self) -> TrainingSettings:
        """The settings to train with."""
        return self.tuned if self.adopted else self.defaults

    @property
    def counts(self) -> dict[str, int]:
        """How many trials finished, were pruned and failed."""
        states = Counter(trial.state for trial in self.trials)
        return {state: states[state] for state in ("finished", "pruned", "failed")}

    def __str__(self) -> str:
        """Return how many trials there were, and whether they were of use."""
        states = ", ".join(f"{many} {state}" for state, many in self.counts.items())
        return f"tuning, {len(self.trials)} trials ({states}; study {self.study} in {self.kept_in}): {self.why}"

    @property
    def why(self) -> str:
        """Whether tuning beat the settings it started from, with the figures, in words."""
        if self.held_out is None:
            return "no trial was better than the defaults on the folds; the defaults stay"
        if not self.adopted:
            return f"the best did not beat the defaults on rows no trial had seen: {self.held_out}; the defaults stay"
        chance = "" if self.held_out.figures["profit_at_capacity"].difference.above else ", not beyond chance"
        return f"the best beat the defaults on rows no trial had seen{chance}: {self.held_out}"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "study": self.study,
            "kept_in": self.kept_in,
            "objectives": self.objectives,
            "trials": len(self.trials),
            **self.counts,
            "best": self.best.as_dict() | asdict(self.best.reached),
            "held_out": None if self.held_out is None else self.held_out.as_dict(),
            "adopted": self.adopted,
            "why": self.why,
            "all": [trial.as_dict() for trial in self.trials],
        }


def best_of(trials: Sequence[Trial], objectives: Objectives) -> Trial:
    """Return the best of the trials that finished; see the module's docstring for how.

    Parameters
    ----------
    objectives : 'profit', 'auc' or 'both'
        For 'auc' the one that ranks best, whatever it earned.

    Raises
    ------
    NotEnoughData
        When none finished.
    """
    finished = [trial for trial in trials if trial.state == "finished"]
    if not finished:
        failed = next((f": {trial.why}" for trial in trials if trial.why), "")
        raise NotEnoughData(f"none of {len(trials)} trials finished{failed}")
    richest = max(finished, key=lambda trial: trial.reached.profit)
    near = finished if objectives == "auc" else [trial for trial in finished if not _beyond_chance(richest, trial)]
    return max(near, key=lambda trial: trial.reached.ranking)


def _beyond_chance(richest: Trial, trial: Trial) -> bool:
    lead = richest.reached.profit - trial.reached.profit
    return interval_of(lead, (np.array(richest.draws) - np.array(trial.draws)).tolist()).above


def conclude(
    study: str,
    kept_in: str,
    objectives: Objectives,
    settings: TrainingSettings,
    trials: Sequence[Trial],
    origin: Origin,
    progress: Progress = silent,
) -> Tuning:
    """Take the best trial and judge it beside the settings that tuning started from.

    Parameters
    ----------
    settings : TrainingSettings
        Those that tuning started from.
    origin : Origin
        The trials were measured within `learnt`; `test` no trial has seen.
    """
    best = best_of(trials, objectives)
    tuned = applied(settings, best.parameters)
    held_out = None if best.number == 0 else hold_out(origin, settings, tuned, progress)
    return Tuning(study, kept_in, objectives, settings, tuned, best, tuple(trials), held_out)


def hold_out(
    origin: Origin, defaults: TrainingSettings, tuned: TrainingSettings, progress: Progress = silent
) -> HeldOut:
    """Fit both settings on what was known at an origin, and judge them on what came after, paired."""
    test, sides = origin.test, []
    for settings in (defaults, tuned):
        sides.append(fit_model(origin.learnt, settings, progress).probability(test.matrix))
    pairs = {name: [figure_of(name, test, probability, defaults, {}) for probability in sides] for name in DECIDING}
    gaps = {name: difference(second, first) for name, (first, second) in pairs.items()}
    gap_intervals = intervals(test.accounts, gaps, defaults.bootstraps, defaults.seed)
    each = np.ones(len(test))
    figures = {name: Paired(first(each), second(each), gap_intervals[name]) for name, (first, second) in pairs.items()}
    return HeldOut(tuple(map(str, test.dates)), len(test), origin.how, figures)
