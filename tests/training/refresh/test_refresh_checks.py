"""What a refresh is decided by: forward rows, churn rates, nulls; worked on rows made by hand."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.handmade import dataset
from support.small_books import MONTHS, small_book

import training.refresh.forward as forward
from training.judge.origins import Origin
from training.models.fitting import silent
from training.models.folds import BY_ACCOUNT, FORWARD
from training.refresh.agreement import check_agreement
from training.refresh.checks import Check
from training.refresh.forward import ForwardRows, check_forward, forward_rows
from training.refresh.newest import check_churn_rate, check_nulls
from training.refresh.volume import check_volume
from training.settings import ChurnRule, TrainingSettings
from training.slices.dataset import Dataset

SETTINGS = TrainingSettings(rule=ChurnRule(30), bootstraps=60)
DATES = [date(2025, 1, 1) + timedelta(days=30 * step) for step in range(8)]


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def rows(churned_by_date: list[int], customers: int = 200) -> Dataset:
    """Return rows at as many dates; at each the first few accounts of its own churn."""
    labels, accounts, days = [], [], []
    for step, churned in enumerate(churned_by_date):
        labels += [1] * churned + [0] * (customers - churned)
        accounts += [f"{step}-{place}" for place in range(churned)]
        accounts += [f"s{place}" for place in range(customers - churned)]
        days += [DATES[step]] * customers
    return dataset(labels, accounts=accounts, as_of=days)


class Foreteller:
    """Stands in for a model: the same probability for everybody."""

    def __init__(self, probability: float = 0.1) -> None:
        self.value = probability
        self.manifest = SimpleNamespace(slices=[DATES[0]])

    def probability(self, matrix: Any) -> np.ndarray:
        return np.full(len(matrix), self.value)

    margin = calibrator = probability


def asked(data: Dataset, known_until: date, origin: Origin, then: Any) -> ForwardRows | None:
    return forward_rows(data, Foreteller(), known_until, origin, then, SETTINGS, silent)  # type: ignore[arg-type]


def test_an_old_champion_is_judged_where_the_run_was() -> None:
    data = rows([20] * 6)
    origin = Origin(data.on(DATES[:2]), data.on(DATES[3:]), FORWARD)
    found = asked(data, DATES[3], origin, Foreteller(0.2))
    assert found is not None and found.data is origin.test and found.is_fresher
    assert (found.model == 0.2).all() and (found.champion == 0.1).all()


def test_a_younger_champion_is_judged_at_later_dates_by_a_model_that_did_not_know_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt: list[Dataset] = []
    monkeypatch.setattr(forward, "fit_model", lambda data, settings: learnt.append(data) or Foreteller(0.3))
    data = rows([20] * 8)
    origin = Origin(data.on(DATES[:1]), data.on(DATES[2:]), FORWARD)
    found = asked(data, DATES[4], origin, Foreteller())
    assert found is not None and found.data.dates == DATES[5:], "the latest dates with 60 accounts that churned"
    assert learnt[0].dates == DATES[:5], "labels of 30 days: known at the first of them"
    assert found.is_fresher and (found.model == 0.3).all()
    fewer = rows([20] * 6)
    found = asked(fewer, DATES[4], origin, Foreteller())
    assert found is not None and found.data.dates == DATES[4:6], "all, where they are fewer"


@pytest.mark.parametrize("how", [FORWARD, BY_ACCOUNT])
def test_fewer_than_thirty_churned_accounts_tell_nothing(how: str) -> None:
    data = rows([20, 20, 20, 20, 14, 15])
    origin = Origin(data.on(DATES[:3]), data.on(DATES[4:]), how)
    assert asked(data, DATES[4], origin, Foreteller()) is None
    assert asked(data, DATES[7], origin, Foreteller()) is None


def test_equal_models_pass_and_worse_ones_do_not() -> None:
    data = rows([40, 40])
    rng = np.random.default_rng(1)
    good = np.clip(0.2 + 0.3 * data.churned + rng.normal(0, 0.1, len(data)), 0.01, 0.99)
    level = good * data.churned.mean() / good.mean()

    def beside(model: np.ndarray) -> list[str]:
        return failed(check_forward(ForwardRows(data, level, model, True), SETTINGS))

    assert beside(level) == []
    assert beside(level + rng.normal(0, 1e-4, len(data))) == []
    assert beside(np.minimum(2 * level, 0.99)) == ["calibration"]
    assert "ranking" in beside(rng.permutation(level))
    assert beside(np.full(len(data), np.nan)) != [], "what cannot be told does not pass"


def test_churn_of_the_new_slices_is_compared_with_a_year_s_range() -> None:
    usual = check_churn_rate(rows([20, 26, 22, 24, 30]), DATES[2])
    assert usual.passed and usual.found == "12.0% to 15.0% in the new slices, 10.0% to 13.0% in the year before"
    odd = check_churn_rate(rows([20, 26, 22, 24, 80]), DATES[2])
    assert not odd.passed and f"80 of 200 customers churned after {DATES[4]} (40.0%)" in odd.found
    assert not check_churn_rate(rows([60, 66, 2]), DATES[1]).passed
    assert check_churn_rate(rows([4, 2], 20), DATES[0]).passed, "half, but so few tell nothing"


def test_a_signal_that_few_are_known_by_now_is_named() -> None:
    data = rows([5, 5], 50)
    data.matrix.signals["nps_last"] = np.where(np.arange(len(data)) % 10 < 7, 9.0, np.nan)
    today = data.on(DATES[:1]).matrix
    assert check_nulls(data, today).passed
    today.signals["nps_last"] = np.where(np.arange(50) % 10 < 4, 9.0, np.nan)
    found = check_nulls(data, today)
    assert not found.passed and found.found == "nps_last is null for 60%, was for 30% at most"
    today.signals["nps_last"] = 9.0
    assert check_nulls(data, today).passed, "more is known than before"


def test_agreement_is_of_rank_and_level() -> None:
    champion, value = np.linspace(0.01, 0.4, 300), np.ones(300)
    assert failed(check_agreement(champion, 1.1 * champion, value)) == []
    assert failed(check_agreement(champion, 1.3 * champion, value)) == ["expected churns"]
    assert failed(check_agreement(champion, 1.6 * champion, value)) == ["expected churns", "expected loss"]
    assert "rank agreement" in failed(check_agreement(champion, champion[::-1], value))
    assert failed(check_agreement(champion, champion, 0 * value)) == [], "a book without value"


@pytest.mark.parametrize("closed", ["", "2025-12-03T00:00:00"])
def test_a_column_without_a_value_or_with_a_late_one_is_no_fault(tmp_path: Path, closed: str) -> None:
    """No ticket was ever closed: it ended in a traceback."""
    tickets = [f"t{day},a1,{day}T00:00:00,{closed if day == MONTHS[-1] else ''}" for day in MONTHS]
    check = check_volume(small_book(tmp_path, tickets=tickets), date(2025, 6, 1), date(2026, 1, 1))
    assert check.passed, check.found
