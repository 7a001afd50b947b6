"""The hazard: it finds when terms end and how often accounts leave, from what was known, and is stored as text."""

from __future__ import annotations

from datetime import date, timedelta

import lightgbm
import numpy as np
import pytest
from support.handmade import dataset

from features.errors import NotEnoughData
from features.matrix import first_records
from features.signal import all_signals, signal_names
from features.tables import Tables
from training.models.hazard import CLOCKS, Hazard, at_month, fit_hazard
from training.models.landmarks import Landmarks, landmarks
from training.models.survival import restricted_mean, risk_within
from training.settings import ChurnRule, FitSettings
from training.slices.dataset import build_dataset

SETTINGS = FitSettings(learning_rate=0.1, min_data_in_leaf=20, feature_fraction_bynode=1.0, removed_share=0.0)
QUICK = FitSettings(learning_rate=0.1, min_data_in_leaf=20, num_leaves=6)
AS_OF = date(2024, 1, 1)
END = AS_OF + timedelta(days=365)
ROUNDS = 40


def book_of_terms(rows: int, seed: int) -> Landmarks:
    """Return accounts whose terms end somewhere in the year: half of them leave on that day, nobody on another."""
    rng = np.random.default_rng(seed)
    to_end = rng.integers(0, 365, rows).astype(float)
    matrix = dataset([0] * rows, as_of=[AS_OF] * rows).matrix
    matrix.signals["contract_days_to_end"] = to_end
    return Landmarks(matrix, np.where(rng.random(rows) < 0.5, to_end, np.nan), END, 0)


def book_of_chance(rows: int, monthly: float, seed: int) -> Landmarks:
    """Return accounts that leave by chance, as likely in one month as in another."""
    rng = np.random.default_rng(seed)
    days = np.floor(rng.exponential(-30 / np.log1p(-monthly), rows))
    return Landmarks(dataset([0] * rows, as_of=[AS_OF] * rows).matrix, np.where(days < 365, days, np.nan), END, 0)


@pytest.fixture(scope="module")
def terms() -> Hazard:
    return fit_hazard(book_of_terms(3000, seed=0), SETTINGS, 0, ROUNDS)


@pytest.fixture(scope="module")
def simulated(book: Tables) -> Landmarks:
    rule = ChurnRule()
    dates = [date(2024, 10, 1), date(2025, 1, 1), date(2025, 6, 1), date(2025, 11, 1)]
    data = build_dataset(book, dates, rule, first_records(book))
    return landmarks(book, data.matrix, rule, date(2026, 1, 1))


@pytest.fixture(scope="module")
def fitted(simulated: Landmarks) -> Hazard:
    return fit_hazard(simulated, QUICK, 0, ROUNDS)


def test_risk_stands_in_the_month_in_which_the_term_ends(terms: Hazard) -> None:
    new = book_of_terms(500, seed=1)
    monthly = terms.monthly(new.matrix)
    ends = (new.matrix.signals["contract_days_to_end"] // 30).to_numpy(int)
    inside = ends < 12
    there = monthly[np.flatnonzero(inside), ends[inside]]
    elsewhere = monthly[np.arange(12) != ends[:, None]]
    assert there.mean() == pytest.approx(0.5, abs=0.08)
    assert elsewhere.mean() < 0.03


def test_who_leaves_later_is_expected_later(terms: Hazard) -> None:
    new = book_of_terms(500, seed=2)
    time = terms.restricted_mean_days(new.matrix)
    to_end = new.matrix.signals["contract_days_to_end"].to_numpy()
    assert np.corrcoef(time, to_end)[0, 1] > 0.95
    assert time == pytest.approx(restricted_mean(terms.monthly(new.matrix), 365))
    assert time.mean() == pytest.approx(0.5 * to_end.mean() + 0.5 * 365, abs=10)


def test_sampling_the_months_that_were_survived_keeps_the_rate() -> None:
    data = book_of_chance(6000, monthly=0.05, seed=0)
    found = fit_hazard(data, SETTINGS, 0, ROUNDS)
    monthly = found.monthly(data.matrix.take(np.arange(1)))
    assert monthly.shape == (1, 12)
    assert monthly.mean() == pytest.approx(0.05, abs=0.006)
    assert found.risk(data.matrix, 180)[0] == pytest.approx(1 - 0.95**6, abs=0.03)
    assert found.risk(data.matrix, 365)[0] == pytest.approx(1 - 0.95 ** (365 / 30), abs=0.05)


def test_the_columns_of_a_month_are_the_signals_k_and_the_clock() -> None:
    encoded = np.zeros((3, len(signal_names())))
    encoded[:, signal_names().index("contract_days_to_end")] = [100, 20, np.nan]
    rows = at_month(encoded, np.array([1, 3, 12]))
    assert rows.dtype == np.float32
    assert rows.shape == (3, len(signal_names()) + 1 + len(CLOCKS))
    assert np.array_equal(rows[:, :-2], encoded.astype(np.float32), equal_nan=True)
    assert rows[:, -2].tolist() == [1, 3, 12]
    assert np.array_equal(rows[:, -1], [100, -40, np.nan], equal_nan=True)


def test_every_clock_is_a_signal() -> None:
    assert set(CLOCKS) <= set(signal_names())


def test_stored_as_text_it_gives_the_same_to_the_last_bit(fitted: Hazard, simulated: Landmarks) -> None:
    stored = Hazard(lightgbm.Booster(model_str=fitted.booster.model_to_string()), fitted.encoder)
    assert (stored.monthly(simulated.matrix) == fitted.monthly(simulated.matrix)).all()


def test_an_account_scores_alone_as_among_others(fitted: Hazard, simulated: Landmarks) -> None:
    rows = np.array([0, 7, 31])
    together = fitted.monthly(simulated.matrix)[rows]
    alone = np.vstack([fitted.monthly(simulated.matrix.take(np.array([row]))) for row in rows])
    assert (alone == together).all()
    assert ((together > 0) & (together < 1)).all()


def test_the_same_data_and_seed_give_the_same_text(fitted: Hazard, simulated: Landmarks) -> None:
    again = fit_hazard(simulated, QUICK, 0, ROUNDS)
    assert again.booster.model_to_string() == fitted.booster.model_to_string()


def test_what_happens_after_a_day_does_not_change_what_was_learnt_on_it(simulated: Landmarks) -> None:
    day = date(2025, 9, 1)
    known = (np.datetime64(day) - simulated.matrix.keys["as_of"].to_numpy()).astype("timedelta64[D]").astype(int)
    later = ~(simulated.days < known)
    assert (later & ~np.isnan(simulated.days)).any(), "somebody left after that day"
    other = Landmarks(simulated.matrix, np.where(later, known + 3.0, simulated.days), simulated.end, 0)
    texts = {fit_hazard(one.known_at(day), QUICK, 0, ROUNDS).booster.model_to_string() for one in (simulated, other)}
    assert len(texts) == 1
    assert texts != {fit_hazard(simulated, QUICK, 0, ROUNDS).booster.model_to_string()}


def test_risk_grows_in_the_direction_said_of_each_signal(fitted: Hazard, simulated: Landmarks) -> None:
    matrix = simulated.matrix.take(np.arange(60))
    before = fitted.monthly(matrix)
    moved = 0
    for item in all_signals():
        if item.monotone:
            column = matrix.signals[item.name]
            riskier = column + item.monotone * (column.abs().max() + 1)
            after = fitted.monthly(
                type(matrix)(matrix.keys, matrix.signals.assign(**{item.name: riskier}), matrix.facts)
            )
            assert (after >= before).all(), item.name
            moved += bool((after > before).any())
    assert moved >= 3


def test_another_models_encoder_can_be_shared(fitted: Hazard, simulated: Landmarks) -> None:
    shared = fit_hazard(simulated, QUICK, 0, 5, fitted.encoder)
    assert shared.encoder is fitted.encoder


def test_risks_of_all_horizons_come_from_one_fit(fitted: Hazard, simulated: Landmarks) -> None:
    monthly = fitted.monthly(simulated.matrix)
    for days in (90, 180, 365):
        assert fitted.risk(simulated.matrix, days) == pytest.approx(risk_within(monthly, days))


def test_without_a_churn_there_is_nothing_to_learn() -> None:
    nobody = Landmarks(dataset([0] * 30).matrix, np.full(30, np.nan), END, 0)
    with pytest.raises(NotEnoughData, match="0 of 360 months known ended in a churn"):
        fit_hazard(nobody, QUICK, 0, 5)
