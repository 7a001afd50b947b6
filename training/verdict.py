"""The verdict on a model: its metrics beside every rival's on the same rows, intervals, and a grade.

The grade compares with the best naive rule by ROC AUC, with the paired, account-clustered interval of the difference:
A when its lower end is above .05 and the model catches at least as much lost revenue, B above .02, C above 0, else D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.baselines import RECENCY, REVENUE
from training.dataset import Dataset
from training.evaluation import Interval, Metrics, auc_figure, captured_figure, intervals, judge
from training.settings import TrainingSettings

NAIVE = (RECENCY.name, REVENUE.name)
MODEL = "model"


@dataclass(frozen=True)
class Verdict:
    """How the model and its rivals did.

    Attributes
    ----------
    as_of : tuple of str
        The dates judged at, ISO.
    metrics : mapping of name to Metrics
        'model' and every rival.
    intervals : mapping of name to Interval
        `roc_auc`, `captured_10`, and `roc_auc - RIVAL`, `captured_10 - RIVAL` for every rival.
    grade : 'A', 'B', 'C' or 'D', or None
        None where no naive rule was judged beside the model.
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


def judge_all(test: Dataset, probabilities: Mapping[str, np.ndarray], settings: TrainingSettings) -> Verdict:
    """Judge the model and its rivals on the same rows.

    Parameters
    ----------
    test : Dataset
        Rows of dates later than anything learnt from.
    probabilities : mapping of name to array of shape (n,)
        Churn probabilities, 'model' first.
    """
    metrics = {name: judge(test, probability) for name, probability in probabilities.items()}
    found = intervals(test, _figures(test, probabilities), settings.bootstraps, settings.seed)
    dates = tuple(np.datetime_as_string(np.unique(test.as_of), unit="D").tolist())
    return Verdict(dates, metrics, found, _grade(metrics, found))


def _figures(test: Dataset, probabilities: Mapping[str, np.ndarray]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for measure, figure in (("roc_auc", auc_figure), ("captured_10", captured_figure)):
        ours = _of(figure, test, probabilities[MODEL])
        figures[measure] = ours
        for name, probability in probabilities.items():
            if name != MODEL:
                figures[f"{measure} - {name}"] = _difference(ours, _of(figure, test, probability))
    return figures


def _of(figure: Any, test: Dataset, probability: np.ndarray) -> Any:
    return figure(test, probability if figure is auc_figure else probability * test.revenue)


def _difference(ours: Any, theirs: Any) -> Any:
    return lambda weight: ours(weight) - theirs(weight)


def _grade(metrics: Mapping[str, Metrics], found: Mapping[str, Interval]) -> str | None:
    naive = max((name for name in NAIVE if name in metrics), key=lambda name: metrics[name].roc_auc, default=None)
    if naive is None:
        return None
    low = found[f"roc_auc - {naive}"].low
    if low > 0.05 and found[f"captured_10 - {naive}"].value >= 0:
        return "A"
    return "B" if low > 0.02 else "C" if low > 0 else "D"
