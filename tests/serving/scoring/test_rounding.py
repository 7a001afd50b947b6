"""Figures are rounded once, at scoring, to what they mean: millionths of a probability, cents, and the parts add up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.handmade import tables_of

from features.matrix import FACT, FACTS, MONEY_UNITS, made_of
from features.signal import all_signals
from features.tables import TABLES, Tables
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Predictor
from serving.scoring.scores import Score
from serving.scoring.scoring import score_book, score_matrix
from training.bundle.bundle import Bundle
from training.bundle.explanation import Explained

MONEY = {item.name for item in all_signals() if item.unit in MONEY_UNITS}
SHARES = st.floats(0, 1)
PARTS = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=90)


@pytest.fixture(scope="module")
def scores(book: Tables, bundle: Bundle, as_of: date) -> list[Score]:
    return list(score_book(book, as_of, bundle).rows())


def test_probabilities_and_their_parts_are_millionths(scores: list[Score]) -> None:
    for score in scores:
        parts = [reason.contribution for reason in score.reasons]
        for figure in (score.churn_probability, score.base_probability, *parts):
            assert figure == round(figure, 6) and str(figure) != "-0.0"
        assert score.base_probability + sum(parts) == pytest.approx(score.churn_probability, abs=1e-9, rel=0)


def test_money_is_in_cents(scores: list[Score]) -> None:
    for score in scores:
        sums = [score.revenue_365d, score.value, score.revenue_at_risk, score.expected_profit]
        sums += [reason.value for reason in score.reasons if reason.signal in MONEY and reason.value is not None]
        assert sums == [round(figure, 2) for figure in sums]
        assert score.revenue_at_risk == round(max(score.churn_probability * score.revenue_365d, 0), 2)


def test_money_does_not_pass_through_single_precision(bundle: Bundle) -> None:
    """Cents of a large customer: the model is asked with 1,234,567.875, and nobody is shown that."""
    columns = dict.fromkeys([*MONEY, *(FACT + name for name in FACTS)], 1_234_567.89) | {"revenue_90d": np.nan}
    keys = pd.DataFrame({"account_id": ["A"], "as_of": pd.to_datetime(["2026-01-01"])})
    unknown = np.array([[item.name == "revenue_180d" for item in all_signals()]])
    matrix = made_of(keys, lambda name: np.array([columns.get(name)], dtype=object), unknown)
    assert matrix.signals["revenue_365d"].tolist() == [1_234_567.875]
    (score,) = score_matrix(matrix, bundle, [()]).rows()
    shown = {reason.signal: reason.value for reason in score.reasons if reason.signal in MONEY}
    assert shown == dict.fromkeys(MONEY, 1_234_567.89) | {"revenue_90d": None, "revenue_180d": None}
    assert score.revenue_365d == 1_234_567.89


def test_a_request_and_the_batch_give_the_same_cents(bundle: Bundle) -> None:
    day, amounts = date(2026, 1, 1), (1_234_567.89, 7_654_321.23)
    rows = [
        {"invoice_id": f"I{n}", "account_id": "A", "invoiced_on": date(2025, 11, 3 + n), "amount": amount}
        for n, amount in enumerate(amounts)
    ]
    account = {"account_id": "A", "customer_since": date(2020, 1, 1)}
    sent = {"account": account, "invoices": rows}
    frames = {"accounts": pd.DataFrame([account]), "invoices": pd.DataFrame(rows)}
    tables = tables_of(frames, missing=[name for name in TABLES if name not in frames])
    (asked,) = Predictor(bundle).predict(PredictionRequest.model_validate({"accounts": [sent]}).accounts, day)
    (booked,) = score_book(tables, day, bundle).rows()
    values = [{reason.signal: reason.value for reason in score.reasons} for score in (asked, booked)]
    assert values[0]["revenue_90d"] == values[0]["revenue_365d"] == round(sum(amounts), 2) == 8_888_889.12
    assert [{name: each[name] for name in MONEY} for each in values] == [{name: values[0][name] for name in MONEY}] * 2


def test_other_values_have_six_decimals_at_most(scores: list[Score]) -> None:
    values = [reason.value for score in scores for reason in score.reasons if reason.value is not None]
    assert len(values) > 1000 and values == [round(value, 6) for value in values]


def test_reasons_stay_in_order(scores: list[Score]) -> None:
    for score in scores:
        parts = [abs(reason.contribution) for reason in score.reasons]
        assert parts == sorted(parts, reverse=True)


@given(base=SHARES, parts=PARTS)
def test_whatever_is_rounded_the_parts_add_up(base: float, parts: list[float]) -> None:
    exact = Explained(np.array([base + sum(parts)]), base, np.array([parts]))
    rounded = exact.rounded()
    assert rounded.base + rounded.contributions.sum() == pytest.approx(rounded.probability[0], abs=1e-9, rel=0)
    moved = np.abs(rounded.contributions - exact.contributions)[0]
    assert np.delete(moved, np.abs(parts).argmax()).max() <= 5.1e-7
    assert moved.max() <= 1e-6 * (len(parts) + 2)
