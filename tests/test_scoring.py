"""Scores: the contract's formulas, reasons that add up, and files that hold them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.matrix import FACTS, Matrix
from features.signal import all_signals, signal_names
from features.tables import Tables
from serving.files import SCHEMA, write_scores
from serving.scores import Score
from serving.scoring import Scored, score_book, score_matrix
from training.bundle import Bundle
from training.economics import break_even
from training.settings import Economics

ECONOMICS = Economics()


@pytest.fixture(scope="module")
def scored(book: Tables, bundle: Bundle, as_of: date) -> Scored:
    return score_book(book, as_of, bundle)


@pytest.fixture(scope="module")
def scores(scored: Scored) -> list[Score]:
    return list(scored.rows())


def made(
    bundle: Bundle,
    revenue: Sequence[float],
    contract: Sequence[float],
    days: Sequence[float] = (1000,),
    records: Sequence[float] = (50,),
) -> list[Score]:
    """Score accounts of which nothing is known but these facts."""
    count = max(len(revenue), len(days), len(records))
    facts = pd.DataFrame(
        np.column_stack([np.resize(values, count) for values in (days, records, revenue, contract)]).astype(float),
        columns=list(FACTS),
    )
    keys = pd.DataFrame({"account_id": [f"A{n}" for n in range(count)], "as_of": pd.Timestamp("2026-01-01")})
    signals = {item.name: [None] * count if item.is_text else np.full(count, np.nan) for item in all_signals()}
    matrix = Matrix(keys, pd.DataFrame(signals), facts)
    return list(score_matrix(matrix, bundle, [()] * count).rows())


def test_one_score_a_customer(scores: list[Score], book: Tables, as_of: date) -> None:
    accounts = book["accounts"].execute()
    churned = book["churns"].execute()
    gone = set(churned.loc[pd.to_datetime(churned["churned_on"]) < pd.Timestamp(as_of), "account_id"])
    since = pd.to_datetime(accounts["customer_since"]) < pd.Timestamp(as_of)
    assert [score.account_id for score in scores] == sorted(set(accounts.loc[since, "account_id"]) - gone)
    assert {(score.as_of, score.model_version) for score in scores} == {(as_of, "1")}
    assert len({score.scored_at for score in scores}) == 1 and scores[0].scored_at.tzinfo is UTC


def test_money_follows_the_contract(scores: list[Score], book: Tables, as_of: date) -> None:
    invoices, terms = book["invoices"].execute(), book["contracts"].execute()
    age = (pd.Timestamp(as_of) - pd.to_datetime(invoices["invoiced_on"])).dt.days
    revenue = invoices[(age > 0) & (age <= 365)].groupby("account_id")["amount"].sum()
    runs = pd.to_datetime(terms["starts_on"]).lt(pd.Timestamp(as_of)) & pd.to_datetime(terms["ends_on"]).ge(
        pd.Timestamp(as_of)
    )
    annual = terms[runs].groupby("account_id")["annual_value"].sum()
    g, d, f = ECONOMICS.success_rate, ECONOMICS.incentive_share, ECONOMICS.contact_cost
    for score in scores:
        p, ours = score.churn_probability, revenue.get(score.account_id, 0.0)
        assert 0 <= p <= 1
        assert score.revenue_365d == pytest.approx(ours, abs=1e-6)
        assert score.value == pytest.approx(max(ours, annual.get(score.account_id, 0.0), 0.0), abs=1e-6)
        assert score.revenue_at_risk == max(p * score.revenue_365d, 0.0)
        expected = (p * g * (1 - d) - (1 - p) * d) * score.value - f
        assert score.expected_profit == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_bands_follow_the_contract(scores: list[Score], scored: Scored, bundle: Bundle) -> None:
    cutoff = bundle.reference.threat_value
    for score, facts in zip(scores, scored.matrix.facts.to_dict("records"), strict=True):
        if facts["customer_days"] < 90 or facts["records_365d"] < 3:
            expected = "unknown"
        elif score.expected_profit > 0 if score.value > 0 else score.churn_probability >= break_even(ECONOMICS):
            expected = "at_risk"
        else:
            expected = "safe"
        assert score.band == expected
        assert score.threat == (expected == "at_risk" and score.value >= cutoff)
        assert bool(score.collect) == (expected == "unknown")


def test_unknown_comes_first(bundle: Bundle) -> None:
    eager = replace(bundle, economics=Economics(incentive_share=0.0, contact_cost=0.0))
    found = made(eager, [1e6], [0], days=[89, 90, 90, 89], records=[3, 2, 3, 2])
    assert [score.band for score in found] == ["unknown", "unknown", "at_risk", "unknown"]
    assert [score.threat for score in found] == [False, False, True, False]
    assert found[3].collect == (
        "history: a customer for 89 days, 90 are needed",
        "records: 2 in 365 days, 3 are needed",
    )


def test_credit_notes_are_no_negative_risk(bundle: Bundle) -> None:
    credited, contracted = made(bundle, [-500.0, -500.0], [0.0, 800.0])
    assert (credited.revenue_365d, credited.value, credited.revenue_at_risk) == (-500.0, 0.0, 0.0)
    assert (contracted.revenue_365d, contracted.value, contracted.revenue_at_risk) == (-500.0, 800.0, 0.0)
    assert not math.copysign(1, credited.revenue_at_risk) < 0


def test_value_is_the_larger_of_invoiced_and_contracted(bundle: Bundle) -> None:
    assert [score.value for score in made(bundle, [100, 100, 0], [50, 150, 0])] == [100.0, 150.0, 0.0]


@pytest.mark.parametrize(("side", "band"), [(1 + 1e-9, "safe"), (1 - 1e-9, "at_risk")])
def test_without_value_the_break_even_probability_decides(bundle: Bundle, side: float, band: str) -> None:
    """d / (g (1 - d) + d) = p is solved for d, so that the account stands just beside the edge."""
    (plain,) = made(bundle, [0], [0])
    odds = plain.churn_probability / (1 - plain.churn_probability)
    share = odds * 0.3 / (1 + odds * 0.3) * side
    (score,) = made(replace(bundle, economics=Economics(incentive_share=share)), [0], [0])
    assert score.band == band and not score.value


@pytest.mark.parametrize(("value", "threat"), [(0.0, True), (-0.01, False), (0.01, True)])
def test_threat_begins_at_the_cutoff(bundle: Bundle, value: float, threat: bool) -> None:
    eager = replace(bundle, economics=Economics(incentive_share=0.0, contact_cost=0.0))
    (score,) = made(eager, [bundle.reference.threat_value + value], [0])
    assert score.band == "at_risk" and score.threat is threat


def test_reasons_are_all_signals_once_and_add_up(scores: list[Score]) -> None:
    known = {item.name: item for item in all_signals()}
    for score in scores:
        parts = [reason.contribution for reason in score.reasons]
        assert sorted(reason.signal for reason in score.reasons) == sorted(signal_names())
        assert [abs(part) for part in parts] == sorted(map(abs, parts), reverse=True)
        assert score.base_probability + sum(parts) == pytest.approx(score.churn_probability, abs=1e-9, rel=0)
        for reason in score.reasons:
            item = known[reason.signal]
            assert (reason.code, reason.actionable) == (item.theme, item.actionable)
            assert (reason.value if item.is_text else reason.value_text) is None


def test_reasons_carry_the_signals_values(scores: list[Score], scored: Scored) -> None:
    for number in range(0, len(scores), 50):
        row = scored.matrix.signals.iloc[number]
        for reason in scores[number].reasons:
            expected = row[reason.signal]
            found = reason.value if reason.value is not None else reason.value_text
            assert (found is None and pd.isna(expected)) or found == expected


def test_a_book_without_customers_has_no_scores(book: Tables, bundle: Bundle) -> None:
    scored = score_book(book, date(1990, 1, 1), bundle)
    assert len(scored) == 0 and list(scored.rows()) == []


# Files


def test_parquet_holds_every_score(scored: Scored, scores: list[Score], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scores.parquet"
    write_scores(scored, path)
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert pa.types.is_list(table.schema.field("reasons").type)
    assert [field.name for field in table.schema.field("reasons").type.value_type] == [
        "code", "signal", "value", "value_text", "contribution", "actionable",
    ]  # fmt: skip
    assert [plain(row) for row in table.to_pylist()] == [score.as_dict() for score in scores]


def plain(row: dict) -> dict:
    return row | {"as_of": row["as_of"].isoformat(), "scored_at": row["scored_at"].astimezone(UTC).isoformat()}


def test_csv_holds_every_score(scored: Scored, scores: list[Score], tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(scored, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == SCHEMA.names
    for row, score in zip(rows, scores, strict=True):
        for name, expected in score.as_dict().items():
            if isinstance(expected, list):
                assert json.loads(row[name]) == expected
            elif isinstance(expected, float):
                assert float(row[name]) == expected
            else:
                assert row[name] == ("" if expected is None else str(expected))


def test_no_scores_are_a_file_too(book: Tables, bundle: Bundle, tmp_path: Path) -> None:
    nobody = score_book(book, date(1990, 1, 1), bundle)
    for name in ("none.parquet", "none.csv"):
        write_scores(nobody, tmp_path / name)
    assert pq.read_table(tmp_path / "none.parquet").schema.equals(SCHEMA)
    assert list(pd.read_csv(tmp_path / "none.csv").columns) == SCHEMA.names


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_a_crash_while_writing_leaves_the_earlier_file(
    scored: Scored, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(b"earlier")
    monkeypatch.setattr("serving.files.CHUNK", 10)
    monkeypatch.setattr(Scored, "rows", exploding(Scored.rows))
    with pytest.raises(RuntimeError, match="disk full"):
        write_scores(scored, path)
    assert path.read_bytes() == b"earlier"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def exploding(rows: Callable[[Scored], Iterator[Score]]) -> Callable[[Scored], Iterator[Score]]:
    def some(self: Scored) -> Iterator[Score]:
        for number, score in enumerate(rows(self)):
            if number == 25:
                raise RuntimeError("disk full")
            yield score

    return some


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.parquet.gz", "scores.json"])
def test_another_kind_of_file_is_refused(scored: Scored, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"written as \.parquet or \.csv"):
        write_scores(scored, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_times_of_scoring_are_utc(scores: list[Score]) -> None:
    assert scores[0].as_dict()["scored_at"].endswith("+00:00")
    assert datetime.fromisoformat(scores[0].as_dict()["scored_at"]) == scores[0].scored_at
