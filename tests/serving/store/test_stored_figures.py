"""The programme's figures of a scoring run: kept with it, by manager without a trace of others, gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest
import sqlalchemy as sa
from support.books import CENTRE, Frames, random_book
from support.programmes import book_of
from support.stored import AT, MODEL, SCORE, Clock, opened, put

from features.figures.asking import chosen
from features.figures.figure import all_figures
from features.figures.measuring import measure
from serving.database.engine import reading, writing
from serving.scoring.book_figures import CONTRACTS, SERIES_MONTHS, BookFigures, book_figures, together, told
from serving.store import ScoreStore
from serving.store.figure_tables import FIGURE_ACCOUNTS, FIGURES, forget_figures, read_beside

#: Figures of several families, cheap to compute again.
SOME = ("revenue_customers", "revenue_unheard", "monetised_nps", "customers_lost", "logo_churn", "loops_opened")


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_book(accounts=60, seed=3)


@pytest.fixture(scope="module")
def figures(frames: Frames) -> BookFigures:
    return book_figures(book_of(frames), CENTRE)


@pytest.fixture
def store(database_url: str, figures: BookFigures) -> Iterator[ScoreStore]:
    """Return a store whose only run has the figures, on a clock that the tests move."""
    with opened(database_url, now=Clock()) as made:
        made.write([SCORE], {}, MODEL, SCORE.as_of, SCORE.scored_at, figures)
        yield made


def test_what_is_stored_sums_and_says_why_it_is_not_known(figures: BookFigures, frames: Frames) -> None:
    whole, *managers = figures.parts
    assert whole.account_manager is None and len(whole.record["dates"]) == SERIES_MONTHS
    assert set(whole.record["figures"]) == {figure.name for figure in all_figures()}
    known = frames["accounts"]["account_manager"].dropna().unique()
    assert [part.account_manager for part in managers] == sorted(known) and len(known) > 1
    for part in figures.parts:
        for lists in part.record["figures"].values():
            assert [value is None for value in lists["value"]] == [reason is not None for reason in lists["reason"]]
            assert all(told(reason, lang) for reason in lists["reason"] if reason for lang in ("de", "en"))
    behind = pd.concat(figures.accounts).groupby("figure")["value"].sum()
    for figure in [figure for figure in all_figures() if figure.adds_up]:
        value = whole.record["figures"][figure.name]["value"][-1]
        assert behind.get(figure.name, 0.0) == pytest.approx(value or 0.0, rel=1e-9, abs=1e-6), figure.name


def test_a_manager_s_record_is_that_of_a_book_of_the_manager_s_accounts(figures: BookFigures, frames: Frames) -> None:
    """What other accounts do moves nothing in it, so nothing of them can be inferred."""
    part = figures.parts[1]
    accounts = frames["accounts"]
    mine = accounts[accounts["account_manager"] == part.account_manager]["account_id"]
    own = {name: rows[rows["account_id"].isin(mine)] for name, rows in frames.items()}
    found = measure(book_of(own), [CENTRE], chosen(SOME)).set_index("figure")
    for name in SOME:
        lists = part.record["figures"][name]
        assert lists["value"][-1] == pytest.approx(found["value"][name], rel=1e-12), name
        assert lists["n"][-1] == found["n"][name], name
    behind = pd.concat(figures.accounts)
    assert set(behind[behind["account_manager"] == part.account_manager]["account_id"]) <= set(mine)


def test_a_run_s_figures_are_read_by_whom_they_are_for(store: ScoreStore, figures: BookFigures) -> None:
    whole, part = figures.parts[0], figures.parts[1]
    all_of_it, mine, nobody = (store.figures(who) for who in (None, part.account_manager, "nobody"))
    assert all_of_it is not None and all_of_it.record == whole.record and all_of_it.whole_book
    assert mine is not None and mine.record == part.record and not mine.whole_book
    assert nobody is not None and nobody.record is None and nobody.stored
    run_id = int(all_of_it.run["run_id"])
    for who, record in ((None, whole.record), (part.account_manager, part.record)):
        behind = store.behind(run_id, "revenue_customers", who, 3)
        values = [row["value"] for row in behind.accounts]
        assert values == sorted(values, key=abs, reverse=True) and len(values) == 3 and behind.others > 0
        assert sum(values) + behind.others_value == pytest.approx(record["figures"]["revenue_customers"]["value"][-1])
        assert who is None or {row["account_manager"] for row in behind.accounts} == {who}
    assert store.behind(run_id, "revenue_customers", "nobody", 3).accounts == ()


def test_of_several_managers_together_sums_are_known(store: ScoreStore, figures: BookFigures) -> None:
    one, other = (str(part.account_manager) for part in figures.parts[1:3])
    found = store.figures([other, one])
    assert found is not None and found.record is not None and not found.whole_book
    parts = [part.record["figures"] for part in figures.parts[1:3]]
    assert set(found.record["figures"]) == set(parts[0]) and found.record["dates"] == figures.parts[1].record["dates"]
    for figure in all_figures():
        lists, values = found.record["figures"][figure.name], [part[figure.name]["value"][-1] for part in parts]
        if figure.adds_up and None not in values:
            assert lists["value"][-1] == pytest.approx(sum(values), rel=1e-12), figure.name
            behind = store.behind(int(found.run["run_id"]), figure.name, [one, other], 500)
            assert sum(row["value"] for row in behind.accounts) == pytest.approx(sum(values), rel=1e-9, abs=1e-6)
            assert {row["account_manager"] for row in behind.accounts} <= {one, other}
        else:
            assert lists["value"][-1] is None and (figure.adds_up or lists["reason"][-1][0] in ("several", "nobody"))
        assert lists["low"][-1] is lists["high"][-1] is None
    assert store.figures([one, "nobody"]) == store.figures(one)
    assert store.figures(["nobody", "no one"]) == store.figures("nobody")


def test_parts_without_accounts_add_nothing_and_unknown_ones_leave_none() -> None:
    """By hand: at the first date one has no account, at the second both are known, at the third one is not."""
    nobody, few = ["nobody", {}], ["few", {"least": 5}]

    def part(value: list[float | None], reason: list[object]) -> dict[str, object]:
        figure = {"value": value, "low": value, "high": value, "n": value, "reason": reason}
        entry = {"group": "mid", "value": value[1], "low": None, "high": None, "n": 1.0, "reason": None}
        groups = {"segment": {"revenue_customers": [entry, entry | {"group": value[1]}]}}
        return {"dates": ["1", "2", "3"], "figures": {"revenue_customers": figure, "nps": figure}, "groups": groups}

    made = together([part([None, 3.0, 1.0], [nobody, None, None]), part([2.0, 4.0, None], [None, None, few])])
    sums, rate = made["figures"]["revenue_customers"], made["figures"]["nps"]
    assert (sums["value"], sums["n"], sums["reason"]) == ([2.0, 7.0, None], [2.0, 7.0, None], [None, None, few])
    assert sums["low"] == sums["high"] == rate["value"] == [None] * 3
    assert [reason[0] for reason in rate["reason"]] == ["several"] * 3
    assert [(entry["group"], entry["value"]) for entry in made["groups"]["segment"]["revenue_customers"]] == [
        ("mid", 7.0), (3.0, 3.0), (4.0, 4.0),
    ]  # fmt: skip


def test_what_a_run_keeps_beside_the_figures_is_read_by_account(store: ScoreStore, figures: BookFigures) -> None:
    found = store.figures()
    assert found is not None and figures.beside
    with reading(store.engine) as connection:
        rows = read_beside(connection, int(found.run["run_id"]), CONTRACTS, None)
        (contracts,) = figures.beside
        assert [(row["account_id"], {CONTRACTS: row["kept"]}) for row in rows] == [
            (account_id, kept) for account_id, _, kept in contracts.by_account()
        ]
        who = next(row["account_manager"] for row in rows if row["account_manager"])
        mine = read_beside(connection, int(found.run["run_id"]), CONTRACTS, who)
        assert mine == [row for row in rows if row["account_manager"] == who]
        assert read_beside(connection, int(found.run["run_id"]), "something else", None) == []
        lead = read_beside(connection, int(found.run["run_id"]), CONTRACTS, [who, "nobody"])
        assert lead == mine


def test_figures_go_with_their_run_and_accounts_are_forgotten(store: ScoreStore, figures: BookFigures) -> None:
    counted = (sa.select(sa.func.count()).select_from(table) for table in (FIGURES, FIGURE_ACCOUNTS))
    gone = str(next(iter(figures.accounts))["account_id"].iloc[0])
    with writing(store.engine) as connection:
        assert forget_figures(connection, gone) == {"figures": 1} and forget_figures(connection, gone) == {"figures": 0}
    put(store, SCORE)  # The same date and version without figures, in the place of the first run.
    replaced = store.figures()
    assert replaced is not None and not replaced.stored and replaced.record is None
    store._now.now = AT + timedelta(days=2)  # type: ignore[attr-defined]
    assert store.purge().replaced == 1
    with reading(store.engine) as connection:
        assert [connection.execute(query).scalar_one() for query in counted] == [0, 0]
