"""What one signal achieves alone, against scikit-learn and by counting; and which signals are suspect for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from support.handmade import dataset

from training.judge.leaks import Suspect, is_too_good, model_warning, suspects
from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.worth.bootstrap import Interval
from training.worth.silent_already import SilentAlready
from training.worth.univariate import Rows, SortedSignal, surest

NAN = float("nan")
DATES = [date(2024, 1, 1), date(2024, 7, 1)]
RULE, SILENCE = ChurnRule(), ChurnRule(silence_days=180)


def with_signals(data: Dataset, **columns: Sequence[object]) -> Dataset:
    """Return the dataset with these signals known."""
    signals = data.matrix.signals.assign(**columns)
    return replace(data, matrix=replace(data.matrix, signals=signals))


def alone(data: Dataset, values: Sequence[float]) -> SortedSignal:
    return SortedSignal.of(np.array(values, float), Rows.of(data))


def found_in(data: Dataset) -> set[str]:
    return {one.signal for one in suspects(data, RULE)}


# One signal alone -----------------------------------------------------------------------------------------------------

#: Churned, value (null now and then), account, date: few of each, so that ties and repeats are many.
ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4) | st.none(), st.integers(0, 5), st.integers(0, 1)),
    min_size=1,
    max_size=30,
)
DrawnRows = list[tuple[bool, int | None, int, int]]


def drawn(rows: DrawnRows) -> tuple[Dataset, np.ndarray]:
    churned, values, accounts, dates = zip(*rows, strict=True)
    data = dataset(churned, accounts=[f"a{number}" for number in accounts], as_of=[DATES[at] for at in dates])
    return data, np.array([NAN if value is None else value for value in values], float)


@given(rows=ROWS)
def test_roc_auc_is_that_of_scikit_learn_with_nulls_at_the_better_end(rows: DrawnRows) -> None:
    data, values = drawn(rows)
    by_end = []
    for null in (-1.0, 9.0):
        filled = np.nan_to_num(values, nan=null)
        at_dates = []
        for day in np.unique(data.as_of):
            churned, score = data.churned[data.as_of == day], filled[data.as_of == day]
            if len(np.unique(churned)) == 2 and len(np.unique(score)) > 1:
                at_dates.append(roc_auc_score(churned, score))
        mean = np.mean(at_dates) if at_dates else 0.5
        by_end.append(max(mean, 1 - mean))
    assert alone(data, values).roc_auc() == pytest.approx(max(by_end))


@given(rows=ROWS)
def test_regions_are_counted_by_hand(rows: DrawnRows) -> None:
    data, values = drawn(rows)
    known = np.unique(values[~np.isnan(values)])
    bounds = [(value, value) for value in known]
    bounds += [(-np.inf, value) for value in known] + [(value, np.inf) for value in known]
    by_hand = {}
    for low, high in bounds:
        inside = (values >= low) & (values <= high)
        by_hand[low, high] = (data.churned[inside].sum(), inside.sum(), len(set(data.accounts[inside])))
    nulls = np.isnan(values)
    if nulls.any():
        by_hand[None, None] = (data.churned[nulls].sum(), nulls.sum(), len(set(data.accounts[nulls])))
    regions = alone(data, values).regions()
    assert regions.shape[1] == len(by_hand)
    for low, high, *counts in regions.T.tolist():
        key = (None, None) if np.isnan(low) else (low, high)
        assert tuple(counts) == by_hand[key]


def test_the_least_rate_is_the_lower_end_of_wilsons_interval() -> None:
    """With two errors and 36 accounts that all churned: 36 / (36 + 2²) = .9; with half of 12: 1/2 - 1/4."""
    all_gone, half = dataset([1] * 36), dataset([1] * 6 + [0] * 6)
    assert surest(alone(all_gone, [0.0] * 36).regions(), 1, 0.5).least_rate == pytest.approx(0.9)
    assert surest(alone(half, [0.0] * 12).regions(), 1, 0.9).least_rate == pytest.approx(0.25)


def test_the_surest_region_holds_most_churned_rows_of_those_that_are_sure() -> None:
    """At 3 all of 400 churn, at 2 96 of 100, at 1 half of 400: 'at least 2' is less sure than 3, but holds more."""
    data = dataset([1] * 400 + [1] * 96 + [0] * 4 + [1, 0] * 200)
    found = surest(alone(data, [3.0] * 400 + [2.0] * 100 + [1.0] * 400).regions(), 10, 0.9)
    assert (found.low, found.high, found.churned, found.rows, found.accounts) == (2, np.inf, 496, 500, 500)


def test_where_none_is_sure_the_nearest_one_that_holds_enough_is_found() -> None:
    """At 2 all of 3 churn, which is too few to count; at 1 half of 40, at 0 none of 40."""
    data = dataset([1] * 3 + [1, 0] * 20 + [0] * 40)
    found = surest(alone(data, [2.0] * 3 + [1.0] * 40 + [0.0] * 40).regions(), 10, 0.99)
    assert (found.low, found.high, found.churned) == (1, np.inf, 23)


# Suspects -------------------------------------------------------------------------------------------------------------


def outcomes(churned: int = 60, stayed: int = 540) -> Dataset:
    return dataset([1] * churned + [0] * stayed)


def test_a_signal_that_is_missing_where_accounts_churn_is_suspect() -> None:
    data = with_signals(outcomes(), response_rate_180d=[NAN] * 60 + list(np.linspace(0, 1, 540)))
    (found,) = suspects(data, RULE)
    assert found == Suspect("response_rate_180d", 1.0, "not known", 1.0, 1.0, 60, ("surveys",))
    assert found.message().startswith(
        "response_rate_180d alone tells who churns with a ROC AUC of 1.00: where it is not known (60 accounts), "
        "100 % churn, 100 % of all that do. Check in surveys whether"
    )


def test_a_value_at_which_all_churn_is_suspect_however_low_the_roc_auc() -> None:
    """A third is marked by a 0 in the middle of what others have: the ROC AUC tells nothing, the value everything."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 900)
    values[:100] = 0
    data = with_signals(outcomes(300, 600), revenue_trend_90d=values)
    (found,) = suspects(data, RULE)
    assert found.roc_auc < 0.6
    assert (found.where, found.caught, found.churn_rate, found.accounts) == ("0", pytest.approx(1 / 3), 1.0, 100)


@pytest.mark.parametrize(
    ("marked", "where"),
    [(-7.5, "-7.5"), (1234.5, "1,234.5")],
)
def test_a_single_value_beyond_all_others_is_named(marked: float, where: str) -> None:
    values = np.concatenate([np.full(60, marked), np.linspace(0, 1, 540)])
    (found,) = suspects(with_signals(outcomes(), revenue_90d=values), RULE)
    assert found.where == where


@pytest.mark.parametrize(("sign", "where"), [(1, "at least 5"), (-1, "at most -5")])
def test_bounds_are_named(sign: int, where: str) -> None:
    values = sign * np.concatenate([5 + np.arange(60) / 10, np.linspace(0, 1, 540)])
    (found,) = suspects(with_signals(outcomes(), revenue_90d=values), RULE)
    assert found.where == where


def test_a_category_written_afterwards_is_suspect() -> None:
    segments = ["former"] * 40 + ["lost"] * 20 + ["small", "large"] * 270
    (found,) = suspects(with_signals(outcomes(), account_segment=segments), RULE)
    assert (found.where, found.caught, found.churn_rate) == ("'former' or 'lost'", 1.0, 1.0)


def test_a_state_of_today_that_stands_at_every_date_is_suspect() -> None:
    """Each leaves at one of 24 dates, so at any date few of the former leave within the horizon."""
    accounts, leaving, months = 400, 240, 24
    days = [date(2022 + month // 12, 1 + month % 12, 1) for month in range(months)]
    rows = [(of, month) for of in range(accounts) for month in range(months) if of >= leaving or month <= of % months]
    churned = [of < leaving and month == of % months for of, month in rows]
    data = dataset(churned, accounts=[f"a{of}" for of, _ in rows], as_of=[days[month] for _, month in rows])
    segments = np.array([("Large", "Small")[of % 2] for of, _ in rows], object)
    assert not found_in(with_signals(data, account_segment=segments))
    segments[[of < leaving for of, _ in rows]] = "Former"
    (suspect,) = suspects(with_signals(data, account_segment=segments), RULE)
    assert (suspect.signal, suspect.where, suspect.rows) == ("account_segment", "'Former'", "accounts")
    assert (suspect.accounts, suspect.churn_rate, suspect.caught) == (240, 1.0, 1.0)
    assert "who leaves one day" in suspect.message()
    assert "of the 240 accounts where it is 'Former', 100 % left, 100 % of all that did" in suspect.message()


def test_a_text_of_its_own_for_every_account_is_not_suspect() -> None:
    """By its own outcome every category tells all; a model can't learn from it, and takes it as null."""
    names = [f"segment {number}" for number in range(600)]
    assert not found_in(with_signals(outcomes(), account_segment=names))


def test_a_strong_signal_is_not_suspect() -> None:
    """A normal shift of 1.19 gives a ROC AUC of .80; one of 1.81 gives .90."""
    rng = np.random.default_rng(1)
    noise, shift = rng.normal(0, 1, 4000), np.repeat([1.0, 0.0], [400, 3600])
    assert not found_in(with_signals(outcomes(400, 3600), nps_last=noise - 1.19 * shift))
    assert found_in(with_signals(outcomes(400, 3600), nps_last=noise - 1.81 * shift)) == {"nps_last"}


@pytest.mark.parametrize(("churned", "suspect"), [(10, False), (60, True)])
def test_a_few_accounts_that_churned_prove_nothing(churned: int, suspect: bool) -> None:
    values = [1.0] * churned + [0.0] * 540
    assert bool(found_in(with_signals(outcomes(churned), loops_open=values))) is suspect


def test_accounts_count_not_rows() -> None:
    """At 1 all churn: 120 rows, of ten accounts at twelve dates, or of 120 at one each. Of the rest a fifth does."""
    dates = [date(2024, month, 1) for month in range(1, 13)] * 100
    marked, churned = [1.0] * 120 + [0.0] * 1080, [1] * 120 + [1, 0, 0, 0, 0] * 216
    for repeats, suspect in ((12, False), (1, True)):
        accounts = [f"a{row // repeats if row < 120 else row}" for row in range(1200)]
        data = with_signals(dataset(churned, accounts=accounts, as_of=dates), loops_open=marked)
        assert bool(found_in(data)) is suspect


def test_a_book_in_which_most_leave_has_a_higher_bound() -> None:
    """Where 85 % churn anyway, 95 % is little; the stayers must be a tenth as frequent: 1.5 %."""
    usual = [1] * 85 + [0] * 15
    for churned, suspect in (([1] * 95 + [0] * 5, False), ([1] * 100, True)):
        data = dataset(churned * 10 + usual * 40)
        marked = with_signals(data, loops_open=[1.0] * 1000 + [0.0] * 4000)
        assert bool(found_in(marked)) is suspect


def test_a_table_that_begins_late_is_judged_where_it_is_known() -> None:
    """At the first date nothing is known; there the ROC AUC would be .5 and hide the leak at the second."""
    churned = ([1] * 60 + [0] * 240) * 2
    data = dataset(churned, as_of=[DATES[0]] * 300 + [DATES[1]] * 300)
    values = [NAN] * 300 + [float(one) for one in churned[:300]]
    (found,) = suspects(with_signals(data, loops_open=values), RULE)
    assert found.roc_auc == 1


def test_the_strongest_stands_first_whatever_the_order_of_rows() -> None:
    rng = np.random.default_rng(2)
    data = outcomes()
    noisy = data.churned + rng.normal(0, 0.4, len(data))
    data = with_signals(data, loops_open=noisy, tickets_open=data.churned.astype(float))
    found = suspects(data, RULE)
    assert [one.signal for one in found] == ["tickets_open", "loops_open"]
    shuffled = data.take(rng.permutation(len(data)))
    assert suspects(shuffled, RULE) == found


@pytest.mark.parametrize("churned", [[0] * 20, [1] * 20, []])
def test_with_one_outcome_nothing_can_be_told(churned: list[int]) -> None:
    data = with_signals(dataset(churned), loops_open=[1.0] * len(churned))
    assert suspects(data, RULE) == ()


def test_unknown_signals_are_not_suspect() -> None:
    assert suspects(outcomes(), RULE) == ()
    nothing = pd.Series([None] * 600, dtype=object)
    assert suspects(with_signals(outcomes(), account_segment=nothing), RULE) == ()


# At the last date before they left ------------------------------------------------------------------------------------


def monthly(leavers: int = 60, stayers: int = 240, months: int = 6) -> Dataset:
    """Leavers churn in the month after the one of their number, and are labelled at all dates before; nobody else."""
    dates = [date(2024, month, 1) for month in range(1, months + 1)]
    rows = [
        (f"a{account:03d}", day, account < leavers)
        for account in range(leavers + stayers)
        for month, day in enumerate(dates)
        if account >= leavers or month <= account % months
    ]
    accounts, as_of, churned = zip(*rows, strict=True)
    return dataset(churned, accounts=accounts, as_of=as_of)


def last_dates(data: Dataset) -> np.ndarray:
    """Rows of leavers at the last date at which they are customers."""
    last = pd.Series(data.as_of).groupby(data.accounts).transform("max").to_numpy()
    return data.churned & (data.as_of == last)


def dated_back(signal: str) -> Dataset:
    """A month before an account leaves something is written, which it is for nobody else, or for one row in fifty."""
    data = monthly()
    return with_signals(data, **{signal: (last_dates(data) | (np.arange(len(data)) % 50 == 0)).astype(float)})


def test_what_is_dated_back_by_a_month_is_suspect_at_the_last_date() -> None:
    data = dated_back("contacts_left_365d")
    (found,) = suspects(data, RULE)
    # Ten leave in each of the six months; of the last month no later date tells that they have left.
    assert (found.rows, found.where, found.caught) == ("last", "1", 1.0)
    assert found.roc_auc > 0.98
    assert "at the last as-of date before they leave" in found.message()
    assert not found_in(data.take(~last_dates(data))), "at the dates before, nothing tells"


def test_under_silence_and_for_contracts_the_last_date_tells_by_itself() -> None:
    assert suspects(dated_back("invoices_90d"), RULE)
    assert suspects(dated_back("invoices_90d"), SILENCE) == ()
    assert suspects(dated_back("contract_days_to_end"), RULE) == ()


def test_a_leak_on_all_rows_is_said_of_all_rows() -> None:
    data = monthly()
    for rule in (RULE, SILENCE):
        (found,) = suspects(with_signals(data, loops_open=data.churned.astype(float)), rule)
        assert found.rows == "all"


# Where churn is silence ----------------------------------------------------------------------------------------------


def silent_book(**columns: Sequence[object]) -> Dataset:
    """150 silent already, all of whom churn; 60 that churn later, half of them overdue, and 540 that stay."""
    days = [200.0] * 150 + [100.0] * 30 + [20.0] * 570
    known = {"invoice_recency_days": days, "invoice_overdue_ratio": [day / 30 for day in days], **columns}
    return with_signals(dataset([1] * 210 + [0] * 540), **known)


def test_a_silence_that_has_begun_is_no_leak() -> None:
    assert "invoice_recency_days" in found_in(silent_book())
    assert suspects(silent_book(), SILENCE) == ()
    everyone = silent_book().take(np.arange(150))
    assert suspects(everyone, SILENCE) == ()


@pytest.mark.parametrize(
    ("signal", "among"), [("loops_open", "not silent for 180 days already"), ("revenue_90d", "not overdue by their")]
)
def test_a_leak_is_found_in_a_book_of_silence(signal: str, among: str) -> None:
    left = np.repeat([1.0, 0.0], [210, 540])
    (found,) = suspects(silent_book(**{signal: left}), SILENCE)
    assert found.signal == signal and f"who churns, of those {among}" in found.message()


@pytest.mark.parametrize(
    ("others", "in_rhythm", "words"),
    [
        (0.9, 0.8, "150 of the 750 rows judged, 150 of the 210 that churned, had been silent for more than 180 days"),
        (0.96, 0.8, "30 of the others were overdue by their own rhythm"),
        (0.96, 0.96, "hardly ever honest"),
        (0.96, None, "hardly ever honest"),
    ],
)
def test_the_warning_names_silence_where_only_it_raises_the_figure(
    others: float, in_rhythm: float | None, words: str
) -> None:
    figures = {"roc_auc": Interval(others, others, others)}
    silent = SilentAlready(180, 150, 150, 600, 60, figures, 30, in_rhythm)
    warning = model_warning(0.97, silent=silent)
    assert is_too_good(0.97, silent) is (words == "hardly ever honest") and not is_too_good(0.94, silent)
    assert warning is not None and words in warning


# The whole model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roc_auc", "bound", "warned"),
    [(0.95, 0.95, True), (0.949, 0.95, False), (0.88, 0.87, True), (NAN, 0.95, False)],
)
def test_a_model_is_warned_of_from_the_bound_on(roc_auc: float, bound: float, warned: bool) -> None:
    warning = model_warning(roc_auc, bound)
    assert (warning is not None) is warned
    if warning:
        assert f"{roc_auc:.3f}" in warning and f"{bound:g}" in warning


def test_a_model_is_believed_up_to_95() -> None:
    assert model_warning(0.94) is None and model_warning(0.96) is not None
