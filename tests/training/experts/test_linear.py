"""The linear expert: directions respected, drawn to the signs, its penalty chosen, its terms explained."""

from __future__ import annotations

import numpy as np
import pytest
from support.handmade import dataset

from features.matrix import Matrix
from features.signal import all_signals
from training.experts import standard_columns
from training.experts.linear import PENALTIES, choose_penalty, fit_linear
from training.experts.standard_columns import CLIPPED, Columns

RISING = next(signal.name for signal in all_signals() if signal.monotone > 0)
FALLING = next(signal.name for signal in all_signals() if signal.monotone < 0)
TEXT = next(signal.name for signal in all_signals() if signal.is_text)


def drawn(rows: int, seed: int = 0) -> Matrix:
    """Return a matrix with a rising, a falling and a text signal; all others null."""
    random = np.random.default_rng(seed)
    matrix = dataset([0] * rows).matrix
    matrix.signals[RISING] = random.normal(size=rows)
    matrix.signals[FALLING] = random.lognormal(2, 1, rows)
    matrix.signals[TEXT] = random.choice(np.array(["a", "b"], object), rows)
    return matrix


def churned(matrix: Matrix, rising: float, falling: float, seed: int = 1) -> np.ndarray:
    logs = np.log1p(matrix.signals[FALLING].to_numpy(float))
    margin = rising * matrix.signals[RISING].to_numpy(float) + falling * (logs - logs.mean())
    return np.asarray(np.random.default_rng(seed).random(len(margin)) < 1 / (1 + np.exp(-margin)))


def fitted(matrix: Matrix, outcome: np.ndarray, penalty: float) -> dict[str, float]:
    linear = fit_linear(matrix, outcome, np.ones(len(outcome)), penalty)
    return dict(zip(linear.owners, linear.coefficients, strict=True))


def test_a_coefficient_never_goes_against_its_direction() -> None:
    matrix = drawn(2000)
    found = fitted(matrix, churned(matrix, rising=-1.0, falling=1.0), PENALTIES[-1])
    assert found[RISING] == 0 and found[FALLING] == 0
    found = fitted(matrix, churned(matrix, rising=1.0, falling=-1.0), PENALTIES[-1])
    assert found[RISING] > 0.5 and found[FALLING] < -0.5


def test_a_strong_penalty_leaves_every_direction_the_same_weight() -> None:
    matrix = drawn(500)
    found = fitted(matrix, churned(matrix, rising=2.0, falling=-0.2), 1e9 if 1e9 in PENALTIES else PENALTIES[0])
    assert found[RISING] == pytest.approx(-found[FALLING], rel=0.1) and found[RISING] > 0
    assert abs(found[TEXT]) < 0.02, "what has no direction is drawn to 0"


def test_the_penalty_follows_what_there_is_to_learn() -> None:
    few, many = drawn(120), drawn(6000)
    chosen = []
    for matrix in (few, many):
        outcome = churned(matrix, rising=2.0, falling=-0.3)
        accounts = np.arange(len(outcome))
        chosen.append(choose_penalty(matrix, outcome, np.ones(len(outcome)), accounts, seed=0))
    noise = np.random.default_rng(5).random(120) < 0.2
    assert choose_penalty(few, noise, np.ones(120), np.zeros(120), seed=0) == PENALTIES[0], "one account, no folds"
    assert chosen[1] < PENALTIES[0], "much to learn: the data decide"


def test_columns_are_standard_clipped_and_neutral_where_null() -> None:
    matrix = drawn(1000)
    matrix.signals.loc[0, RISING], matrix.signals.loc[1, RISING] = 1e12, np.nan
    columns = Columns.of(matrix)
    found = columns(matrix)
    rising = columns.owners.index(RISING)
    assert np.abs(found[:, : len(columns.scales)]).max() <= CLIPPED and found[0, rising] == CLIPPED
    assert found[1, rising] == 0
    assert found.mean(axis=0) == pytest.approx(columns.means)
    assert columns.owners.count(TEXT) == 2


def test_terms_and_background_are_the_margin() -> None:
    matrix = drawn(300)
    linear = fit_linear(matrix, churned(matrix, 1.0, -1.0), np.ones(300), 100.0)
    terms, background = linear.explain(matrix)
    assert terms.sum(axis=1) + background == pytest.approx(linear.margin(matrix), abs=1e-12)
    assert terms.mean(axis=0) == pytest.approx(np.zeros(terms.shape[1]), abs=1e-12)


def test_a_large_matrix_becomes_the_same_columns_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = drawn(1000)
    whole = Columns.learnt(matrix)
    monkeypatch.setattr(standard_columns, "BLOCK", 300)
    columns, standard = Columns.learnt(matrix)
    assert columns == whole[0]
    assert (standard == whole[1]).all() and standard.flags.f_contiguous == whole[1].flags.f_contiguous
