"""What every figure must keep: groups add up, nothing is seen ahead, plain pandas agrees, there is a definition."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.books import CENTRE, Frames, random_book
from support.estimated import random_estimates
from support.programmes import book_of

from benchmarks.figures import compared
from benchmarks.figures_by_hand import by_hand
from features.figures.asking import splits
from features.figures.definitions import page
from features.figures.estimates import Estimates
from features.figures.figure import all_figures
from features.figures.measuring import COLUMNS, measure
from features.sources import open_source
from features.tables import TABLES
from features.validation import validate

DATES = [date(2023, 9, 1), CENTRE]
KEYS = ["figure", "as_of", "split", "group"]
#: Words of a definition that cannot be read without the one before it.
LEANS = re.compile(r"\b(the same|as before|dasselbe|wie zuvor|(der|den)selben)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Return a random book whose churns leave somebody, with records on both sides of the dates."""
    return random_book(accounts=60, seed=3)


def estimated(frames: Frames) -> Estimates:
    return random_estimates(CENTRE, frames["accounts"]["account_id"].tolist())


@pytest.fixture(scope="module")
def found(frames: Frames) -> pd.DataFrame:
    return measure(book_of(frames), DATES, splits=splits(), scored=estimated(frames))


def test_the_relation_has_a_row_per_figure_date_and_group(found: pd.DataFrame) -> None:
    assert list(found.columns) == list(COLUMNS)
    assert not found.duplicated(KEYS).any()
    whole = found[found["split"].isna()]
    assert len(whole) == len(DATES) * len(all_figures())
    assert (found["reason"].isna() == found["value"].notna()).all()
    bounded = found[found["low"].notna() & ~found["figure"].str.startswith("earned")]
    assert ((bounded["low"] <= bounded["value"] + 1e-9) & (bounded["value"] <= bounded["high"] + 1e-9)).all()


def test_groups_add_up_to_the_whole_over_every_split(found: pd.DataFrame) -> None:
    whole = found[found["split"].isna()].set_index(["figure", "as_of"])["value"]
    checked = set()
    for figure in [figure for figure in all_figures() if figure.adds_up]:
        for split, rows in found[found["figure"] == figure.name].groupby("split"):
            if rows["reason"].str.startswith("has no split").any():
                continue
            sums = rows.groupby("as_of")["value"].sum(min_count=1)
            expected = whole[figure.name].dropna()
            if sums.notna().any():
                scale = max(1.0, expected.abs().max())
                assert (sums.reindex(expected.index) - expected).abs().max() / scale < 1e-9, (figure.name, split)
                checked.add(split)
    assert {"segment", "account", "size", "cohort", "tenure"} <= checked


def test_the_waterfall_and_the_classes_sum(found: pd.DataFrame) -> None:
    value = found[found["split"].isna()].set_index(["figure", "as_of"])["value"].unstack(0)
    changes = ("opening", "new", "reactivated", "expansion", "contraction", "lost", "unclassified")
    for basis in ("invoiced", "contracted"):
        summed = sum(value[f"revenue_{name}_{basis}"] for name in changes)
        assert np.allclose(summed, value[f"revenue_closing_{basis}"], rtol=1e-12, equal_nan=True)
    heard = sum(value[f"revenue_{name}"] for name in ("promoters", "passives", "detractors", "unheard"))
    assert np.allclose(heard, value["revenue_customers"], rtol=1e-12)
    said = sum(value[f"lifetime_value_{name}"].fillna(0) for name in ("promoters", "passives", "detractors", "unheard"))
    assert said[CENTRE] == pytest.approx(value["lifetime_value"][CENTRE], rel=1e-12) and said[CENTRE] > 0
    due = ("renewals_expected_365d", "renewals_expected_lost_365d", "renewals_not_estimated_365d")
    assert value[list(due)].sum(axis=1)[CENTRE] == pytest.approx(value["renewals_due_365d"][CENTRE], rel=1e-12)
    loops = sum(value[f"loops_{name}"] for name in ("fast", "late", "waiting", "breached", "never"))
    assert (loops == value["loops_opened"]).all()
    grid = sum(value[f"grid_{name}"] for name in ("loyal", "leaving", "trapped", "lost", "undecided", "unheard"))
    assert (grid == value["customers_closing"]).all()
    customers = value["customers_opening"] + value["customers_new"] + value["customers_returned"]
    assert (customers - value["customers_lost"] == value["customers_closing"]).all()


def test_nothing_later_than_the_date_is_seen(frames: Frames, found: pd.DataFrame) -> None:
    """Records from the date on are left out, and what is filled later is null: no figure moves."""
    instant = pd.Timestamp(CENTRE)
    past: Frames = {}
    for name, rows in frames.items():
        table = TABLES[name]
        kept = rows[pd.to_datetime(rows[table.time]) < instant].copy()
        for column in table.columns:
            if column.known_at is not None and column.name in kept:
                later = ~(pd.to_datetime(kept[table.column(column.known_at).name]) < instant)
                kept[column.name] = kept[column.name].mask(later)
        past[name] = kept
    again = measure(book_of(past), [CENTRE], splits=["segment", "account"], scored=estimated(frames))
    before = found[(found["as_of"] == CENTRE) & (found["split"].isna() | found["split"].isin(["segment", "account"]))]
    pd.testing.assert_frame_equal(
        *(rows.sort_values(KEYS, ignore_index=True) for rows in (again, before)), check_exact=False, rtol=1e-12
    )


def test_dates_computed_apart_give_the_same(
    frames: Frames, found: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.figures.programme.MOST_PAIRS", 1)
    figures = [figure for figure in all_figures() if figure.family in ("promoters", "retention")]
    apart = measure(book_of(frames), DATES, figures, ["segment", "channel"], scored=estimated(frames))
    together = found[found["split"].isna() | found["split"].isin(["segment", "channel"])]
    order = ["split", "as_of", "group"]
    for name, rows in together[together["figure"].isin(apart["figure"])].groupby("figure"):
        pd.testing.assert_frame_equal(
            *(each.sort_values(order, ignore_index=True) for each in (rows, apart[apart["figure"] == name])), rtol=1e-12
        )
    assert list(dict.fromkeys(apart["figure"])) == [figure.name for figure in figures]
    whole = apart[apart["split"].isna()]
    assert whole["as_of"].tolist() == DATES * len(figures)


def test_plain_pandas_gives_the_same(frames: Frames, found: pd.DataFrame) -> None:
    now = pd.Timestamp(CENTRE)
    at_centre = found[(found["as_of"] == CENTRE) & found["split"].isna()].set_index("figure")
    mine = _customers(found)
    value = at_centre["value"]
    assert value["customers_closing"] == len(mine) > 10

    def recent(name: str) -> pd.DataFrame:
        rows, time = frames[name], TABLES[name].time
        age = (now - rows[time]) / pd.Timedelta(days=1)
        return rows[(age > 0) & (age <= 365) & rows["account_id"].isin(mine)].assign(age=age)

    loops = recent("loops")
    closed = loops["closed_at"].where(loops["closed_at"] < now)
    hours = (closed - loops["opened_at"]) / pd.Timedelta(hours=1)
    assert value["loops_opened"] == len(loops)
    assert value["loops_fast"] == (hours <= 48).sum()
    assert value["loops_never"] == (closed.isna() & (loops["age"] > 90)).sum()
    assert value["loops_closed_48h"] == pytest.approx((hours <= 48)[loops["age"] > 2].mean())
    made = recent("referrals")
    won = made["won_at"] < now
    assert value["referrals_made"] == len(made)
    assert value["referral_conversion"] == pytest.approx(won.mean())
    assert value["referral_revenue"] == pytest.approx(made["revenue"][won].sum())
    assert value["referral_participation"] == pytest.approx(made["account_id"].nunique() / len(mine))
    sent = recent("surveys")
    sent = sent[~(sent["bounced_at"] < now)]
    answered = sent["answered_at"] < now
    judged = answered | (sent["age"] > 14)
    assert value["response_rate"] == pytest.approx(answered[judged].mean())
    contracts = frames["contracts"]
    ahead = (contracts["ends_on"] - now).dt.days
    due = contracts["account_id"].isin(mine) & (contracts["starts_on"] < now) & (ahead >= 0) & (ahead < 365)
    assert value["renewals_due_365d"] == pytest.approx(contracts["annual_value"][due].sum())
    assert value["nps_relationship"] == pytest.approx(_nps(frames, mine, now))


def _customers(found: pd.DataFrame) -> set[str]:
    rows = found[(found["figure"] == "customers_closing") & (found["as_of"] == CENTRE) & (found["split"] == "account")]
    return set(rows["group"][rows["value"] == 1])


def _nps(frames: Frames, mine: set[str], now: pd.Timestamp) -> float:
    rows = frames["surveys"]
    age = (now - rows["answered_at"]) / pd.Timedelta(days=1)
    rows = rows[rows["account_id"].isin(mine) & (rows["kind"] == "relationship") & (age > 0) & (age <= 365)]
    rows = rows[rows["score"].notna() & ~(rows["bounced_at"] < now)]
    secret = rows["anonymous"] == True  # noqa: E712
    who = ("contact " + rows["contact_id"].fillna("of nobody known")).where(~secret, "survey " + rows["survey_id"])
    rows = rows.assign(who=who).sort_values(["answered_at", "survey_id"])
    score = rows.groupby(["account_id", "who"])["score"].last().astype(float)
    return 100 * ((score >= 9).mean() - (score <= 6).mean())


def test_the_sql_written_by_hand_gives_the_same(book_folder: Path, as_of: date, tmp_path: Path) -> None:
    """So that the benchmark compares the same figures: all but those that a scoring run's estimates make known.

    Every fourth answer names no contact, so that some accounts have several of nobody known.
    """
    shutil.copytree(book_folder, tmp_path, dirs_exist_ok=True)
    surveys = pq.read_table(tmp_path / "surveys.parquet")
    place, unnamed = surveys.schema.get_field_index("contact_id"), np.arange(surveys.num_rows) % 4 == 0
    named = pc.if_else(pa.array(unnamed), None, surveys["contact_id"])
    pq.write_table(surveys.set_column(place, surveys.schema.field(place), named), tmp_path / "surveys.parquet")
    book, found = validate(open_source(tmp_path)), by_hand(tmp_path, [as_of.isoformat()])
    lacks = compared(measure(book, [as_of], splits=["segment"]), found[as_of.isoformat()])["by_hand_lacks"]
    assert lacks == sorted(figure.name for figure in all_figures() if figure.estimates)


def test_every_figure_has_a_definition_and_a_source_and_the_page_has_them() -> None:
    for figure in all_figures():
        texts = (figure.en, figure.de, figure.definition_en, figure.definition_de, figure.source)
        # An answer has one definition alone: none may lean on the one before it.
        assert not LEANS.search(" ".join(texts[2:4])), figure.name
        assert all(text.strip() for text in texts), figure.name
        assert figure.needs and set(figure.needs) <= set(TABLES)
    written = (Path(__file__).parents[3] / "docs/figures.md").read_text(encoding="utf-8")
    assert written == page(), "stale: python -m features.figures.definitions docs/figures.md"
