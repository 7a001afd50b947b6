"""How far the level moves: against simulated markets, and an interval that holds as often as it says."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.special import expit

from training.worth import level
from training.worth.level import PRIOR_PERIODS, PRIOR_SPREAD, Level, level_from, level_of, predicted_loss

DAYS = np.array("2020-01-01", "datetime64[D]") + 30 * np.arange(40)


def market(moves: np.ndarray, accounts: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dates, probabilities without the market's moves, and outcomes with them."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, 1, (len(moves), accounts))
    churned = rng.random(odds.shape) < expit(odds + moves[:, None])
    return np.repeat(DAYS[: len(moves)], accounts), expit(odds).ravel(), churned.ravel()


def test_the_spread_of_moving_markets_is_found() -> None:
    """Each date moves by itself, and outcomes are known a date later: every period counts."""
    found = []
    for seed in range(8):
        moves = np.random.default_rng(100 + seed).normal(0, 0.5, len(DAYS))
        found.append(level_of(*market(moves, 200, seed), known_after_days=30))
    assert {level.dates for level in found} == {len(DAYS) - 1}
    # A date's level against the mean of the dates before; the prior counts for 4 of some 43 periods.
    assert np.mean([level.spread for level in found]) == pytest.approx(0.5, rel=0.12)


def test_chance_is_no_move() -> None:
    """With 30 accounts a date chance alone moves the levels by half a unit."""
    calm = [level_of(*market(np.zeros(40), 30, seed), known_after_days=30).spread for seed in range(8)]
    assert np.mean(calm) < 0.15


def test_a_date_is_compared_only_with_outcomes_known_by_then() -> None:
    """Outcomes take 390 days: the last 27 dates have known ones before them. A jump in the very last moves one."""
    calm, jump = np.zeros(40), np.zeros(40)
    jump[-1] = 3.0
    found = [level_of(*market(moves, 300, seed=2), known_after_days=390) for moves in (calm, jump)]
    assert [level.dates for level in found] == [27, 27]
    reach = 1 + 26 * 30 / 390
    assert found[0].periods == pytest.approx(PRIOR_PERIODS + reach)
    moved = found[1].spread ** 2 - found[0].spread ** 2
    assert moved == pytest.approx(reach / (PRIOR_PERIODS + reach) * 9 / 27, rel=0.25)


def test_without_known_outcomes_the_prior_stands() -> None:
    level = level_of(*market(np.zeros(3), 50, seed=3), known_after_days=180)
    assert level == Level(PRIOR_SPREAD, PRIOR_PERIODS, 0) == level_from(level.as_dict())


@pytest.mark.parametrize("nobody", [True, False])
def test_dates_at_which_nobody_or_everybody_left_have_a_level(nobody: bool) -> None:
    as_of, probability, churned = market(np.zeros(10), 20, seed=4)
    assert np.isfinite(level_of(as_of, probability, churned & ~nobody | (not nobody), 30).spread)


def test_the_interval_of_a_loss_holds_as_often_as_it_says() -> None:
    """Books of few large accounts, and a level that moves by .3."""
    rng, level, held = np.random.default_rng(5), Level(0.3, 1e6, 50), []
    for _ in range(300):
        probability, revenue = rng.beta(1, 5, 60), rng.lognormal(8, 1.5, 60)
        odds = np.log(probability / (1 - probability)) + rng.normal(0, 0.3)
        lost = revenue[rng.random(60) < expit(odds)].sum()
        loss = predicted_loss(probability, revenue, level)
        assert loss.expected == pytest.approx(probability @ revenue)
        held.append(loss.low <= lost <= loss.high)
    assert 0.74 <= np.mean(held) <= 0.86


def test_credit_notes_are_no_loss() -> None:
    assert predicted_loss(np.array([0.5, 0.5]), np.array([-100.0, 0.0]), Level(0.2, 4, 0)).high == 0


@pytest.mark.parametrize(("share", "end"), [(0.05, "high"), (0.95, "low")])
def test_the_interval_holds_its_mean(share: float, end: str) -> None:
    """Of one account nine draws in ten are the same: it stays, or it leaves."""
    loss = predicted_loss(np.array([share]), np.array([1000.0]), Level(0.01, 100, 9))
    assert getattr(loss, end) == loss.expected == pytest.approx(1000 * share) and loss.low < loss.high


def test_a_part_of_a_book_never_has_more_to_lose_than_the_whole() -> None:
    """Whatever accounts are left out: neither mean nor an end of the interval rises, however few are large."""
    rng, level = np.random.default_rng(8), Level(0.2, 6, 3)
    probability, revenue = rng.beta(1, 9, 40), rng.lognormal(9, 2, 40)
    names = np.array([f"A{place:03d}" for place in range(40)])
    for _ in range(20):
        order = rng.permutation(40)
        parts = [
            predicted_loss(probability[kept], revenue[kept], level, names[kept].tolist())
            for kept in (order[:count] for count in (1, 2, 5, 20, 40))
        ]
        for end in ("low", "expected", "high"):
            ends = [getattr(part, end) for part in parts]
            assert ends == sorted(ends), end


def test_small_accounts_together_lose_what_they_lose_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, spread = np.random.default_rng(9), Level(0.3, 6, 3)
    probability, revenue = rng.beta(1, 9, 3_000), rng.lognormal(8, 1.5, 3_000)
    together = predicted_loss(probability, revenue, spread)
    monkeypatch.setattr(level, "DRAWN_ALONE", 3_000)
    alone = predicted_loss(probability, revenue, spread)
    assert together.expected == alone.expected
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), rel=0.05)


def test_many_accounts_take_memory_by_their_number_alone() -> None:
    """Not by their number times the levels at which their loss is worked out."""
    accounts = 200_000
    probability, revenue = np.full(accounts, 0.1), np.linspace(1.0, 2.0, accounts)
    tracemalloc.start()
    try:
        found = predicted_loss(probability, revenue, Level(0.2, 4.0, 0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.expected == pytest.approx(30_000)
    assert peak < 20 * accounts * probability.itemsize
