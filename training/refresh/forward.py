"""A new model beside the champion as it is served, on rows whose outcomes neither has learnt.

In: the slices of the new book and the champion. Out: checks, or None where too few have churned for them.

The rows' as-of dates lie at or after the end of the champion's data, so the champion needs no refit and its age counts.
The new model has learnt those outcomes. What is judged in its place is a model of the same recipe, made of the new book
as it was known at the first of the dates. The later that is, the more it knows that the champion does not: where the
champion is old enough, it is the model of the run's own verdict, else one made at the latest date that leaves enough to
judge by. Made at the end of the champion's data it only shows whether recipe and book still give the same model, so
that the two must agree on today's book as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from training.bundle.bundle import Bundle
from training.judge.origins import Origin, has_both_outcomes, known_at
from training.judge.verdict import figure_of
from training.models.fitting import Fitted, Progress, fit_model
from training.models.folds import FORWARD
from training.refresh.checks import Check
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, difference, intervals, mean_over, one_by_one
from training.worth.evaluation import calibration_error, date_rows

#: Fewest accounts that churned on the forward rows: with fewer the intervals are wider than any margin worth stating.
LEAST_CHURNED = 30
#: So many allow a later date, at which the model judged knows more: the intervals still tell within the margin.
ENOUGH_CHURNED = 2 * LEAST_CHURNED
#: How far the ROC AUC may lie below the champion's at the lower end of the paired interval.
RANKING_MARGIN = 0.02
#: How far the calibration error may lie above the champion's at the lower end of the paired interval: half a point of
#: probability is less than anyone reads from a score.
CALIBRATION_MARGIN = 0.005


@dataclass(frozen=True)
class ForwardRows:
    """Rows after the champion's data, and the two probabilities of each, shape (n,).

    Attributes
    ----------
    is_fresher : bool
        Whether the model judged knew a slice that the champion does not.
    """

    data: Dataset
    champion: np.ndarray
    model: np.ndarray
    is_fresher: bool

    def described(self) -> str:
        """Return in words what they are."""
        dates = self.data.dates
        when = str(dates[0]) if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        return f"{len(self.data):,} rows at {when}, {churned_accounts(self.data):,} accounts churned"


def churned_accounts(data: Dataset) -> int:
    """Return how many accounts churned, each counted once."""
    return data.leavers


def forward_rows(
    data: Dataset,
    champion: Bundle,
    known_until: date,
    origin: Origin,
    then: Fitted,
    settings: TrainingSettings,
    progress: Progress,
) -> ForwardRows | None:
    """Return the forward rows with both probabilities; None where fewer than `LEAST_CHURNED` accounts churned there.

    Parameters
    ----------
    data : Dataset
        All mature slices of the new book.
    known_until : date
        First day that the champion's data do not hold.
    origin, then : Origin, Fitted
        Where the run judged its model, and the model fitted there.
    """
    if origin.how == FORWARD and min(origin.test.dates) >= known_until and _is_enough(origin.test):
        return _beside(origin, champion, then)
    test = _latest(data.on(day for day in data.dates if day >= known_until))
    if not len(test) or not _is_enough(test):
        return None
    own = Origin(known_at(data, test.as_of.min(), settings), test, FORWARD)
    if not has_both_outcomes(own):
        return None
    progress("judging beside the champion as served", 0, 1)
    return _beside(own, champion, fit_model(own.learnt, settings))


def _latest(rows: Dataset) -> Dataset:
    """Return the rows from the latest date on that leaves `ENOUGH_CHURNED` accounts; all, if they are fewer."""
    for back in range(1, len(rows.dates)):
        part = rows.on(rows.dates[-back:])
        if churned_accounts(part) >= ENOUGH_CHURNED:
            return part
    return rows


def _is_enough(test: Dataset) -> bool:
    return churned_accounts(test) >= LEAST_CHURNED and bool(date_rows(test))


def _beside(origin: Origin, champion: Bundle, model: Fitted) -> ForwardRows:
    matrix = origin.test.matrix
    served = champion.calibrator(champion.margin(matrix))
    is_fresher = max(origin.learnt.dates) > max(champion.manifest.slices)
    return ForwardRows(origin.test, served, model.probability(matrix), is_fresher)


def check_forward(rows: ForwardRows, settings: TrainingSettings) -> list[Check]:
    """Check ranking, money and calibration by paired intervals; the champion is deducted."""
    data, sides = rows.data, (rows.model, rows.champion)

    def lead(measure: str) -> Figure:
        return difference(*(figure_of(measure, data, side, settings, {}) for side in sides))

    figures = {
        "roc_auc": lead("roc_auc"),
        "profit_at_capacity": lead("profit_at_capacity"),
        "calibration_error": difference(*(_calibration_figure(data, side) for side in sides)),
    }
    found = intervals(data.accounts, figures, settings.bootstraps, settings.seed)
    ranking, money, calibration = (found[name] for name in figures)
    return [
        Check("ranking", ranking.low >= -RANKING_MARGIN, f"roc_auc {_text(ranking)}, allowed from -{RANKING_MARGIN}"),
        Check("money", not money.below, f"profit_at_capacity {_text(money)}, allowed unless worse beyond chance"),
        Check(
            "calibration",
            calibration.low <= CALIBRATION_MARGIN,
            f"calibration error {_text(calibration)}, allowed to begin up to +{CALIBRATION_MARGIN}",
        ),
    ]


def _calibration_figure(data: Dataset, probability: np.ndarray) -> Figure:
    """Return the mean calibration error over the dates as a function of row weights."""
    dates = date_rows(data)

    def figure(weight: np.ndarray) -> float:
        parts = [calibration_error(data.churned[rows], probability[rows], weight[rows]) for rows in dates]
        return float(mean_over([np.array(part) for part in parts]))

    return one_by_one(figure)


def _text(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
