"""The result of tuning: ended trials go in, the best trial and whether its settings are used come out.

Which trial is best: money decides only beyond chance, as for the weighting (see `training.models.choice`). One giant
account can decide what a trial earned, and the best of many noisy figures is the luckiest. The trial that earned most
beats some trials beyond chance, by the paired, account-clustered interval. Among the trials that it does not beat, the
one with the best ranking is taken.

Whether its settings are used: the starting settings and the tuned settings are both fitted on what was known at the
latest origin and judged on the dates after it, which no trial had seen. The tuned settings are used if they earn more
there and rank no worse: one account can decide the profit, but every account counts in the ranking. If they earn more
beyond chance, they may rank worse within chance. Nothing more is required: on a book of ordinary size hardly any
difference is beyond chance, and settings that the folds prefer cost nothing if they are only as good. The verdict of
the run uses the same dates, which have then decided once between two settings.
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
from training.worth.bootstrap import Interval, difference, interval_of, intervals, whole

Objectives = Literal["profit", "auc", "both"]


@dataclass(frozen=True)
class HeldOut:
    """The tuned settings beside the starting settings, on rows that no trial had seen.

    Attributes
    ----------
    as_of : tuple of str
        The dates that the settings were judged at, ISO.
    rows : int
    how : str
        How these rows were held out.
    figures : mapping of measure to Paired
        For the starting settings (`first`) and the tuned settings (`second`): roc_auc and captured_10 (0-1),
        profit_at_capacity (currency an account).
    """

    as_of: tuple[str, ...]
    rows: int
    how: str
    figures: Mapping[str, Paired]

    @property
    def won(self) -> bool:
        """Whether the tuned settings earned more and ranked no worse; the module's docstring gives the rule."""
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
    """The result of tuning.

    Attributes
    ----------
    study : str
        Name of the study; a run with the same name continues it.
    kept_in : str
        Journal file or database address, without its password.
    objectives : 'profit', 'auc' or 'both'
    defaults, tuned : TrainingSettings
        The starting settings, and the settings of the best trial.
    best : Trial
    trials : tuple of Trial
        All trials of the study that ended, by number.
    held_out : HeldOut or None
        None if the best trial is the one with the starting settings.
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
        """Whether the tuned settings beat the starting settings."""
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
        """Return how many trials ended, and whether the tuned settings are used."""
        states = ", ".join(f"{many} {state}" for state, many in self.counts.items())
        return f"tuning, {len(self.trials)} trials ({states}; study {self.study} in {self.kept_in}): {self.why}"

    @property
    def why(self) -> str:
        """Whether the tuned settings beat the starting settings, with the figures, in words."""
        if self.held_out is None:
            return "no trial was better than the defaults on the folds; the defaults stay"
        if not self.adopted:
            return f"the best did not beat the defaults on rows no trial had seen: {self.held_out}; the defaults stay"
        chance = "" if self.held_out.figures["profit_at_capacity"].difference.above else ", not beyond chance"
        return f"the best beat the defaults on rows no trial had seen{chance}: {self.held_out}"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
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
    """Return the best of the trials that finished; the module's docstring gives the rule.

    Parameters
    ----------
    objectives : 'profit', 'auc' or 'both'
        With 'auc' the trial with the best ranking is the best, whatever it earned.

    Raises
    ------
    NotEnoughData
        When no trial finished.
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
    """Take the best trial and judge it beside the starting settings.

    Parameters
    ----------
    study, kept_in : str
        Name of the study, and its place without a password.
    objectives : 'profit', 'auc' or 'both'
    settings : TrainingSettings
        The settings that tuning started from.
    trials : sequence of Trial
        The trials that ended.
    origin : Origin
        The trials were measured on rows of `learnt`; no trial has seen `test`.
    progress : Progress
        Called with what is being done and how far it is.
    """
    best = best_of(trials, objectives)
    tuned = applied(settings, best.parameters)
    held_out = None if best.number == 0 else hold_out(origin, settings, tuned, progress)
    return Tuning(study, kept_in, objectives, settings, tuned, best, tuple(trials), held_out)


def hold_out(
    origin: Origin, defaults: TrainingSettings, tuned: TrainingSettings, progress: Progress = silent
) -> HeldOut:
    """Fit both settings on what was known at an origin, and compare them, paired, on what came after.

    Parameters
    ----------
    origin : Origin
        Both settings are fitted on `learnt` and judged on `test`.
    defaults : TrainingSettings
        The starting settings; their economics and seed apply to both.
    tuned : TrainingSettings
    progress : Progress
        Called with what is being done and how far it is.
    """
    test, sides = origin.test, []
    for settings in (defaults, tuned):
        sides.append(fit_model(origin.learnt, settings, progress).probability(test.matrix))
    pairs = {name: [figure_of(name, test, probability, defaults, {}) for probability in sides] for name in DECIDING}
    gaps = {name: difference(second, first) for name, (first, second) in pairs.items()}
    gap_intervals = intervals(test.accounts, gaps, defaults.bootstraps, defaults.seed)
    figures = {
        name: Paired(whole(first, len(test)), whole(second, len(test)), gap_intervals[name])
        for name, (first, second) in pairs.items()
    }
    return HeldOut(tuple(map(str, test.dates)), len(test), origin.how, figures)
