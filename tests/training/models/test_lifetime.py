"""Customer lifetime value: two accounts of constant hazard in closed form, and draws of when customers leave."""

from __future__ import annotations

import numpy as np
import pytest

from training.lifetime_terms import LifetimeTerms
from training.models.lifetime import Lifetime, level_deviation, lifetime, steeper
from training.models.survival import risk_within
from training.worth.level import Level

NO_LEVEL = Level(0.0, 4.0, 0)
HAZARD = np.array([0.01, 0.2])
REVENUE = np.array([36_500.0, 7_300.0])


def valued(shrink: float = 0.0, level: Level = NO_LEVEL, **terms: float) -> Lifetime:
    """Return the lifetime values of two accounts whose hazards are the same every month."""
    monthly = np.repeat(HAZARD[:, None], 12, axis=1)
    chance = risk_within(monthly, 180)
    return lifetime(monthly, chance, np.full(2, shrink), REVENUE, level, LifetimeTerms(**terms))  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "years", "margin"), [(0.0, 1, 1.0), (0.1, 5, 1.0), (0.25, 3, 0.4)])
def test_a_constant_hazard_is_a_geometric_series(rate: float, years: int, margin: float) -> None:
    """v q (1 - q^K) / (1 - q) with v = 3,000 and 600 a month, q = (1 - h) / (1 + rate)^(30/365)."""
    counts = (1 + rate) ** (-30 / 365)
    q, months = (1 - HAZARD) * counts, 12 * years
    a_month = margin * np.array([3_000.0, 600.0])
    found = valued(discount_rate=rate, years=years, margin=margin)
    assert found.value == pytest.approx(a_month * q * (1 - q**months) / (1 - q), rel=1e-12)
    most = months if rate == 0 else counts * (1 - counts**months) / (1 - counts)
    assert found.most == pytest.approx(a_month * most, rel=1e-12)


def test_by_hand_two_months_of_the_first_years() -> None:
    """A year without a discount: 3,000 x (.99 + ... + .99^12) = 33,743.69, 600 x (.8 + ... + .8^12) = 2,235.07."""
    assert valued(discount_rate=0.0, years=1).value == pytest.approx([33_743.69, 2_235.07], abs=0.005)


def test_shrinking_counts_once_a_year() -> None:
    """Of a tenth less a year the first year brings .9, the second .81 of what it would."""
    first, both = valued(discount_rate=0.0, years=1).value, valued(discount_rate=0.0, years=2).value
    shrunk = valued(0.1, discount_rate=0.0, years=2).value
    assert shrunk == pytest.approx(0.9 * first + 0.81 * (both - first), rel=1e-12)


def test_the_course_of_the_year_repeats() -> None:
    """All of the hazard lies in the twelfth month: of 12 months 11 are full, of 24 the second year has half."""
    monthly = np.zeros((1, 12))
    monthly[:, 11] = 0.5
    terms = LifetimeTerms(discount_rate=0.0, years=2)
    found = lifetime(monthly, np.array([0.1]), np.zeros(1), np.array([365.0 / 30]), NO_LEVEL, terms)
    assert found.value == pytest.approx([11 + 0.5 * 12 + 0.25], rel=1e-12)


def test_variance_and_interval_are_those_of_customers_drawn_to_leave() -> None:
    found = valued(0.05)
    rng, draws = np.random.default_rng(0), 40_000
    for place, hazard in enumerate(HAZARD):
        months = np.minimum(rng.geometric(hazard, draws) - 1, 60)
        month = np.arange(1, 61)
        brings = REVENUE[place] * 30 / 365 * 1.1 ** (-30 * month / 365) * 0.95 ** (1 + (month - 1) // 12)
        brought = np.append(0.0, np.cumsum(brings))[months]
        assert found.value[place] == pytest.approx(brought.mean(), rel=0.02)
        assert found.variance[place] == pytest.approx(brought.var(), rel=0.03)
        within = (brought >= found.low[place] - 1e-9) & (brought <= found.high[place] + 1e-9)
        assert within.mean() >= 0.95 and found.low[place] < found.value[place] < found.high[place] <= found.most[place]


def test_a_level_that_may_be_off_moves_all_accounts_and_widens_each() -> None:
    level = Level(0.3, 6.0, 3)
    found, sure = valued(level=level), valued()
    assert (found.value == sure.value).all() and (sure.by_level == 0).all() and (found.by_level > 0).all()
    assert ((found.low <= sure.low) & (found.high >= sure.high)).all() and (found.high > sure.high).any()
    assert level_deviation(level) == pytest.approx(0.3 * (6 / 4) ** 0.5)
    chance = np.array([0.1, 0.6])
    moved = 1 - (1 - chance) ** steeper(chance, 0.5)
    assert np.log(moved / (1 - moved)) - np.log(chance / (1 - chance)) == pytest.approx(0.5)


def test_nothing_is_bought_nothing_is_worth() -> None:
    terms = LifetimeTerms()
    found = lifetime(np.full((2, 12), 0.1), np.full(2, 0.4), np.zeros(2), np.array([0.0, -5.0]), NO_LEVEL, terms)
    assert (found.value == 0).all() and (found.most == 0).all() and (found.high == 0).all()


def test_all_faults_of_the_terms_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"discount_rate=-0.1 .*years=0 .*margin=1.5"):
        LifetimeTerms(discount_rate=-0.1, years=0, margin=1.5)
