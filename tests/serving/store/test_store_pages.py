"""The list of stored scores: its order, its filters, and cursors that keep to one run while others are written."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from support.stored import AT, DAY, MODEL, SCORE, Clock, opened, put, scores

from serving.database.engine import connect, writing
from serving.errors import CursorInvalid, PageGone
from serving.scoring.scores import Score, ScoreSummary
from serving.store import Page, ScoreStore
from serving.store.pages import Cursor
from serving.store.score_tables import SCORES
from serving.store.searching import folded

ONE_DAY = timedelta(days=1)
MANAGERS = ("Eva", "Jörg", None)
BANDS = ("at_risk", "safe", "unknown")


@pytest.fixture
def store(database_url: str) -> Iterator[ScoreStore]:
    with opened(database_url) as made:
        yield made


def book(count: int, **changes: Any) -> tuple[list[Score], dict[str, dict[str, Any]]]:
    """Return scores in no order, many of them with the same revenue at risk, and their evidence."""
    random = Random(1)
    made = [
        replace(
            SCORE, account_id=f"{random.choice('aAzZäЖ')}-{number}", band=random.choice(BANDS),
            revenue_at_risk=random.choice((0.0, 0.1, 0.1 + 0.2)), threat=random.random() < 0.3, **changes,
        )
        for number in range(count)
    ]  # fmt: skip
    managers = {score.account_id: {"account": {"account_manager": random.choice(MANAGERS)}} for score in made}
    return made, managers


def pages(store: ScoreStore, limit: int, **filters: Any) -> list[Page]:
    found = [store.page(limit=limit, **filters)]
    while found[-1].next is not None:
        found.append(store.page(limit=limit, after=found[-1].next, **filters))
    return found


def ids(found: list[Page]) -> list[str]:
    return [row.account_id for page in found for row in page.rows]


def summary(score: ScoreSummary) -> list[Any]:
    return [getattr(score, field.name) for field in fields(ScoreSummary)]


def test_without_a_run_there_is_an_empty_page(store: ScoreStore) -> None:
    assert store.page() == Page(None, None, (), None)
    store.write([], {}, MODEL, DAY, AT)
    assert store.page() == Page(DAY, "1", (), None, MODEL)


@pytest.mark.parametrize("sort", ["revenue_at_risk", "churn_probability", "expected_profit", "revenue_365d"])
@pytest.mark.parametrize("filters", [{}, {"band": "safe"}, {"search": "a"}])
def test_pages_fall_by_the_figure_that_is_asked_for(store: ScoreStore, sort: str, filters: dict[str, Any]) -> None:
    made, evidence = book(40)
    random = Random(2)
    made = [
        replace(score, churn_probability=random.random(), expected_profit=float(random.randint(-3, 3)))
        for score in made
    ]  # fmt: skip
    put(store, *made, evidence=evidence)
    expected = [
        score.account_id
        for score in sorted(made, key=lambda score: (-getattr(score, sort), score.account_id.encode()))
        if filters.get("band") in (None, score.band) and filters.get("search", "") in folded(score.account_id)
    ]
    assert ids(pages(store, 7, sort=sort, **filters)) == expected and len(expected) > 7
    after = store.page(limit=7, sort=sort, **filters).next
    with pytest.raises(CursorInvalid, match="other filters"):
        store.page(after=after, sort="revenue_365d" if sort != "revenue_365d" else "expected_profit", **filters)


@pytest.mark.parametrize("filters", [{}, {"band": "safe"}, {"search": "a"}])
def test_pages_rise_by_the_end_of_the_next_contract_and_who_has_none_stands_last(
    store: ScoreStore, filters: dict[str, Any]
) -> None:
    made, evidence = book(40)
    random = Random(3)
    days = (DAY, DAY + ONE_DAY, DAY + 400 * ONE_DAY, None)
    ends = {score.account_id: random.choice(days) for score in made}
    for account_id, day in ends.items():
        evidence[account_id]["standing"] = {"contract_ends_on": day and day.isoformat()}
    put(store, *made, evidence=evidence)
    expected = [
        score.account_id
        for score in sorted(made, key=lambda score: (ends[score.account_id] or date.max, score.account_id.encode()))
        if filters.get("band") in (None, score.band) and filters.get("search", "") in folded(score.account_id)
    ]
    found = pages(store, 5, sort="contract_ends_on", **filters)
    assert ids(found) == expected and len(expected) > 7
    assert [row.contract_ends_on for page in found for row in page.rows] == [ends[name] for name in expected]
    no_day = replace(Cursor.of(found[0].next or ""), figure=1e300)
    with pytest.raises(CursorInvalid, match="damaged"):
        store.page(after=no_day.token(), sort="contract_ends_on", **filters)


@pytest.mark.parametrize("limit", [1, 7, 60, 61, 200])
def test_pages_go_through_all_in_order(store: ScoreStore, limit: int) -> None:
    made, evidence = book(60)
    put(store, *made, evidence=evidence)
    expected = sorted(made, key=lambda score: (-score.revenue_at_risk, score.account_id.encode()))
    found = pages(store, limit)
    assert [summary(row) for page in found for row in page.rows] == [summary(score) for score in expected]
    assert all(len(page.rows) == limit for page in found[:-1]) and len(found) == -(-60 // limit)
    managers = {account_id: kept["account"]["account_manager"] for account_id, kept in evidence.items()}
    assert all(row.account_manager == managers[row.account_id] for row in found[0].rows)


@pytest.mark.parametrize("manager", [None, "Eva", "Jörg", "Nobody", ""])
@pytest.mark.parametrize("band", [None, *BANDS])
def test_filters(store: ScoreStore, band: str | None, manager: str | None) -> None:
    made, evidence = book(60)
    put(store, *made, evidence=evidence)
    for threat in (None, True, False):
        expected = {
            score.account_id
            for score in made
            if band in (None, score.band)
            and manager in (None, evidence[score.account_id]["account"]["account_manager"])
            and threat in (None, score.threat)
        }
        found = ids(pages(store, 4, band=band, account_manager=manager, threat=threat))
        assert len(found) == len(expected) and set(found) == expected


def test_a_run_of_before_its_texts_were_stored_is_listed_the_same(store: ScoreStore, database_url: str) -> None:
    made, evidence = book(9)
    for number, kept in enumerate(evidence.values()):
        kept["account"]["name"] = f"Company {number}"
    put(store, *made, evidence=evidence)
    page, engine = store.page(), connect(database_url)
    with writing(engine) as connection:
        connection.execute(sa.update(SCORES).values(dict.fromkeys(("name", "reason_1", "reason_2", "reason_3"))))
    engine.dispose()
    assert store.page() == page
    assert all(row.name and row.reason_1 and row.reason_3 for row in page.rows)


def test_a_list_reads_no_reasons_of_a_run_whose_texts_are_stored(store: ScoreStore, database_url: str) -> None:
    put(store, *scores(3))
    engine = connect(database_url)
    with writing(engine) as connection:
        connection.execute(sa.update(SCORES).values(reasons=[{"no": "reason"}], evidence={"account": "nothing"}))
    engine.dispose()
    assert [row.account_id for row in store.page().rows] == ["A0", "A1", "A2"]


def test_the_newest_run_is_listed(store: ScoreStore) -> None:
    put(store, *scores(2))
    put(store, *scores(3, as_of=DAY + ONE_DAY))
    put(store, *scores(4, as_of=DAY - ONE_DAY, scored_at=AT + ONE_DAY))
    assert (store.page().as_of, len(store.page().rows)) == (DAY + ONE_DAY, 3)
    put(store, *scores(5, as_of=DAY + ONE_DAY, scored_at=AT + ONE_DAY, model_version="2"))
    assert (store.page().model_version, len(store.page().rows)) == ("2", 5)


def test_pages_are_of_one_run_while_others_are_written(store: ScoreStore, database_url: str) -> None:
    """Every account exactly once, though the run is replaced again and again and newer ones come."""
    made, evidence = book(300, churn_probability=0.5)
    put(store, *made, evidence=evidence)
    stop, written = threading.Event(), []

    def write() -> None:
        random = Random(2)
        with opened(database_url) as writer:
            while not stop.is_set():
                moved = [replace(score, revenue_at_risk=random.random(), churn_probability=0.6) for score in made[5:]]
                put(writer, *moved)
                put(writer, *(replace(score, as_of=DAY + ONE_DAY) for score in moved))
                written.append(1)

    first = store.page(limit=10)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        found = [first]
        while (token := found[-1].next) is not None or len(written) < 2:
            if token is None:
                found = [first]
                token = first.next
            assert token is not None
            found.append(store.page(limit=10, after=token))
    finally:
        stop.set()
        thread.join()
    assert sorted(ids(found)) == sorted(score.account_id for score in made)
    assert {row.churn_probability for page in found for row in page.rows} == {0.5}
    assert {(page.as_of, page.model_version) for page in found} == {(DAY, "1")}
    assert store.page().as_of == DAY + ONE_DAY


def test_a_cursor_ends_with_its_run(database_url: str) -> None:
    clock = Clock()
    with opened(database_url, now=clock) as store:
        put(store, *scores(5))
        after = store.page(limit=2).next
        put(store, *scores(3))
        clock.now = AT + ONE_DAY
        store.purge()
        assert ids([store.page(limit=2, after=after)]) == ["A2", "A3"]
        clock.now += timedelta(seconds=1)
        put(store, *scores(4))
        with pytest.raises(PageGone, match="begin anew"):
            store.page(limit=2, after=after)


def test_history_is_not_paged_through(database_url: str) -> None:
    """A cursor can be made up: whoever is given an account today must not page through whose it was years ago."""
    clock = Clock()
    with opened(database_url, now=clock) as store:
        put(store, *scores(5))
        after = store.page(limit=2).next
        assert after is not None
        clock.now = AT + 9 * ONE_DAY
        put(store, *scores(5, as_of=DAY + 9 * ONE_DAY))
        assert ids([store.page(limit=2, after=after)]) == ["A2", "A3"]
        clock.now += ONE_DAY
        put(store, *scores(5, as_of=DAY + 10 * ONE_DAY))
        assert ids([store.page(limit=2, after=after)]) == ["A2", "A3"]
        clock.now += timedelta(seconds=1)
        with pytest.raises(PageGone, match="begin anew"):
            store.page(limit=2, after=after)
        put(store, *scores(5, as_of=DAY + ONE_DAY))
        late = replace(Cursor.of(after), run_id=4)
        with pytest.raises(PageGone, match="begin anew"):
            store.page(limit=2, after=late.token())
        assert len(store.latest("A1").history) == 4


@pytest.mark.parametrize(
    "filters", [{}, {"band": "at_risk"}, {"account_manager": "Eva", "threat": True}, {"account_manager": "None"}]
)
def test_a_cursor_belongs_to_its_filters(store: ScoreStore, filters: dict[str, Any]) -> None:
    put(store, *scores(5), evidence={f"A{number}": {"account": {"account_manager": "Eva"}} for number in range(5)})
    after = store.page(account_manager="Eva", limit=2).next
    assert after is not None and "Eva" not in after
    with pytest.raises(CursorInvalid, match="other filters"):
        store.page(after=after, **filters)


def token(*fields: Any) -> str:
    return urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "damaged",
    [
        "", "x", "äö", "%00", "bnVsbA", "e30", "[]", token(), token(1, 0.5, "A"), token(1, 0.5, "A", "x", "y"),
        token("1", 0.5, "A", "x"), token(True, 0.5, "A", "x"), token(1, 1, "A", "x"), token(1, None, "A", "x"),
        token(1, float("nan"), "A", "x"), token(1, float("inf"), "A", "x"), token(1, 0.5, ["A"], "x"),
        token(1, 0.5, "A", None), token(0, 0.5, "A", "x"), token(-1, 0.5, "A", "x"), token(2**31, 0.5, "A", "x"),
        token(1, 0.5, "\ud800", "x"), "W" * 4000, urlsafe_b64encode(b"[" * 3000).decode().rstrip("="),
    ],
)  # fmt: skip
def test_a_damaged_cursor_is_refused(store: ScoreStore, damaged: str) -> None:
    put(store, SCORE)
    with pytest.raises(CursorInvalid, match="is damaged"):
        store.page(after=damaged)


def test_a_run_that_is_not_published_has_no_pages(store: ScoreStore) -> None:
    put(store, *scores(3))
    after = store.page(limit=1).next
    assert after is not None
    guessed = replace(Cursor.of(after), run_id=2)

    def peeking() -> Iterator[Score]:
        yield from scores(600, as_of=DAY + ONE_DAY)
        with pytest.raises(PageGone):
            store.page(limit=1, after=guessed.token())

    store.write(peeking(), {}, MODEL, DAY + ONE_DAY, AT)
    assert len(store.page(limit=1, after=guessed.token()).rows) == 1


@given(
    st.builds(Cursor, st.integers(1, 2**31 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.text())
)
def test_a_cursor_comes_back_as_it_was_given(cursor: Cursor) -> None:
    assert Cursor.of(cursor.token()) == cursor


@given(st.text() | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode().rstrip("=")))
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    with suppress(CursorInvalid):
        assert Cursor.of(text).token() == text
