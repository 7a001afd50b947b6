"""Scoring runs: who writes them, what the hooks hear, what dead writers leave, what is kept and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from support.stored import AT, DAY, MODEL, SCORE, Clock, opened, put, runs_in, scores, scores_in

from features.errors import AccountUnknown
from serving.database.engine import open_database, reading, writing
from serving.database.holds import holding, is_held
from serving.errors import RunLost
from serving.run.forgetting import forget
from serving.scoring.scores import Score
from serving.store import PublishedRun
from serving.store.figure_tables import FIGURE_ACCOUNTS
from serving.store.runs import REMOVED_AT_ONCE, RunWriter, remove, sweep
from serving.store.score_retention import Purged
from serving.store.score_tables import record_of
from serving.store.store import RESUMABLE

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
NOTES = sa.Table("notes", sa.MetaData(), sa.Column("run_id", sa.Integer, nullable=False))


def begun(engine: Engine, writer: str, count: int = 3) -> RunWriter:
    """Write a run as far as publication."""
    run = RunWriter.begin(engine, writer, MODEL, DAY, AT, AT)
    run.add([record_of(run.run_id, score, {}) for score in scores(count)])
    return run


def test_the_hooks_hear_what_a_run_is(database_url: str) -> None:
    heard: list[PublishedRun] = []
    with opened(database_url, on_publish=[lambda _, run: heard.append(run)]) as store:
        put(store, *scores(3))
        put(store, *scores(2, scored_at=AT + HOUR))
        put(store, replace(SCORE, as_of=DAY + ONE_DAY, model_version="2"))
        put(store, replace(SCORE, as_of=DAY - ONE_DAY, scored_at=AT + 9 * HOUR))
        store.write([], {}, MODEL, DAY + 2 * ONE_DAY, AT)
    told = [(run.run_id, run.replaced, run.follows, run.newest, run.accounts) for run in heard]
    assert told == [(1, None, None, True, 3), (2, 1, 1, True, 2), (3, None, 2, True, 1), (4, None, 3, False, 1),
                    (5, None, 3, True, 0)]  # fmt: skip
    assert (heard[1].as_of, heard[1].model_version, heard[1].scored_at) == (DAY, "1", AT + HOUR)


def test_what_a_hook_writes_is_there_exactly_when_the_run_is(database_url: str, engine: Engine) -> None:
    NOTES.create(engine)
    seen = []

    def note(connection: Connection, run: PublishedRun) -> None:
        connection.execute(sa.insert(NOTES), {"run_id": run.run_id})
        seen.append((reader.latest("A0").score.churn_probability, notes()))
        if run.run_id == 2:
            raise RuntimeError("the outbox is full")

    def notes() -> list[int]:
        with reading(engine) as connection:
            return list(connection.execute(sa.select(NOTES.c.run_id)).scalars())

    with opened(database_url) as reader, opened(database_url, on_publish=[note]) as store:
        put(reader, *scores(2))
        with pytest.raises(RuntimeError, match="outbox"):
            put(store, *scores(2, churn_probability=0.9))
        assert seen == [(0.3, [])] and notes() == [] and reader.latest("A0").score.churn_probability == 0.3
        put(store, *scores(2, churn_probability=0.9))
        assert seen[1] == (0.3, []) and notes() == [3] and reader.latest("A0").score.churn_probability == 0.9
    assert [row.run_id for row in runs_in(database_url)] == [1, 3]


def test_a_writer_that_fails_leaves_nothing(database_url: str) -> None:
    def failing() -> Iterator[Score]:
        yield from scores(600)
        raise KeyboardInterrupt

    with opened(database_url) as store, pytest.raises(KeyboardInterrupt):
        store.write(failing(), {}, MODEL, DAY, AT)
    assert runs_in(database_url) == [] and scores_in(database_url) == []


@pytest.mark.parametrize("remover", ["write", "purge"])
def test_what_a_dead_writer_left_is_removed(database_url: str, engine: Engine, remover: str) -> None:
    begun(engine, "dead", REMOVED_AT_ONCE + 10)
    with opened(database_url) as store:
        if remover == "write":
            put(store, SCORE)
        else:
            assert store.purge() == Purged(old=0, replaced=0, abandoned=1)
    assert scores_in(database_url) == ([(2, "A1")] if remover == "write" else [])


def test_a_run_that_nobody_goes_on_with_is_removed(database_url: str, engine: Engine) -> None:
    """One with a fingerprint stays for two days, for the same command; nobody takes it from a living writer."""
    clock = Clock()
    with opened(database_url, now=clock) as store:
        with pytest.raises(KeyboardInterrupt), store.writing_run(MODEL, DAY, AT, "made of this") as run:
            run.add(scores(3), {"A1": {"lapsed": {"days": 231}}})
            raise KeyboardInterrupt
        clock.now = AT + RESUMABLE
        assert store.purge() == Purged(0, 0, 0) and len(scores_in(database_url)) == 3
        for other in ("made of that", "made of this"):
            with store.writing_run(MODEL, DAY, AT + HOUR, other) as run:
                assert (run.done, run.scored_at) == ((0, AT + HOUR) if other == "made of that" else (3, AT))
                if other == "made of this":
                    assert RunWriter.resume(engine, "thief", other, AT) is None
                    pieces = run.stored(["account_id", "lapsed"])
                    stored = [tuple(row.values()) for rows in pieces for row in rows]
                    assert stored == [("A0", False), ("A1", True), ("A2", False)]
        clock.now += RESUMABLE + timedelta(seconds=1)
        assert store.purge() == Purged(old=0, replaced=0, abandoned=2)
    assert runs_in(database_url) == [] and scores_in(database_url) == []


def test_what_a_writer_before_has_left_of_the_figures_goes_in_short_transactions(engine: Engine) -> None:
    """A million accounts' figures removed in one would hold SQLite's only write lock all the while."""
    run, other = begun(engine, "first"), begun(engine, "second")
    count = 2 * REMOVED_AT_ONCE + 1
    for each in (run, other):
        rows = [{"run_id": each.run_id, "account_id": f"A{number}", "figures": {}} for number in range(count)]
        each.add(rows, FIGURE_ACCOUNTS)
    removed: list[int] = []

    def note(*given: Any) -> None:
        removed.append(given[1].rowcount) if given[2].startswith("DELETE") else None

    committed: list[int] = []
    sa.event.listen(engine, "after_cursor_execute", note)
    sa.event.listen(engine, "commit", lambda _: committed.append(len(removed)))
    run.clear(FIGURE_ACCOUNTS)
    assert removed == [REMOVED_AT_ONCE, REMOVED_AT_ONCE, 1] and {1, 2, 3} <= set(committed)
    with reading(engine) as connection:
        left = connection.execute(sa.select(FIGURE_ACCOUNTS.c.run_id)).scalars().all()
    assert left == [other.run_id] * count


def test_a_run_has_as_many_accounts_as_are_not_forgotten_while_it_is_written(database_url: str, engine: Engine) -> None:
    """Their place stays counted until then: the writer goes on after what it has written, not after what is left."""
    with opened(database_url) as store:
        with pytest.raises(KeyboardInterrupt), store.writing_run(MODEL, DAY, AT, "made of this") as run:
            run.add(scores(3), {})
            raise KeyboardInterrupt
        forget(engine, "A1")
        with store.writing_run(MODEL, DAY, AT, "made of this") as run:
            assert run.done == 3
            run.add([replace(SCORE, account_id="A3")], {})
            forget(engine, "A0")
            assert run.publish().accounts == 2
        assert [row.accounts for row in runs_in(database_url)] == [2]


def test_what_a_living_writer_has_written_stays(database_url: str, engine: Engine) -> None:
    with opened(database_url) as store, holding(engine, "alive"):
        run = begun(engine, "alive")
        assert store.purge() == Purged(0, 0, 0)
        put(store, SCORE)
        with pytest.raises(AccountUnknown):
            store.latest("A0")
        assert run.publish((), AT).replaced == 2
        assert store.latest("A0").score == scores(1)[0]


def test_a_hold_ends_with_its_block(engine: Engine, database_url: str, tmp_path: Path) -> None:
    def held() -> bool:
        with reading(engine) as connection:
            return is_held(connection, "name")

    assert not held()
    with holding(engine, "name"):
        assert held() and held()
        other = open_database(database_url)
        with reading(other) as connection:
            assert is_held(connection, "name")
        other.dispose()
    assert not held()
    assert not list(tmp_path.rglob("*-held-*"))


def test_a_writer_whose_run_was_removed_is_told(database_url: str, engine: Engine) -> None:
    """It had lost its hold with its connection, and another writer has cleaned up."""
    run = begun(engine, "lost")
    with opened(database_url) as store:
        store.purge()

        def removed_halfway() -> Iterator[Score]:
            yield from scores(600)
            assert remove(engine, 2)
            yield from scores(1)

        with pytest.raises(RunLost, match="run it again"):
            store.write(removed_halfway(), {}, MODEL, DAY, AT)
    for act in (lambda: run.add([]), lambda: run.publish((), AT)):
        with pytest.raises(RunLost, match="scoring run 1 was removed"):
            act()
    assert runs_in(database_url) == [] and scores_in(database_url) == []


def test_a_run_of_which_some_is_gone_is_never_published(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer lost its hold but lives: it publishes between two pieces of the removal."""
    run = begun(engine, "lost", REMOVED_AT_ONCE + 10)
    refused = []

    @contextmanager
    def pausing(database: Engine) -> Iterator[Connection]:
        with writing(database) as connection:
            yield connection
        if not refused:
            monkeypatch.undo()
            assert 0 < len(scores_in(database_url)) <= 10
            with pytest.raises(RunLost) as lost:
                run.publish((), AT)
            refused.append(lost.value)

    monkeypatch.setattr("serving.store.runs.writing", pausing)
    assert sweep(engine) == 1 and refused
    assert runs_in(database_url) == [] and scores_in(database_url) == []


def test_many_write_the_same_at_once(database_url: str) -> None:
    """Each run is whole, and exactly one of them, the last to be published, is in force."""

    def write(number: int) -> None:
        with opened(database_url) as store:
            for again in range(3):
                put(store, *scores(40, churn_probability=number / 10 + again / 100))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = runs_in(database_url)
    assert len(found) == 12 and all(run.accounts == 40 and run.published_at is not None for run in found)
    assert [run.replaced_at is None for run in found].count(True) == 1
    with opened(database_url) as store:
        page = store.page(limit=200)
        assert [row.account_id for row in page.rows] == [f"A{number}" for number in range(40)]
        assert len({row.churn_probability for row in page.rows}) == 1


def test_replaced_runs_stay_for_a_while(database_url: str) -> None:
    clock = Clock()
    with opened(database_url, now=clock, keep_replaced=6 * HOUR) as store:
        for _ in range(2):
            put(store, *scores(2))
        clock.now = AT + 6 * HOUR
        assert store.purge() == Purged(0, 0, 0)
        clock.now += timedelta(seconds=1)
        assert store.purge() == Purged(old=0, replaced=1, abandoned=0)
    assert scores_in(database_url) == [(2, "A0"), (2, "A1")]


def test_old_runs_go_but_never_the_newest(database_url: str) -> None:
    clock = Clock(AT + 100 * ONE_DAY)
    with opened(database_url, now=clock) as store:
        for days in (0, 30, 60):
            put(store, replace(SCORE, as_of=DAY + days * ONE_DAY, scored_at=AT + days * ONE_DAY))
        assert store.purge() == Purged(0, 0, 0)
        assert store.purge(70 * ONE_DAY) == Purged(old=1, replaced=0, abandoned=0)
        assert [past.as_of.isoformat() for past in store.latest("A1").history] == ["2026-01-31", "2026-03-02"]
        assert store.purge(timedelta(0)) == Purged(old=1, replaced=0, abandoned=0)
        assert store.latest("A1").score.as_of == DAY + 60 * ONE_DAY
        assert store.purge(timedelta(0)) == Purged(0, 0, 0)


def test_a_purge_that_was_killed_is_ended_by_the_next(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to go is hidden at once, so nobody ever sees a run of which some is gone."""
    clock = Clock()
    with opened(database_url, now=clock) as store:
        for _ in range(2):
            put(store, *scores(2))
        clock.now = AT + 2 * ONE_DAY
        swept = iter([0, 1])
        monkeypatch.setattr("serving.store.score_retention.sweep", lambda *_: next(swept) and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.purge()
        monkeypatch.undo()
        assert [run.published_at is None for run in runs_in(database_url)] == [True, False]
        assert len(scores_in(database_url)) == 4
        assert store.purge() == Purged(old=0, replaced=0, abandoned=1)
    assert scores_in(database_url) == [(2, "A0"), (2, "A1")]


def test_a_clock_that_goes_backwards_hides_no_rerun(database_url: str) -> None:
    """What holds: a rerun counts from its publication and a later as-of date always counts, whatever clocks say.

    Only two versions of one as-of date are told apart by when they scored.
    """
    clock = Clock(AT)
    with opened(database_url, now=clock) as store:
        put(store, replace(SCORE, churn_probability=0.1))
        clock.now = AT - 30 * ONE_DAY
        put(store, replace(SCORE, churn_probability=0.2, scored_at=clock.now))
        assert store.latest("A1").score.churn_probability == 0.2 and len(store.latest("A1").history) == 1
        put(store, replace(SCORE, churn_probability=0.3, as_of=DAY + ONE_DAY, scored_at=clock.now))
        assert store.latest("A1").score.churn_probability == 0.3
        assert store.page().rows[0].churn_probability == 0.3
        put(store, replace(SCORE, churn_probability=0.4, as_of=DAY + ONE_DAY, scored_at=clock.now - HOUR,
                           model_version="2"))  # fmt: skip
        assert store.latest("A1").score.churn_probability == 0.3 and len(store.latest("A1").history) == 3
        assert store.purge(ONE_DAY) == Purged(0, 0, 0)


def test_a_memory_store_is_one_for_all_threads() -> None:
    with opened("sqlite://") as store, ThreadPoolExecutor(4) as pool:
        put(store, *scores(3))
        found = list(pool.map(lambda number: store.latest(f"A{number % 3}").score.account_id, range(12)))
    assert found == ["A0", "A1", "A2"] * 4
