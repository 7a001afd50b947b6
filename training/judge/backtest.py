"""Rolling origins: at each, model and rivals are fitted on the data known then, and judged on later outcomes.

In: a dataset of all mature slices. Out: a `Backtest`.

References
----------
Tashman, "Out-of-sample tests of forecasting accuracy: an analysis and review", 2000 (rolling origins).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np

from features.errors import NotEnoughData
from training.judge.origins import Origin, contend, spread_origins
from training.judge.verdict import MODEL, Verdict, judge_all, judge_silent
from training.models.choice import earlier_cutoffs
from training.models.fitting import Fitted, Progress, silent
from training.rivals import ALL, Rival
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import mean_of, whole
from training.worth.evaluation import Metrics, auc_figure, judge
from training.worth.reliability import Reliability, reliability
from training.worth.silent_already import SilentAlready

MEASURES = ("roc_auc", "captured_5", "captured_10", "captured_20", "profit_at_capacity", "profit_at_cutoff")
ORIGINS = 6
#: The model fitted at an origin, and the probabilities of the model and its rivals there.
Contest = tuple[Fitted, dict[str, np.ndarray]]


@dataclass(frozen=True)
class OriginFigures:
    """One origin: the data known at it, the model's choice, and its ROC AUC."""

    as_of: str
    learnt_slices: int
    learnt_rows: int
    rows: int
    churned: int
    weighting: str
    rounds: int
    roc_auc: float


@dataclass(frozen=True)
class Age:
    """Figures of the models of one age.

    Attributes
    ----------
    days : int
        Days from the origin at which a model was fitted to the date at which it was judged.
    pairs : int
        Number of (model, date) pairs.
    roc_auc : float
        Mean over the pairs.
    behind_fresh : float
        Mean ROC AUC minus that of the model fitted at the date itself.
    """

    days: int
    pairs: int
    roc_auc: float
    behind_fresh: float


@dataclass(frozen=True)
class Backtest:
    """Origins, verdict and figures of a backtest.

    Attributes
    ----------
    verdict : Verdict
        On the rows of all origins together: each measure is computed at each origin and averaged.
    seen, unseen : Metrics or None
        Metrics of the accounts that were, or were not, in an earlier slice; None when one outcome is missing.
    silent : SilentAlready or None
        The rows that had been silent already; None where churn is not told by silence.
    judged : Dataset
        The n rows of all origins.
    probabilities : dict of name to array of shape (n,)
        Churn probabilities of the model and every rival on the rows judged.
    """

    origins: tuple[OriginFigures, ...]
    verdict: Verdict
    seen: Metrics | None
    unseen: Metrics | None
    ages: tuple[Age, ...]
    reliability: Reliability
    silent: SilentAlready | None
    judged: Dataset = field(repr=False)
    probabilities: dict[str, np.ndarray] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the backtest as plain values; each measure of a rival has mean, interval and paired difference."""
        return {
            "origins": [asdict(origin) for origin in self.origins],
            "grade": self.verdict.grade,
            "rivals": {name: self._measures(name) for name in self.probabilities},
            "metrics": {name: metrics.as_dict() for name, metrics in self.verdict.metrics.items()},
            "seen_accounts": None if self.seen is None else self.seen.as_dict(),
            "unseen_accounts": None if self.unseen is None else self.unseen.as_dict(),
            "model_age": [asdict(age) for age in self.ages],
            "reliability": self.reliability.as_dict(),
            "silent_already": None if self.silent is None else self.silent.as_dict(),
            "behind": self.verdict.behind(),
        }

    def _measures(self, name: str) -> dict[str, Any]:
        measures = {}
        for measure in MEASURES:
            own = self.verdict.intervals[measure if name == MODEL else f"{measure} of {name}"].as_dict()
            paired = self.verdict.intervals.get(f"{measure} - {name}")
            measures[measure] = {
                "mean": own["value"],
                "low": own["low"],
                "high": own["high"],
                "difference": None if paired is None else paired.as_dict(),
            }
        return measures


def backtest(
    data: Dataset,
    settings: TrainingSettings,
    count: int = ORIGINS,
    rivals: Sequence[Rival] = ALL,
    progress: Progress = silent,
) -> Backtest:
    """Fit and judge model and rivals at up to `count` origins.

    Parameters
    ----------
    data : Dataset
        All mature slices.
    count : int
        Most origins to use, spread evenly over the dates.
    progress : callable
        Called as `Progress` before each origin.

    Raises
    ------
    NotEnoughData
        When there is no date at which the labels of an earlier date were known.
    """
    origins = spread_origins(data, settings, count)
    if not origins:
        raise NotEnoughData(
            f"no origin: the as-of dates run from {data.dates[0]} to {data.dates[-1]}, and a label is known "
            f"{settings.known_after_days} days after its date"
        )
    contests = []
    for step, origin in enumerate(origins):
        progress(f"origin {origin.test.dates[0]}", step, len(origins))
        contests.append(contend(origin, rivals, settings))
    progress("judging", len(origins), len(origins))
    return _judged(data, origins, contests, settings)


def _judged(
    data: Dataset, origins: Sequence[Origin], contests: Sequence[Contest], settings: TrainingSettings
) -> Backtest:
    """Judge the fits of every origin on the rows of all origins together."""
    judged = data.take(np.concatenate([data.rows_on(origin.test.dates) for origin in origins]))
    probabilities = {name: np.concatenate([by_name[name] for _, by_name in contests]) for name in contests[0][1]}
    cutoffs = {name: _cutoffs(judged, probability, settings) for name, probability in probabilities.items()}
    ours = probabilities[MODEL]
    known = np.concatenate([np.isin(origin.test.accounts, origin.learnt.accounts) for origin in origins])
    return Backtest(
        origins=tuple(_summary(*pair) for pair in zip(origins, contests, strict=True)),
        verdict=judge_all(judged, probabilities, settings, MEASURES, cutoffs),
        seen=_part(judged, ours, known, settings),
        unseen=_part(judged, ours, ~known, settings),
        ages=_ages(origins, [fitted for fitted, _ in contests]),
        reliability=reliability(judged, ours, settings),
        silent=judge_silent(judged, probabilities, settings),
        judged=judged,
        probabilities=probabilities,
    )


def _cutoffs(judged: Dataset, probability: np.ndarray, settings: TrainingSettings) -> dict[np.datetime64, float]:
    return earlier_cutoffs(judged, probability, settings)


def _summary(origin: Origin, contest: Contest) -> OriginFigures:
    fitted, probabilities = contest
    test = origin.test
    return OriginFigures(
        as_of=str(test.dates[0]),
        learnt_slices=len(origin.learnt.dates),
        learnt_rows=len(origin.learnt),
        rows=len(test),
        churned=int(test.churned.sum()),
        weighting=fitted.choice.weighting,
        rounds=fitted.choice.rounds,
        roc_auc=whole(auc_figure(test, probabilities[MODEL]), len(test)),
    )


def _part(judged: Dataset, probability: np.ndarray, rows: np.ndarray, settings: TrainingSettings) -> Metrics | None:
    try:
        return judge(judged.take(rows), probability[rows], settings.economics)
    except NotEnoughData:
        return None


def _ages(origins: Sequence[Origin], models: Sequence[Fitted]) -> tuple[Age, ...]:
    """Judge the model of every origin at its own date and at the dates of the later origins."""
    days: list[date] = [origin.test.dates[0] for origin in origins]
    pairs_by_age: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at, origin in enumerate(origins):
        ranked = [auc_figure(origin.test, model.probability(origin.test.matrix)) for model in models[: at + 1]]
        aucs = [whole(figure, len(origin.test)) for figure in ranked]
        for made_at, auc in enumerate(aucs):
            pairs_by_age[(days[at] - days[made_at]).days].append((auc, auc - aucs[-1]))
    return tuple(
        Age(age, len(pairs), mean_of([auc for auc, _ in pairs]), mean_of([behind for _, behind in pairs]))
        for age, pairs in sorted(pairs_by_age.items())
    )
