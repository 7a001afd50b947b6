"""The verdict on a model: its metrics and every rival's on the same rows, with intervals and a grade.

In: labelled rows and the churn probabilities of the model and its rivals. Out: a `Verdict`.

The grade compares the ROC AUC with that of the best naive rule, by the paired, account-clustered interval of the
difference. The grade is A when the interval's lower end is above .05 and the model captures at least as much lost
revenue, B above .02, C above 0, else D. It is at most C when a deciding measure is worse than the reigning champion's
beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.rivals import CHEAP, RECENCY
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, drawn, interval_of, whole
from training.worth.evaluation import Metrics, auc_figure, captured_figure, cutoff_figure, judge, profit_figure
from training.worth.silent_already import SilentAlready, apart

MODEL, REIGNING = "model", "reigning champion"
#: Measures that a training run compares with intervals. A backtest adds the profit at an earlier cutoff.
COMPARED = ("roc_auc", "captured_5", "captured_10", "captured_20", "profit_at_capacity")
#: Measures that may lower the grade when they are worse than the champion's.
DECIDING = ("roc_auc", "captured_10", "profit_at_capacity")
Cutoffs = Mapping[np.datetime64, float]


@dataclass(frozen=True)
class Verdict:
    """Metrics of the model and its rivals, with intervals and the grade.

    Attributes
    ----------
    as_of : tuple of str
        The dates of the rows judged, ISO.
    metrics : mapping of name to Metrics
        'model' and every rival.
    intervals : mapping of name to Interval
        For each measure `MEASURE` of the model, `MEASURE of RIVAL`, and the paired difference `MEASURE - RIVAL`.
    grade : 'A', 'B', 'C' or 'D', or None
        None when no naive rule was judged.
    """

    as_of: tuple[str, ...]
    metrics: Mapping[str, Metrics]
    intervals: Mapping[str, Interval]
    grade: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return {
            "as_of": list(self.as_of),
            "grade": self.grade,
            "metrics": {name: metrics.as_dict() for name, metrics in self.metrics.items()},
            "intervals": {name: interval.as_dict() for name, interval in self.intervals.items()},
        }

    @property
    def grade_why(self) -> str:
        """What the grade was decided by, in words."""
        best = _best_rule(self.metrics)
        if best is None:
            return "no naive rule was judged"
        lead = self.intervals[f"roc_auc - {best}"]
        takes = ", ".join(f"{name} takes more than {bound:g}" for name, bound in GRADES.items())
        capped = "; at most C, being worse than the champion" if _worse_than_champion(self.intervals) else ""
        return (
            f"ROC AUC {self.metrics[MODEL].roc_auc:.3f}; the best naive rule, {best}, has "
            f"{self.metrics[best].roc_auc:.3f}; the lead is {lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}), "
            f"of whose lower end {takes}{capped}"
        )

    def behind(self) -> list[str]:
        """Return `MEASURE - RIVAL` for each measure in which a rival is better beyond chance."""
        return [name for name, interval in self.intervals.items() if " - " in name and interval.below]


def judge_all(
    test: Dataset,
    probabilities: Mapping[str, np.ndarray],
    settings: TrainingSettings,
    measures: Sequence[str] = COMPARED,
    cutoffs: Mapping[str, Cutoffs] | None = None,
) -> Verdict:
    """Judge the model and its rivals on the same rows.

    Parameters
    ----------
    test : Dataset
        n rows of dates later than all slices learnt from.
    probabilities : mapping of name to array of shape (n,)
        Churn probabilities, 'model' first.
    measures : sequence of str
        roc_auc, captured_5, captured_10, captured_20, profit_at_capacity, profit_at_cutoff.
    cutoffs : mapping of name to mapping of date to float, optional
        For `profit_at_cutoff`: the cutoff of expected profit that was set for each name before each date.
    """
    metrics = {name: judge(test, probability, settings.economics) for name, probability in probabilities.items()}
    figures = {
        (measure, name): figure_of(measure, test, probability, settings, (cutoffs or {}).get(name, {}))
        for measure in measures
        for name, probability in probabilities.items()
    }
    intervals = _paired(figures, test.accounts, settings)
    return Verdict(tuple(map(str, test.dates)), metrics, intervals, grade(metrics, intervals))


def judge_silent(
    test: Dataset, probabilities: Mapping[str, np.ndarray], settings: TrainingSettings
) -> SilentAlready | None:
    """Tell which of the same rows had been silent already; None where churn is not told by silence."""
    recency = probabilities.get(RECENCY.name)
    return apart(test, settings.rule, probabilities[MODEL], recency, settings.bootstraps, settings.seed)


def _paired(
    figures: Mapping[tuple[str, str], Figure], accounts: np.ndarray, settings: TrainingSettings
) -> dict[str, Interval]:
    """Return the intervals of every figure and of the model's lead over each rival, all on the same resamples."""
    draws = drawn(accounts, figures, settings.bootstraps, settings.seed)
    value = {key: whole(figure, len(accounts)) for key, figure in figures.items()}
    intervals = {}
    for (measure, name), own in draws.items():
        model = (measure, MODEL)
        if name == MODEL:
            intervals[measure] = interval_of(value[model], own)
        else:
            intervals[f"{measure} of {name}"] = interval_of(value[measure, name], own)
            lead = value[model] - value[measure, name]
            intervals[f"{measure} - {name}"] = interval_of(lead, draws[model] - own)
    return intervals


def figure_of(
    measure: str, test: Dataset, probability: np.ndarray, settings: TrainingSettings, cutoffs: Cutoffs
) -> Figure:
    """Return one measure of one ranking as a function of row weights.

    Parameters
    ----------
    measure : str
        roc_auc, captured_N (N in percent), profit_at_capacity or profit_at_cutoff.
    test : Dataset
        n rows.
    probability : array of shape (n,)
        Churn probability, 0-1.
    cutoffs : mapping of date to float
        Cutoffs of expected profit; only `profit_at_cutoff` reads them.
    """
    if measure == "roc_auc":
        return auc_figure(test, probability)
    if measure == "profit_at_capacity":
        return profit_figure(test, probability, settings.economics)
    if measure == "profit_at_cutoff":
        return cutoff_figure(test, probability, settings.economics, cutoffs)
    return captured_figure(test, probability * test.revenue, int(measure.removeprefix("captured_")) / 100)


#: How far ahead of the best naive rule the lower end of the interval lies, for each grade.
GRADES = {"A": 0.05, "B": 0.02, "C": 0.0}


def grade(metrics: Mapping[str, Metrics], intervals: Mapping[str, Interval]) -> str | None:
    """Return the grade; None when no naive rule was judged."""
    best = _best_rule(metrics)
    if best is None:
        return None
    low = intervals[f"roc_auc - {best}"].low
    if low > GRADES["B"] and _worse_than_champion(intervals):
        return "C"
    if low > GRADES["A"] and intervals[f"captured_10 - {best}"].value >= 0:
        return "A"
    return "B" if low > GRADES["B"] else "C" if low > GRADES["C"] else "D"


def _best_rule(metrics: Mapping[str, Metrics]) -> str | None:
    rules = [rival.name for rival in CHEAP if rival.naive and rival.name in metrics]
    return max(rules, key=lambda name: metrics[name].roc_auc) if rules else None


def _worse_than_champion(intervals: Mapping[str, Interval]) -> bool:
    named = [f"{measure} - {REIGNING}" for measure in DECIDING]
    return any(intervals[name].below for name in named if name in intervals)
