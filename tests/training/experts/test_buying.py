"""The buying expert: what it reads, what it says without a purchase, and how its margin falls on three figures."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sklearn.metrics import roc_auc_score
from support.handmade import dataset

from features.matrix import Matrix
from training.experts.bg_nbd import BuyTillYouDie
from training.experts.buying import AS_IT_IS, FIGURES, LEAST_ACCOUNTS, LEAST_KNOWN, BuyingExpert, fit_buying, teach
from training.experts.drawn_weights import ranked_apart

BACKGROUND = (5.0, 300.0, 40.0)
EXPERTS = [
    BuyingExpert(BuyTillYouDie(0.8, 30.0, 1.2, 4.0, from_first), BACKGROUND, lead, 120)
    for from_first in (False, True)
    for lead in (0, 30)
]
figures = st.tuples(st.integers(0, 2000), st.floats(0, 5000), st.floats(0, 5000))


def matrix_of(*rows: tuple[float, ...]) -> Matrix:
    matrix = dataset([0] * len(rows)).matrix
    matrix.signals[list(FIGURES)] = np.array(rows, float)
    return matrix


@given(rows=st.lists(figures, min_size=1, max_size=5), expert=st.sampled_from(EXPERTS))
def test_any_mix_of_figures_has_finite_parts_that_add_up(
    rows: list[tuple[float, float, float]], expert: BuyingExpert
) -> None:
    matrix = matrix_of(*rows)
    parts, background = expert.explain(matrix)
    assert np.isfinite(parts).all() and np.isfinite(background)
    assert parts.sum(axis=1) + background == pytest.approx(expert.margin(matrix), abs=1e-9)


def test_the_parts_are_means_over_the_orders_of_the_figures() -> None:
    expert, own = EXPERTS[1], (12.0, 500.0, 130.0)
    by_hand = np.zeros(3)
    for order in permutations(range(3)):
        mixed = list(BACKGROUND)
        for place in order:
            before = expert.margin(matrix_of(tuple(mixed)))[0]
            mixed[place] = own[place]
            by_hand[place] += (expert.margin(matrix_of(tuple(mixed)))[0] - before) / 6
    parts, background = expert.explain(matrix_of(own))
    assert parts[0] == pytest.approx(by_hand, abs=1e-9)
    assert background == pytest.approx(expert.margin(matrix_of(BACKGROUND))[0])


def test_an_account_that_never_bought_is_like_the_background() -> None:
    none, usual = (matrix_of(row) for row in ((np.nan, np.nan, np.nan), BACKGROUND))
    for expert in EXPERTS:
        assert expert.margin(none) == pytest.approx(expert.margin(usual))
        assert np.abs(expert.explain(none)[0]).max() < 1e-12


def test_the_longer_the_silence_the_higher_the_margin() -> None:
    days = np.arange(0, 1500, 30.0)
    margin = EXPERTS[0].margin(matrix_of(*((10.0, 400.0, day) for day in days)))
    assert (np.diff(margin[:25]) > 0).all() and (np.diff(margin) >= 0).all(), "it never grows sure beyond its limit"


def test_too_few_who_bought_again_make_no_expert() -> None:
    once = [(0.0, 0.0, float(day)) for day in range(1, 400)]
    again = [(3.0, 90.0, float(day)) for day in range(1, LEAST_ACCOUNTS + 1)]
    assert fit_buying(matrix_of(*once), 0, 180) is None
    assert fit_buying(matrix_of(*once, *again[:-1]), 0, 180) is None
    expert = fit_buying(matrix_of(*once, *again), 0, 180)
    assert expert is not None and expert.background == (0.0, 0.0, np.median([row[2] for row in once + again]))


def bursts(accounts: int, seed: int = 0) -> tuple[Matrix, np.ndarray]:
    """Return accounts that a fixed pause tells apart, whatever their rhythm was, and which of them left."""
    chance = np.random.default_rng(seed)
    repeats = chance.integers(1, 40, accounts).astype(float)
    since = chance.uniform(1, 200, accounts)
    span = repeats * chance.uniform(1, 60, accounts)
    left = chance.random(accounts) < 1 / (1 + np.exp(3 - since / 25))
    return matrix_of(*zip(repeats.tolist(), span.tolist(), since.tolist(), strict=True)), left


def test_in_bursts_outcomes_put_the_last_purchase_in_the_place_of_the_model() -> None:
    for accounts in (60, 4_000):
        matrix, left = bursts(accounts)
        plain = fit_buying(matrix, 0, 120)
        assert plain is not None and plain.counts == AS_IT_IS
        taught = teach(plain, matrix, left, np.arange(accounts), np.zeros(accounts), 0, 120)
        assert taught is not None and (taught.model, taught.background) == (plain.model, plain.background)
        assert taught.counts[1] > 1 > 5 * taught.counts[0] and min(taught.counts[:3]) >= 0
        later, left_later = bursts(2_000, seed=1)
        assert roc_auc_score(left_later, taught.margin(later)) > roc_auc_score(left_later, plain.margin(later))
        parts, background = taught.explain(later)
        assert parts.sum(axis=1) + background == pytest.approx(taught.margin(later), abs=1e-9)
        if accounts > 1_000:
            said = 1 / (1 + np.exp(-taught.margin(later)))
            assert said.mean() == pytest.approx(left_later.mean(), abs=0.05)


def test_where_the_model_is_right_few_outcomes_leave_it_as_it_is() -> None:
    matrix, _ = bursts(300)
    plain = fit_buying(matrix, 0, 120)
    assert plain is not None
    left = np.random.default_rng(2).random(300) < 1 / (1 + np.exp(-plain.margin(matrix)))
    taught = teach(plain, matrix, left, np.arange(300), np.zeros(300), 0, 120)
    assert taught is not None and taught.counts[0] > 0.7 and taught.counts[1] < 0.3


def test_of_few_outcomes_bursts_believe_the_last_purchase_and_even_purchases_the_model() -> None:
    accounts = 60
    matrix, left = bursts(accounts)
    plain = fit_buying(matrix, 0, 120)
    repeats, span, since = (matrix.signals[name].to_numpy(float) for name in FIGURES)
    dates = np.datetime64("2026-01-01") + np.arange(0, 90, 30)

    def counts(bought: tuple[float, float]) -> tuple[float, ...]:
        """Teach rows of three dates whose figures are alike but for the purchases of either half in two windows."""
        other = np.where(np.arange(accounts) % 2, *bought), np.where(np.arange(accounts) % 2, *bought[::-1])
        so_far = np.cumsum([repeats, *other], axis=0)
        rows = matrix_of(*zip(so_far.ravel(), np.tile(span, 3), np.tile(since, 3), strict=True))
        known = np.tile(left, 3), np.tile(np.arange(accounts), 3), np.repeat(dates, accounts)
        taught = teach(plain, rows, *known, 0, 120)
        assert taught is not None
        return taught.counts

    even, burst = counts((1.0, 1.0)), counts((2.0, 0.0))
    assert burst[1] > even[1] and burst[0] < even[0]


def test_pairs_are_compared_within_a_date() -> None:
    # Date 0: .9 above .1 and .5, .3 above .1 but not above .5: 3 of 4 pairs. Date 1: a tie. None across dates.
    margin = np.array([0.9, 0.3, 0.1, 0.5, 7.0, 7.0])
    left = np.array([True, True, False, False, False, True])
    dates = np.array([0, 0, 0, 0, 1, 1])
    assert ranked_apart(margin, left, dates) == pytest.approx((3 + 0.5) / 5)
    assert ranked_apart(margin, np.ones(6, bool), dates) == 0.5, "without a pair nothing is known"


def test_a_book_too_young_for_the_model_has_pause_and_number_of_purchases() -> None:
    matrix, left = bursts(400)
    expert = teach(None, matrix, left, np.arange(400), np.zeros(400), 0, 120)
    assert expert is not None and expert.model is None
    assert (expert.counts[0], expert.counts[1] > 0) == (0, True)
    nobody = matrix_of((np.nan, np.nan, np.nan))
    assert expert.margin(nobody) == pytest.approx(expert.explain(nobody)[1])
    stored = TypeAdapter(BuyingExpert).dump_python(expert, mode="json")
    assert TypeAdapter(BuyingExpert).validate_python(stored) == expert


@pytest.mark.parametrize(("accounts", "leave"), [(LEAST_KNOWN - 1, None), (200, False), (200, True)])
def test_without_enough_outcomes_nothing_is_corrected(accounts: int, leave: bool | None) -> None:
    matrix, left = bursts(accounts)
    left = left if leave is None else np.full(accounts, leave)
    for expert in (None, EXPERTS[0]):
        assert teach(expert, matrix, left, np.arange(accounts), np.zeros(accounts), 0, 120) is expert


def test_what_was_stored_before_outcomes_corrected_it_is_as_it_was() -> None:
    stored = TypeAdapter(BuyingExpert).dump_python(EXPERTS[0], mode="json")
    del stored["counts"]
    assert TypeAdapter(BuyingExpert).validate_python(stored) == EXPERTS[0]
