"""Who was acted on in the label's window, how both parts are judged, and that actions are never advised."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from support.handmade import dataset, tables_of

from features.signal import Signal, all_signals
from features.tables import Tables
from serving.words.advice import ADVICE, NEVER_ADVISED, advice_key
from training.judge.treated import LEAST_ACCOUNTS, judge_apart, treated
from training.making.pipeline import Trained
from training.settings import ChurnRule
from training.slices.dataset import Dataset

AS_OF = date(2024, 3, 1)
INSTANT = pd.Timestamp(AS_OF)
RULE = ChurnRule(horizon_days=30, lead_days=10)
SECOND = 1 / 86_400


def book(done: list[tuple[str, float]], churned: dict[str, int] | None = None, missing: tuple[str, ...] = ()) -> Tables:
    """Return a book of actions (account, days from AS_OF) and of the days from AS_OF on which accounts churned."""
    actions = pd.DataFrame(
        {
            "action_id": [str(number) for number in range(len(done))],
            "account_id": [account for account, _ in done],
            "kind": "call",
            "done_at": [(INSTANT + pd.Timedelta(days=when)).round("s") for _, when in done],
        }
    )
    gone = churned or {}
    churns = pd.DataFrame(
        {"account_id": list(gone), "churned_on": [INSTANT + pd.Timedelta(days=when) for when in gone.values()]}
    )
    return tables_of({"actions": actions, "churns": churns}, missing=missing)


def rows(*accounts: str, as_of: list[date] | None = None) -> Dataset:
    return dataset([0] * len(accounts), accounts=accounts, as_of=as_of or [AS_OF] * len(accounts))


# Who was treated ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "marked"),
    [(-SECOND, False), (0, True), (5, True), (40 - SECOND, True), (40, False)],
    ids=["the second before", "at as_of", "in the lead", "last second", "after the window"],
)
def test_the_window_is_from_as_of_to_the_end_of_the_labels(when: float, marked: bool) -> None:
    """Another account's action makes actions a thing that is recorded."""
    found = treated(book([("a", when), ("other", 1)]), rows("a", "b"), RULE)
    assert found is not None
    assert found.tolist() == [marked, False]


@pytest.mark.parametrize(("when", "marked"), [(19, True), (20, False), (25, False)])
def test_an_action_after_the_churn_could_not_keep_the_account(when: float, marked: bool) -> None:
    found = treated(book([("a", when)], {"a": 20}), rows("a"), RULE)
    assert found is not None
    assert found.tolist() == [marked]


def test_an_action_before_as_of_hides_no_later_one() -> None:
    found = treated(book([("a", -100), ("a", -1), ("a", 8), ("a", 300)]), rows("a"), RULE)
    assert found is not None
    assert found.tolist() == [True]


def test_every_row_has_its_own_window_whatever_their_order() -> None:
    days = [AS_OF + timedelta(days=offset) for offset in (60, 0, 30, -45, 0)]
    found = treated(book([("a", 35)], {"b": 100}), rows("a", "a", "a", "a", "b", as_of=days), RULE)
    assert found is not None
    assert found.tolist() == [False, True, True, False, False]


def test_it_is_unknown_where_actions_are_not_recorded() -> None:
    assert treated(book([("a", 1)], missing=("actions",)), rows("a"), RULE) is None
    assert treated(book([]), rows("a"), RULE) is None
    assert treated(book([("a", 40)]), rows("a"), RULE) is None, "recorded only after all windows"
    assert judge_apart(book([]), rows("a"), RULE, np.array([0.5]), 5, 0) is None


# Judged apart ---------------------------------------------------------------------------------------------------------


def saved(treated_accounts: int = 40, others: int = 100) -> tuple[Tables, Dataset, np.ndarray]:
    """Half of the accounts would churn, at .8 rather than .2, in each part; of the treated three in four are saved."""
    n = treated_accounts + others
    would = np.arange(n) % 2 == 0
    kept = (np.arange(n) < treated_accounts) & (np.arange(n) % 8 != 0)
    data = dataset((would & ~kept).astype(int).tolist(), revenue=[100.0] * n, as_of=[AS_OF] * n)
    return book([(name, 5) for name in data.accounts[:treated_accounts]]), data, np.where(would, 0.8, 0.2)


def test_a_saved_account_looks_safe_and_is_judged_apart() -> None:
    """Treated: 40 rows, mean probability .5, 5 churned; untreated: 100 rows, 50 churned, all ranked first."""
    tables, data, probability = saved()
    found = judge_apart(tables, data, RULE, probability, bootstraps=20, seed=0)
    assert found is not None
    kept, others = found.treated, found.untreated
    assert (kept.rows, kept.churned, kept.churn_rate, kept.mean_probability) == (40, 5, 0.125, pytest.approx(0.5))
    assert kept.calibration_gap is not None
    assert kept.calibration_gap.value == pytest.approx(0.375)
    assert kept.calibration_gap.low > 0, "the model looks too gloomy where accounts were saved"
    assert (others.rows, others.churned, others.churn_rate) == (100, 50, 0.5)
    assert others.calibration_gap is not None
    assert others.calibration_gap.value == pytest.approx(0)
    assert others.calibration_gap.low < 0 < others.calibration_gap.high
    assert others.roc_auc is not None and others.captured_10 is not None
    assert others.roc_auc.value == 1
    assert others.captured_10.value == pytest.approx(10 / 50)


def test_where_too_few_churned_a_ranking_is_not_judged() -> None:
    tables, data, probability = saved()
    found = judge_apart(tables, data, RULE, probability, 5, 0)
    assert found is not None
    assert found.treated.churned == 5 < LEAST_ACCOUNTS
    assert found.treated.roc_auc is None and found.treated.captured_10 is None


@pytest.mark.parametrize(("accounts", "told"), [(LEAST_ACCOUNTS - 1, False), (LEAST_ACCOUNTS, True)])
def test_too_few_accounts_tell_nothing_however_many_rows(accounts: int, told: bool) -> None:
    names = [f"a{number}" for number in range(accounts)] * 3
    as_of = [AS_OF + timedelta(days=back) for back in (-60, -30, 0) for _ in range(accounts)]
    data = rows(*names, as_of=as_of)
    found = judge_apart(
        book([(name, when) for name in names for when in (-50, -20, 5)]), data, RULE, np.ones(len(data)), 5, 0
    )
    assert found is not None
    assert found.treated.rows == 3 * accounts
    assert (found.treated.churn_rate is not None) is (found.treated.mean_probability is not None) is told
    assert (found.treated.calibration_gap is not None) is told
    assert found.untreated.as_dict() == {
        "rows": 0, "churned": 0, "churn_rate": None, "mean_probability": None, "calibration_gap": None,
        "roc_auc": None, "captured_10": None,
    }  # fmt: skip


def test_without_revenue_what_was_captured_is_null() -> None:
    tables, data, probability = saved()
    data.matrix.facts["revenue_365d"] = 0.0
    found = judge_apart(tables, data, RULE, probability, 5, 0)
    assert found is not None
    assert found.untreated.roc_auc is not None and found.untreated.captured_10 is None


def test_plain_values() -> None:
    tables, data, probability = saved()
    found = judge_apart(tables, data, RULE, probability, 5, seed=3)
    assert found is not None
    plain = found.as_dict()
    assert list(plain) == ["treated", "untreated"]
    assert plain["untreated"] == asdict(found)["untreated"]
    assert set(plain["untreated"]["roc_auc"]) == {"value", "low", "high"}
    assert judge_apart(tables, data, RULE, probability, 5, seed=3) == found


# Actions are not advised ----------------------------------------------------------------------------------------------

OF_ACTIONS = [item for item in all_signals() if "actions" in item.needs]


def test_there_are_signals_of_actions() -> None:
    assert {"actions_180d", "action_age_days"} <= {item.name for item in OF_ACTIONS}


@pytest.mark.parametrize("item", OF_ACTIONS, ids=lambda item: item.name)
def test_no_direction_is_assumed_of_actions_and_none_is_called_for(item: Signal) -> None:
    assert (item.riskier, item.monotone, item.actionable) == ("either", 0, False)


def test_the_trees_carry_no_constraint_on_actions(trained: Trained) -> None:
    booster = trained.trees.booster
    (line,) = [row for row in booster.model_to_string().splitlines() if row.startswith("[monotone_constraints:")]
    constraints = [int(one) for one in line.strip("[]").split(":")[1].split(",")]
    by_name = dict(zip(booster.feature_name(), constraints, strict=True))
    assert {by_name[item.name] for item in OF_ACTIONS} == {0}
    assert set(constraints) == {-1, 0, 1}, "other signals are constrained"


def test_no_advice_comes_from_actions() -> None:
    """Neither is a theme with such a signal advised on, nor does a rule of another theme look at one."""
    names = {item.name for item in OF_ACTIONS}
    assert {item.theme for item in OF_ACTIONS} <= NEVER_ADVISED
    assert set(ADVICE).isdisjoint(NEVER_ADVISED)
    assert names.isdisjoint(signal for rules in ADVICE.values() for _, signal, _, _ in rules)
    for theme in ("actions", *ADVICE):
        without = {item.name: 1.0 for item in all_signals() if item.name not in names}
        advised = {advice_key(theme, without | dict.fromkeys(names, value)) for value in (None, 0.0, 1.0, 400.0)}
        assert len(advised) == 1 and (theme != "actions" or advised == {None})
