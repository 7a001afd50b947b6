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
from support.outlooks import with_outlook
from support.stored import as_json

from features.errors import InputError
from features.matrix import FACTS, Matrix
from features.signal import all_signals, signal_names
from features.tables import Tables
from serving.scoring.foresight import Foreseen
from serving.scoring.score_files import SCHEMA, write_scores
from serving.scoring.scores import Score
from serving.scoring.scoring import Scored, score_book, score_matrix
from training.bundle.bundle import Bundle
from training.making.pipeline import Trained
from training.models.contraction import Contraction
from training.models.survival import risk_within
from training.settings import ChurnRule

#: The columns that the contract promises, in its order.
COLUMNS = [
    "account_id", "as_of", "model_version", "scored_at", "churn_probability", "revenue_365d", "value", "currency",
    "revenue_at_risk", "expected_profit", "best_action", "band", "threat", "base_probability", "reasons",
    "missing_tables", "collect",
]  # fmt: skip


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


def compared_with(bundle: Bundle, **figures: float) -> Bundle:
    """Return the bundle with other reference figures."""
    reference = bundle.reference.model_copy(update=figures)
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"reference": reference}))


def always_at_risk(bundle: Bundle) -> Bundle:
    """Return the bundle of a book of which so few leave that every account stands out."""
    return compared_with(bundle, churn_rate=1e-12)


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
    for score in scores:
        p, ours = score.churn_probability, revenue.get(score.account_id, 0.0)
        assert 0 <= p <= 1
        assert score.revenue_365d == pytest.approx(ours, abs=1e-6)
        assert score.value == pytest.approx(max(ours, annual.get(score.account_id, 0.0), 0.0), abs=1e-6)
        assert score.revenue_at_risk == pytest.approx(max(p * score.revenue_365d, 0.0), abs=0.0051)
        call, offer = 0.1 * p * score.value - 150, (p * 0.3 * 0.95 - (1 - p) * 0.05) * score.value - 15
        assert score.expected_profit == pytest.approx(max(call, offer), rel=1e-12, abs=0.0051)
        if score.band == "at_risk" and score.expected_profit > 0:
            assert score.best_action == ("offer" if offer > call else "call")
        else:
            assert score.best_action is None
    assert {score.best_action for score in scores} == {None, "call", "offer"}


def test_bands_follow_the_contract(scores: list[Score], scored: Scored, bundle: Bundle) -> None:
    cutoff, least, rate = (getattr(bundle.reference, name) for name in ("threat_value", "cutoff", "churn_rate"))
    twice = 2 * rate / (1 + rate)  # the probability whose odds are twice those of the rate
    for score, facts in zip(scores, scored.matrix.facts.to_dict("records"), strict=True):
        if facts["customer_days"] < 90 or facts["records_365d"] < 3:
            expected = "unknown"
        elif score.churn_probability >= twice or score.value * score.churn_probability >= max(least, 1e-9):
            expected = "at_risk"
        else:
            expected = "safe"
        assert score.band == expected
        assert score.threat == (expected == "at_risk" and score.value >= cutoff)
        assert bool(score.collect) == (expected == "unknown")


def test_unknown_comes_first(bundle: Bundle) -> None:
    eager = always_at_risk(bundle)
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
def test_without_value_the_odds_decide(bundle: Bundle, side: float, band: str) -> None:
    """The rate is set so that the account stands just beside the edge."""
    (plain,) = made(bundle, [0], [0])
    odds = plain.churn_probability / (1 - plain.churn_probability) / 2 * side
    (score,) = made(compared_with(bundle, churn_rate=odds / (1 + odds)), [0], [0])
    assert score.band == band and not score.value and score.best_action is None


def test_an_account_is_judged_alone_as_in_its_book(scores: list[Score], scored: Scored, bundle: Bundle) -> None:
    some = scored.matrix.take(np.arange(0, len(scores), 40))
    for number in range(len(some)):
        (alone,) = score_matrix(some.take(np.array([number])), bundle, [()]).rows()
        beside = scores[40 * number]
        assert (alone.band, alone.best_action, alone.threat) == (beside.band, beside.best_action, beside.threat)


@pytest.mark.parametrize(("value", "threat"), [(0.0, True), (-0.01, False), (0.01, True)])
def test_threat_begins_at_the_cutoff(bundle: Bundle, value: float, threat: bool) -> None:
    eager = always_at_risk(bundle)
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
            if isinstance(expected, float):
                expected = pytest.approx(expected, abs=0.0051, nan_ok=True)
            assert (found is None and pd.isna(row[reason.signal])) or found == expected


def test_a_book_without_customers_has_no_scores(book: Tables, bundle: Bundle) -> None:
    scored = score_book(book, date(1990, 1, 1), bundle)
    assert len(scored) == 0 and list(scored.rows()) == []


# Outlook


@pytest.fixture(scope="module")
def far_sighted(bundle: Bundle, trained: Trained, book: Tables) -> Bundle:
    return with_outlook(bundle, trained, book)


@pytest.fixture(scope="module")
def foreseen(book: Tables, far_sighted: Bundle, as_of: date) -> Scored:
    return score_book(book, as_of, far_sighted)


def outlook_of(scored: Scored) -> Foreseen:
    assert scored.outlook is not None
    return scored.outlook


def test_the_risk_at_the_rules_horizon_is_the_churn_probability(foreseen: Scored, far_sighted: Bundle) -> None:
    assert far_sighted.rule.horizon_days == 180
    risk = outlook_of(foreseen).risk
    assert risk is not None and far_sighted.hazard is not None
    assert risk[:, 1] == pytest.approx(foreseen.explained.probability, abs=1e-9, rel=0)
    alone = risk_within(far_sighted.hazard.monthly(foreseen.matrix), 180)
    assert np.abs(alone - risk[:, 1]).max() > 0.01, "the hazard by itself says something else"


@pytest.mark.parametrize("rule", [ChurnRule(horizon_days=90), ChurnRule(horizon_days=365, lead_days=30)])
def test_another_horizon_takes_its_level_from_its_own_model(
    book: Tables, far_sighted: Bundle, as_of: date, rule: ChurnRule
) -> None:
    scored = score_book(book, as_of, replace(far_sighted, rule=rule))
    risk = outlook_of(scored).risk
    assert risk is not None
    column = [90, 180, 365].index(rule.horizon_days)
    assert risk[:, column] == pytest.approx(scored.explained.probability, abs=1e-9, rel=0)


def test_risk_rises_with_the_horizon_and_time_left_falls_with_risk(foreseen: Scored) -> None:
    found = outlook_of(foreseen)
    assert found.risk is not None and found.mean_days is not None
    assert (np.diff(found.risk, axis=1) > 0).all() and (found.risk > 0).all() and (found.risk < 1).all()
    # Who survives the year adds all of it, who leaves within 90 days at most 90.
    assert (found.mean_days >= 365 * (1 - found.risk[:, 2])).all()
    assert (found.mean_days <= 365 - (365 - 90) * found.risk[:, 0]).all()


def test_no_more_can_shrink_than_stays(foreseen: Scored) -> None:
    loss = outlook_of(foreseen).contraction
    assert loss is not None
    revenue = foreseen.frame["revenue_365d"].to_numpy()
    stays = (1 - foreseen.explained.probability) * np.maximum(revenue, 0)
    assert (loss >= 0).all() and (loss <= stays).all()
    assert 0 < loss.sum() < stays.sum()
    lost = loss.sum() + foreseen.frame["revenue_at_risk"].sum()
    assert lost <= np.maximum(revenue, 0).sum(), "both halves are parts of one year's revenue"


def test_a_share_of_all_loses_all_that_stays(
    book: Tables, far_sighted: Bundle, as_of: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contraction, "share", lambda self, matrix: np.ones(len(matrix)))
    scored = score_book(book, as_of, far_sighted)
    revenue = np.maximum(scored.frame["revenue_365d"].to_numpy(), 0)
    whole = outlook_of(scored).contraction + scored.frame["revenue_at_risk"].to_numpy()
    assert whole == pytest.approx(revenue, rel=1e-12, abs=0.0051)


def test_the_outlook_by_account_is_plain_and_its_own(foreseen: Scored) -> None:
    found, outlook = foreseen.outlooks(), outlook_of(foreseen)
    assert list(found) == foreseen.frame["account_id"].tolist()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert outlook.risk is not None and outlook.mean_days is not None and outlook.contraction is not None
    for row, one in enumerate(found.values()):
        assert set(one) == {"risk", "mean_days", "expected_contraction", "monthly", "lifetime"}
        assert one["lifetime"]["low"] <= one["lifetime"]["value"] <= one["lifetime"]["high"] <= one["lifetime"]["most"]
        assert [risk["days"] for risk in one["risk"]] == [90, 180, 365]
        assert [risk["probability"] for risk in one["risk"]] == outlook.risk[row].tolist()
        assert (one["mean_days"], one["expected_contraction"]) == (outlook.mean_days[row], outlook.contraction[row])


@pytest.mark.parametrize(
    ("without", "left"),
    [("hazard", {"expected_contraction"}), ("contraction", {"risk", "mean_days", "monthly"})],
)
def test_what_was_not_kept_is_absent(
    book: Tables, far_sighted: Bundle, as_of: date, without: str, left: set[str]
) -> None:
    found = score_book(book, as_of, replace(far_sighted, **{without: None})).outlooks()
    assert found and all(set(one) == left for one in found.values())


def test_without_either_there_is_no_outlook(book: Tables, far_sighted: Bundle, as_of: date) -> None:
    scored = score_book(book, as_of, replace(far_sighted, hazard=None, contraction=None))
    assert scored.outlook is None and scored.outlooks() == {}


def test_nobody_has_no_outlook(book: Tables, far_sighted: Bundle) -> None:
    assert score_book(book, date(1990, 1, 1), far_sighted).outlooks() == {}


def test_the_endpoint_does_not_wait_for_it(foreseen: Scored, far_sighted: Bundle) -> None:
    """Requests are scored by `score_matrix`."""
    assert score_matrix(foreseen.matrix, far_sighted, foreseen.missing).outlook is None


def test_scores_are_the_same_with_it(scores: list[Score], foreseen: Scored, tmp_path: Path) -> None:
    """The contract is kept to the letter: no column more, no figure changed."""
    same = [replace(score, scored_at=scores[0].scored_at) for score in foreseen.rows()]
    assert same == scores
    for name in ("scores.parquet", "scores.csv"):
        write_scores(foreseen, tmp_path / name)
    assert pq.read_schema(tmp_path / "scores.parquet").names == COLUMNS
    assert (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()[0].split(",") == COLUMNS
    assert list(scores[0].by_name()) == COLUMNS


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
    assert [plain(row) for row in table.to_pylist()] == [as_json(score) for score in scores]


def plain(row: dict) -> dict:
    return row | {"as_of": row["as_of"].isoformat(), "scored_at": row["scored_at"].astimezone(UTC).isoformat()}


def test_csv_holds_every_score(scored: Scored, scores: list[Score], tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(scored, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == SCHEMA.names
    for row, score in zip(rows, scores, strict=True):
        for name, expected in as_json(score).items():
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
    assert as_json(scores[0])["scored_at"].endswith("+00:00")
    assert datetime.fromisoformat(as_json(scores[0])["scored_at"]) == scores[0].scored_at
