"""Fit a model on labelled slices.

In: a dataset and the settings. Out: a `Fitted`. `train` fits a model in this way at the end of the data, and a backtest
at each origin.

Forward-chained folds give margins of rows that the trees did not see. Those margins choose the weighting and the number
of rounds; a weighting that the earlier folds rank clearly behind is not tried on the later ones. Then the experts are
fitted again on every slice as chosen, so the choice costs no recent data.

The weights of the experts (see `training.models.margin`) are taught by accounts that the experts did not see, because
these folds learn from nearly as many accounts as the refit. A forward fold learns from few, which is to the
disadvantage of the trees. Where churn is silence, forward folds teach them: how much all customers buy in a period is
the same for accounts seen and unseen, so only a later period tells what an expert is worth. `python -m benchmarks
kinds` and `worlds` show both kinds of book.

The calibrator is fitted on accounts that the experts did not see, in slices that they saw. It corrects the distortions
of the fit: the weights, and the overconfidence of trees on known rows. It is not fitted forward in time. The change of
the churn rate between two past periods says how far off the past was, not how far off the next period will be. On
rolling origins the forward calibrator was further off, on simulated books and on Online Retail II.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from features.machine.threads import in_parallel
from features.matrix import Matrix
from training.experts.buying import LEAST_IN_FOLD, BuyingExpert
from training.experts.linear import Linear
from training.models.calibration import Platt, fit_platt
from training.models.choice import UNWEIGHTED, Choice, choose, clearly_behind, few_left, rounds_for
from training.models.folds import (
    BY_ACCOUNT,
    MANY_ROWS,
    OutOfFold,
    Split,
    by_account,
    learnable_part,
    margins_at,
    out_of_fold,
    splits,
)
from training.models.margin import (
    BUYING,
    EXPERTS,
    LINEAR,
    TREES,
    Margin,
    Recipe,
    fit_margin,
    fit_others,
    learn_weights,
    penalty_of,
    usual_weights,
    weighted,
    with_prior,
)
from training.models.trees import Trees
from training.models.weights import SCHEMES
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

#: With more rows, the experts that teach weights and calibrator learn from every second date. On 15 books of nine kinds
#: the model lost nothing by it.
VERY_MANY_ROWS = 20_000
#: (text of the current step, number of steps done, number of all steps)
Progress = Callable[[str, int, int], None]


def silent(text: str, step: int, steps: int) -> None:
    """Show no progress."""


def shared(progress: Progress, count: int) -> list[Progress]:
    """Return what so many pieces of work call in threads of their own; `progress` gets the sum of their steps."""
    lock, at = Lock(), [(0, 0)] * count

    def of(piece: int) -> Progress:
        def moved(text: str, step: int, steps: int) -> None:
            with lock:
                at[piece] = (step, steps)
                progress(text, sum(step for step, _ in at), sum(steps for _, steps in at))

        return moved

    return [of(piece) for piece in range(count)]


@dataclass(frozen=True)
class Fitted:
    """A model, the choices of its folds, and the data of its calibration.

    Attributes
    ----------
    margin : Margin
        The experts with their weights.
    calibrator : Platt
        Maps the margin to a probability.
    folded : str
        Kind of the folds: `FORWARD` or `BY_ACCOUNT` of `training.models.folds`.
    out_of_fold : pair of arrays of shape (n,)
        Margins and outcomes on which the calibrator was fitted.
    out_of_fold_rows : int array of shape (n,)
        Their row numbers in the dataset that was fitted on; every row once.
    folds : list of OutOfFold
    """

    margin: Margin
    calibrator: Platt
    choice: Choice
    folded: str
    out_of_fold: tuple[np.ndarray, np.ndarray] = field(repr=False)
    out_of_fold_rows: np.ndarray = field(repr=False)
    folds: Sequence[OutOfFold] = field(repr=False)

    @property
    def trees(self) -> Trees:
        """The trees among the experts."""
        return self.margin.trees

    def probability(self, matrix: Matrix) -> np.ndarray:
        """Return churn probabilities, shape (rows,)."""
        return self.calibrator(self.margin(matrix))


def fit_model(
    data: Dataset,
    settings: TrainingSettings,
    progress: Progress = silent,
    schemes: Sequence[str] | None = None,
) -> Fitted:
    """Fit a model on labelled slices.

    Parameters
    ----------
    progress : callable
        Called as `Progress` after each step.
    schemes : sequence of str, optional
        Weighting schemes to choose among. By default all; when the settings name one, that one and no weights; where
        too few accounts left for a choice, no weights.
    """
    settings = rounds_for(settings, data.leavers)
    if schemes is None:
        schemes = (UNWEIGHTED,) if settings.weighting is None and few_left(data) else schemes_of(settings)
    row_splits, folded = splits(data, settings)
    total, count = 2 * len(row_splits), 0

    def fitted() -> None:
        nonlocal count
        count += 1
        progress("fitting on rolling origins", count, total)

    progress("fitting on rolling origins", 0, total)
    folds, dropped = _raced(data, row_splits, settings, schemes, fitted)
    choice = replace(choose(data, folds, settings, folded), dropped=dropped)
    learnt = learnable_part(data, settings)
    penalty = penalty_of(learnt, settings, choice.weighting)
    recipe = Recipe(settings, choice.rounds, choice.weighting, penalty)
    forward, by_silence = folded != BY_ACCOUNT, settings.rule.by_silence
    of_experts, valid = _unseen_accounts(data, recipe, fitted) if forward else _margins_of_folds(data, folds, recipe)
    teaching, rows = _later_folds(data, folds, recipe) if forward and by_silence else (of_experts, valid)
    usual = usual_weights(data.leavers, by_silence)
    weights = learn_weights(teaching, data.churned[rows], data.accounts[rows], usual)
    weights = with_prior(weights, of_experts, usual)
    margin, churned = weighted(of_experts, weights), data.churned[valid]
    return Fitted(
        margin=fit_margin(learnt, recipe, weights),
        calibrator=fit_platt(margin, churned),
        choice=choice,
        folded=folded,
        out_of_fold=(margin, churned),
        out_of_fold_rows=valid,
        folds=folds,
    )


def _raced(
    data: Dataset,
    row_splits: Sequence[Split],
    settings: TrainingSettings,
    schemes: Sequence[str],
    done: Callable[[], None],
) -> tuple[list[OutOfFold], dict[str, float]]:
    """Return every fold with the schemes that the earlier half of them leaves, and those that it drops."""
    early = len(row_splits) // 2
    folds = _grown(data, row_splits[:early], settings, schemes, done)
    dropped = clearly_behind(folds) if settings.weighting is None and len(schemes) > 1 else {}
    left = [scheme for scheme in schemes if scheme not in dropped]
    folds = [fold.only(left) for fold in folds]
    return folds + _grown(data, row_splits[early:], settings, left, done), dropped


def _grown(
    data: Dataset,
    row_splits: Sequence[Split],
    settings: TrainingSettings,
    schemes: Sequence[str],
    done: Callable[[], None],
) -> list[OutOfFold]:
    """Return folds, in the order of the splits; the latest are grown first, since they learn from most rows."""
    large = len(data) > MANY_ROWS
    latest_first = in_parallel(
        lambda split: out_of_fold(data, split, settings, schemes, large), reversed(row_splits), len(data), done
    )
    return latest_first[::-1]


def _margins_of_folds(
    data: Dataset, folds: Sequence[OutOfFold], recipe: Recipe
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return each expert's margins of the rows that the folds judge, and the row numbers, shape (n,)."""
    of_trees, valid = margins_at(folds, recipe.weighting, recipe.rounds, recipe.settings)

    def others(fold: OutOfFold) -> dict[str, np.ndarray]:
        return _judged_by(*fit_others(data.take(fold.learnt), recipe, LEAST_IN_FOLD), data.matrix.take(fold.valid))

    return {TREES: of_trees, **_of_all(in_parallel(others, folds, len(data)))}, valid


def _later_folds(data: Dataset, folds: Sequence[OutOfFold], recipe: Recipe) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the same of the folds whose experts are like those of the refit.

    The earliest folds of a young book know too few customers who bought again for a buying model. That is no reason to
    do without it: the later folds tell what it is worth.
    """
    fitted = in_parallel(lambda fold: fit_others(data.take(fold.learnt), recipe, LEAST_IN_FOLD), folds, len(data))
    whole = [number for number, (_, buying) in enumerate(fitted) if buying is not None and buying.model is not None]
    kept = whole or range(len(folds))
    of_trees, valid = margins_at([folds[number] for number in kept], recipe.weighting, recipe.rounds, recipe.settings)
    parts = [_judged_by(*fitted[number], data.matrix.take(folds[number].valid)) for number in kept]
    return {TREES: of_trees, **_of_all(parts)}, valid


def _judged_by(linear: Linear, buying: BuyingExpert | None, matrix: Matrix) -> dict[str, np.ndarray]:
    return {LINEAR: linear.margin(matrix)} | ({} if buying is None else {BUYING: buying.margin(matrix)})


def _unseen_accounts(
    data: Dataset, recipe: Recipe, done: Callable[[], None]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return each expert's margins of accounts that it did not see, fitted as chosen, and the row numbers.

    With many rows the trees grow in larger steps, and with very many all experts learn from every second date: dates a
    month apart hold nearly the same records.
    """
    if len(data) > MANY_ROWS:
        fit, rounds = recipe.settings.fit.in_larger_steps(recipe.rounds)
        every = recipe.settings.every * (2 if len(data) > VERY_MANY_ROWS else 1)
        settings = replace(recipe.settings, fit=fit, every=every)
        recipe = replace(recipe, settings=settings, rounds=rounds)

    def at_split(split: Split) -> dict[str, np.ndarray]:
        experts = fit_margin(data.take(split[0]), recipe, dict.fromkeys(EXPERTS, 1.0), LEAST_IN_FOLD)
        return experts.by_expert(data.matrix.take(split[1]))

    row_splits = by_account(data, recipe.settings)
    parts = in_parallel(at_split, row_splits, len(data), done)
    return _of_all(parts), np.concatenate([valid for _, valid in row_splits])


def _of_all(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the margins of all folds by expert; an expert that is missing in one of them is left out."""
    shared = set.intersection(*map(set, parts))
    return {name: np.concatenate([part[name] for part in parts]) for name in EXPERTS if name in shared}


def schemes_of(settings: TrainingSettings) -> tuple[str, ...]:
    """Return the weighting schemes that a fit compares."""
    if settings.weighting is None:
        return tuple(SCHEMES)
    return tuple(dict.fromkeys((settings.weighting, UNWEIGHTED)))
