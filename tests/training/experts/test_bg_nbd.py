"""The buying models against the paper's figures, an independent simulation, and at their edges."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.experts.bg_nbd import Buying, BuyTillYouDie, fit

REAL_DATA = os.environ.get("CHURN_RISK_REAL_DATA")
PARAMETERS = {"r": 0.8, "alpha": 30.0, "a": 1.2, "b": 4.0}


@pytest.mark.skipif(not REAL_DATA, reason="CHURN_RISK_REAL_DATA names no folder with the CDNOW summary")
def test_cdnow_gives_the_parameters_of_the_paper() -> None:
    summary = pd.read_csv(Path(str(REAL_DATA)) / "cdnow_summary.csv")
    buying = Buying(*(summary[name].to_numpy(float) for name in ("repeat_purchases", "recency_weeks", "age_weeks")))
    model = fit(buying)
    assert model.parameters == pytest.approx([0.2426, 4.4134, 0.7930, 2.4264], abs=1e-3)
    assert model.log_likelihood(buying).sum() == pytest.approx(-9582.43, abs=0.01)


@pytest.mark.parametrize("from_first", [False, True])
@pytest.mark.parametrize("lead", [0.0, 25.0])
def test_predictions_are_those_of_an_independent_simulation(from_first: bool, lead: float) -> None:
    horizon, model = 60.0, BuyTillYouDie(**PARAMETERS, from_first=from_first)
    buying, alive, silent = _simulated(model, 20_000, lead, horizon)
    for predicted, true in ((model.alive(buying), alive), (model.no_purchase(buying, lead, horizon), silent)):
        # By number of repeats and by how long ago the last purchase was: each group's mean is that of the model.
        groups = np.minimum(buying.repeats, 6) * 3 + np.digitize(buying.age - buying.span, [60.0, 180.0])
        for group in np.unique(groups):
            own = groups == group
            error = 4 * np.sqrt(0.25 / own.sum()) + 1e-9
            assert predicted[own].mean() == pytest.approx(true[own].mean(), abs=error)


def test_a_fit_finds_the_parameters_of_a_simulation() -> None:
    for from_first in (False, True):
        model = BuyTillYouDie(**PARAMETERS, from_first=from_first)
        buying, _, _ = _simulated(model, 60_000, 0.0, 60.0)
        assert fit(buying, from_first).parameters == pytest.approx(model.parameters, rel=0.15)


def test_a_weight_counts_an_account_so_often() -> None:
    buying, _, _ = _simulated(BuyTillYouDie(**PARAMETERS), 500, 0.0, 60.0)
    weight = np.arange(500) % 3
    repeated = Buying(*(np.repeat(values, weight) for values in (buying.repeats, buying.span, buying.age)))
    weighted = fit(buying, weight=weight.astype(float))
    assert weighted.parameters == pytest.approx(fit(repeated).parameters, rel=1e-3)


@pytest.mark.parametrize("from_first", [False, True])
def test_the_longer_silent_the_likelier_gone(from_first: bool) -> None:
    model = BuyTillYouDie(**PARAMETERS, from_first=from_first)
    silence = np.linspace(0.0, 2000.0, 200)
    for repeats in (1.0, 5.0, 50.0):
        buying = Buying(np.full(200, repeats), np.full(200, 300.0), 300.0 + silence)
        assert (np.diff(model.alive(buying)) <= 0).all()
        assert (np.diff(model.no_purchase(buying, 30.0, 180.0)) >= 0).all()


@pytest.mark.parametrize("from_first", [False, True])
def test_the_edges_are_finite(from_first: bool) -> None:
    # One purchase; two on one day count as one; a purchase on the day before; a customer of yesterday; very many.
    repeats, span, age = np.array(
        [[0, 0, 400], [0, 0, 1], [1, 1, 1], [1, 399, 400], [3, 0, 0], [4000, 5000, 5001], [4000, 1, 5001]], float
    ).T
    buying = Buying(repeats, span, age)
    for model in (BuyTillYouDie(**PARAMETERS, from_first=from_first), fit(buying, from_first)):
        for values in (model.alive(buying), model.no_purchase(buying, 0, 180), model.no_purchase(buying, 30, 180)):
            assert np.isfinite(values).all()
            assert ((values >= 0) & (values <= 1)).all()
        assert np.isfinite(model.log_likelihood(buying)).all()


def test_one_purchase_is_alive_with_certainty_unless_it_may_leave_with_it() -> None:
    once = Buying(np.zeros(1), np.zeros(1), np.array([3000.0]))
    assert BuyTillYouDie(**PARAMETERS).alive(once)[0] == 1.0
    assert 0 < BuyTillYouDie(**PARAMETERS, from_first=True).alive(once)[0] < 0.5


def test_no_account_is_told() -> None:
    with pytest.raises(ValueError, match="no account"):
        fit(Buying(np.empty(0), np.empty(0), np.empty(0)))


def _simulated(
    model: BuyTillYouDie, accounts: int, lead: float, horizon: float
) -> tuple[Buying, np.ndarray, np.ndarray]:
    """Return histories of accounts, whether each is alive at its as-of date, and whether it is silent in the window."""
    random = np.random.default_rng(4)
    rate = random.gamma(model.r, 1 / model.alpha, accounts)
    chance = random.beta(model.a, model.b, accounts)
    age = random.uniform(100.0, 400.0, accounts)
    repeats, span, alive, silent = (
        np.zeros(accounts),
        np.zeros(accounts),
        np.ones(accounts, bool),
        np.ones(accounts, bool),
    )
    for account in range(accounts):
        now, lives = 0.0, not (model.from_first and random.random() < chance[account])
        alive[account] = lives
        while lives:
            now += random.exponential(1 / rate[account])
            if now >= age[account] + lead + horizon:
                break
            lives = random.random() >= chance[account]
            if now < age[account]:
                repeats[account], span[account], alive[account] = repeats[account] + 1, now, lives
            elif now >= age[account] + lead:
                silent[account] = False
                break
    return Buying(repeats, span, age), alive, silent
