"""Boosted trees without the model's additions: no weights, no constraints, no removed tables; also on one slice only.

In: a function that grows trees. Out: a `Rival`.

Three folds by account give margins of rows that the trees did not see. These margins choose the number of rounds and
fit the sigmoid. Then the trees are grown again on every row. All of this costs about three plain fits.

References
----------
Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from features.matrix import Matrix
from features.signal import all_signals
from training.models.calibration import Platt, fit_platt
from training.models.spoken import listen_to_lightgbm
from training.models.trees import Encoder
from training.rivals.rival import Rival, Score, constant
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

FOLDS = 3
#: Fewest accounts that ever left, and fewest that never did, for which folds are useful.
LEAST_ACCOUNTS = 2 * FOLDS
#: Most rows used for the folds; more improve neither the sigmoid nor the number of rounds. Whole accounts are drawn.
MOST_FOLDED_ROWS = 60_000
#: Numbers of rounds to choose from, as shares of the largest.
ROUND_SHARES = (0.25, 0.5, 0.75, 1.0)

#: (encoded rows, their dataset, settings, rounds) -> grown trees.
Grow = Callable[[np.ndarray, Dataset, TrainingSettings, int], lightgbm.Booster]


def boosted(
    name: str,
    grow: Grow,
    part: Callable[[Dataset], Dataset] = lambda data: data,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
) -> Rival:
    """Return the rival whose trees `grow` grows on encoded, prepared rows of a part of the dataset.

    Parameters
    ----------
    name : str
        As shown in tables.
    grow : callable
        See `Grow`.
    part : callable
        Dataset -> the rows to learn from; by default all.
    prepare : callable
        Encoded rows of shape (n, columns) -> rows of the same shape; by default unchanged.
    """

    def fit(data: Dataset, settings: TrainingSettings) -> Score:
        learnt = part(data)
        folds = account_folds(learnt, settings.seed)
        if folds is None:
            return constant(learnt)
        texts = [signal.name for signal in all_signals() if signal.is_text]
        encoder = Encoder.of(learnt.matrix.signals, texts)

        def encode(matrix: Matrix) -> np.ndarray:
            return prepare(encoder.encode(matrix.signals))

        rows = encode(learnt.matrix)
        calibrate, rounds = _out_of_fold(grow, rows, learnt, folds, settings)
        trees = grow(rows, learnt, settings, rounds)
        return lambda matrix: calibrate(margin_of(trees, encode(matrix)))

    return Rival(name, fit)


def account_folds(data: Dataset, seed: int) -> np.ndarray | None:
    """Return the fold of each row, 0 to 2, or -1 for a row that was not drawn, shape (n,).

    All rows of an account are in one fold. Accounts that ever churned are spread evenly, so every fold has both
    outcomes. The result is None when there are too few of them.
    """
    codes, accounts = pd.factorize(data.accounts)
    left = np.bincount(codes, data.churned) > 0
    drawn = np.random.default_rng(seed).permutation(len(accounts))
    drawn = drawn[: int(np.ceil(len(accounts) * min(1.0, MOST_FOLDED_ROWS / len(data))))]
    if min(left[drawn].sum(), (~left[drawn]).sum()) < LEAST_ACCOUNTS:
        return None
    dealt = np.full(len(accounts), -1)
    dealt[drawn[np.argsort(left[drawn], kind="stable")]] = np.arange(len(drawn)) % FOLDS
    return np.asarray(dealt[codes])


def _out_of_fold(
    grow: Grow, rows: np.ndarray, learnt: Dataset, folds: np.ndarray, settings: TrainingSettings
) -> tuple[Platt, int]:
    """Return the sigmoid and the number of rounds with the best ROC AUC, from margins of rows the trees did not see."""
    steps = sorted({max(1, round(share * settings.fit.max_rounds)) for share in ROUND_SHARES})
    margins = np.full((len(steps), len(learnt)), np.nan)
    for fold in range(FOLDS):
        seen, unseen = (folds >= 0) & (folds != fold), folds == fold
        trees = grow(rows[seen], learnt.take(seen), settings, steps[-1])
        margins[:, unseen] = [margin_of(trees, rows[unseen], rounds) for rounds in steps]
    known, churned = margins[:, folds >= 0], learnt.churned[folds >= 0]
    best = int(np.argmax([roc_auc_score(churned, margin) for margin in known]))
    return fit_platt(known[best], churned), steps[best]


def latest_slice(data: Dataset) -> Dataset:
    """Return the rows of the latest as-of date, from which a model of one slice learns."""
    return data.take(data.as_of == data.as_of.max())


def at_equal_size(data: Dataset, seed: int) -> Dataset:
    """Draw as many rows from all slices, without replacement, as the latest slice has.

    So a comparison of many slices with one slice shows the effect of variety, not of size.
    """
    rows = np.random.default_rng(seed).permutation(len(data))[: int((data.as_of == data.as_of.max()).sum())]
    return data.take(np.sort(rows))


def estimator(
    rows: np.ndarray,
    settings: TrainingSettings,
    rounds: int,
    kind: type[lightgbm.LGBMClassifier] = lightgbm.LGBMClassifier,
) -> lightgbm.LGBMClassifier:
    """Return an unfitted LightGBM with the model's parameters, but without weights and constraints.

    `rows` has shape (n, columns); `kind` is LightGBM's classifier or one derived from it.
    """
    listen_to_lightgbm()
    parameters = settings.fit.parameters(settings.seed)
    parameters["random_state"] = parameters.pop("seed")
    parameters["min_data_in_leaf"] = max(5, min(settings.fit.min_data_in_leaf, len(rows) // 50))
    # By default the wrapper starts one thread per core. With 0, OpenMP decides by OMP_NUM_THREADS.
    return kind(n_estimators=rounds, n_jobs=0, **parameters)


def margin_of(trees: lightgbm.Booster, rows: np.ndarray, rounds: int | None = None) -> np.ndarray:
    """Return the trees' raw scores of encoded rows after `rounds` rounds (default: all), shape (n,)."""
    return np.asarray(trees.predict(rows, raw_score=True, num_iteration=rounds or -1))


def text_columns() -> list[int]:
    """Return the positions of the text signals, whose codes LightGBM treats as categories."""
    return [position for position, signal in enumerate(all_signals()) if signal.is_text]


def _plain(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    return estimator(rows, settings, rounds).fit(rows, data.churned, categorical_feature=text_columns()).booster_


PLAIN = boosted("plain LightGBM", _plain)
ONE_SLICE = boosted("LightGBM, one slice", _plain, part=latest_slice)
