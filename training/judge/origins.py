"""Origins: as-of dates at which a model is fitted on the data known then and judged on later outcomes.

In: a dataset and the settings. Out: `Origin`s, and churn probabilities of the model and its rivals at one of them. A
training run has one origin, at the latest dates; a backtest has many. Both use `contend`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.judge.verdict import MODEL
from training.models.fitting import Fitted, Progress, fit_model, silent
from training.models.folds import BY_ACCOUNT, FORWARD, by_account
from training.rivals import Rival, mean_in_log_odds
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.slices.preparing import LEAST_ACCOUNTS
from training.slices.slice_dates import forward_folds


@dataclass(frozen=True)
class Origin:
    """The data known at an origin, and rows whose outcome was not known then.

    Attributes
    ----------
    learnt : Dataset
        Slices whose labels were known at the first date of `test`.
    test : Dataset
        Rows of one or more dates.
    how : str
        How the two were split: `FORWARD` or `BY_ACCOUNT` of `training.models.folds`.
    """

    learnt: Dataset
    test: Dataset
    how: str


def known_at(data: Dataset, day: np.datetime64, settings: TrainingSettings) -> Dataset:
    """Return the rows whose labels were known at a day, after the embargo."""
    return data.take(np.flatnonzero(data.as_of + np.timedelta64(settings.known_after_days, "D") <= day))


def latest_origin(data: Dataset, settings: TrainingSettings) -> Origin:
    """Return the origin at which a training run is judged: the last block of dates that have a purged past.

    When there is no such block, accounts are held out instead.
    """
    folds = forward_folds(data.dates, settings.known_after_days, settings.folds)
    for fold in reversed(folds):
        origin = Origin(data.on(fold.train), data.on(fold.valid), FORWARD)
        if has_both_outcomes(origin):
            return origin
    learnt, valid = by_account(data, settings)[-1]
    return Origin(data.take(learnt), data.take(valid), BY_ACCOUNT)


def spread_origins(data: Dataset, settings: TrainingSettings, count: int) -> list[Origin]:
    """Return up to `count` origins of one date each, spread evenly over the possible ones, the last included."""
    origins = possible_origins(data, settings)
    if count == 1:
        return origins[-1:]
    picked = np.linspace(0, len(origins) - 1, min(count, len(origins))).round().astype(int)
    return [origins[i] for i in picked]


def possible_origins(data: Dataset, settings: TrainingSettings) -> list[Origin]:
    """Return an origin for each date with a purged past, oldest first.

    A date is left out when only one outcome occurred at it, or when too few accounts churned or stayed before it.
    """
    origins = []
    for day in data.dates:
        test = data.on([day])
        origin = Origin(known_at(data, test.as_of[0], settings), test, FORWARD)
        if has_both_outcomes(origin):
            origins.append(origin)
    return origins


def has_both_outcomes(origin: Origin) -> bool:
    """Whether accounts churned and stayed on both sides, with at least ten of each among those learnt from."""
    learnt, test = origin.learnt, origin.test
    accounts = [len(np.unique(learnt.accounts[learnt.churned == outcome])) for outcome in (True, False)]
    return min(accounts) >= LEAST_ACCOUNTS and 0 < test.churned.sum() < len(test)


def contend(
    origin: Origin, rivals: Iterable[Rival], settings: TrainingSettings, progress: Progress = silent
) -> tuple[Fitted, dict[str, np.ndarray]]:
    """Fit the model and every rival on the data known at an origin.

    Parameters
    ----------
    origin : Origin
        Its test rows are n.
    progress : callable
        Called as `Progress` while the model is fitted.

    Returns
    -------
    Fitted
        The model as it would have been fitted then.
    dict of name to array of shape (n,)
        Churn probabilities of the test rows, 'model' first.
    """
    fitted = fit_model(origin.learnt, settings, progress)
    return fitted, {MODEL: fitted.probability(origin.test.matrix)} | against(rivals, origin, settings)


def against(rivals: Iterable[Rival], origin: Origin, settings: TrainingSettings) -> dict[str, np.ndarray]:
    """Fit rivals on the data known at an origin; return each one's probabilities of the n test rows, shape (n,).

    One that is made of others listed before it takes theirs.
    """
    probabilities: dict[str, np.ndarray] = {}
    for rival in rivals:
        parts = [probabilities[part.name] for part in rival.parts if part.name in probabilities]
        if parts and len(parts) == len(rival.parts):
            probabilities[rival.name] = mean_in_log_odds(parts)
        else:
            probabilities[rival.name] = rival.fit(origin.learnt, settings)(origin.test.matrix)
    return probabilities
