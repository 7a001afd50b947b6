"""`churn-risk store ...`: the tables brought up to date, runs removed, an account forgotten wherever it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from support.served import Done, run_command
from support.stored import DAY, MODEL, SCORE, opened, put, runs_in, scores, scores_in

from features.errors import AccountUnknown
from serving.database.engine import open_database, writing
from serving.database.migrate import scripts
from serving.run import forgetting as erasure
from serving.run.forgetting import forget
from serving.scoring.scores import Score

Run = Callable[..., Done]
NOW = datetime.now(UTC)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str) -> Run:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", database_url)
    return lambda *words: run_command(monkeypatch, capsys, "store", *words)


def test_migrate(run: Run, new_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", new_database_url)
    newest = scripts().get_current_head()
    assert run("migrate", "--json").result == {"before": None, "revision": newest}
    assert run("migrate", "--json").result == {"before": newest, "revision": newest}
    done = run("migrate")
    assert done.code == 0 and done.out == "" and f"at migration {newest} already" in done.err


def test_purge(run: Run, database_url: str) -> None:
    with opened(database_url) as store:
        for days in (40, 20, 0):
            at = NOW - timedelta(days=days)
            put(store, replace(SCORE, as_of=at.date(), scored_at=at))
        put(store, replace(SCORE, as_of=NOW.date(), scored_at=NOW))
    assert run("purge", "--json").result == {"old": 0, "replaced": 0, "abandoned": 0, "reads": 0}
    assert run("purge", "--keep-days", 30, "--json").result == {"old": 1, "replaced": 0, "abandoned": 0, "reads": 0}
    done = run("purge", "--keep-days", 10)
    assert done.code == 0 and "1 old, 0 replaced, 0 abandoned" in done.err
    assert [row.run_id for row in runs_in(database_url)] == [3, 4]


def test_how_long_replaced_runs_stay_is_a_setting(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(database_url) as store:
        for _ in range(3):
            put(store, SCORE)
    monkeypatch.setenv("CHURN_RISK_REPLACED_HOURS", "0")
    assert run("purge", "--json").result == {"old": 0, "replaced": 2, "abandoned": 0, "reads": 0}
    assert scores_in(database_url) == [(3, "A1")]


@pytest.mark.parametrize("words", [["purge", "--keep-days", "-1"], ["purge", "--keep-days", "x"], ["forget"], ["drop"]])
def test_bad_usage(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert done.code == 2 and done.out == ""


def test_forget(run: Run, database_url: str) -> None:
    evidence = {"A1": {"account": {"name": "Müller & Söhne"}}}
    with opened(database_url) as store:
        put(store, *scores(3), evidence=evidence)
        put(store, *scores(3), evidence=evidence)
        put(store, *scores(3, as_of=DAY + timedelta(days=1)), evidence=evidence)
        done = run("forget", "A1", "--json")
        assert done.code == 0 and done.result["account_id"] == "A1"
        assert done.result["removed"] == {
            "scores": 3,
            "figures": 0,
            "job_accounts": 0,
            "repeated_answers": 0,
            "events": 0,
            "steps": 0,
            "feedback": 0,
            "digest_standings": 0,
            "alert_cases": 0,
        }
        with pytest.raises(AccountUnknown):
            store.latest("A1")
        assert [row.account_id for row in store.page().rows] == ["A0", "A2"]
        assert len(store.latest("A0").history) == 2
    done = run("forget", "A1")
    assert done.code == 0 and done.out == "" and "nothing was kept of account A1" in done.err


def test_what_is_forgotten_is_in_no_file(tmp_path: Path) -> None:
    """Neither in the pages that SQLite would use again nor in its write-ahead log."""
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    evidence = {"A1": {"account": {"name": "Unmistakable Ltd"}, "text": "Unmistakable " * 2000}}
    with opened(url, keep_replaced=timedelta(0)) as store:
        for _ in range(3):
            put(store, *scores(3), evidence=evidence)
        assert _in_files(tmp_path, b"Unmistakable")
        engine = open_database(url)
        assert forget(engine, "A1").removed["scores"] > 0
        engine.dispose()
        assert not _in_files(tmp_path, b"Unmistakable")
        assert store.latest("A0").score.account_id == "A0"


def _in_files(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.iterdir())


def test_forgetting_is_one_transaction(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(connection: Connection, account_id: str) -> dict[str, int]:
        left = connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one()
        raise RuntimeError(f"{left} scores left")

    monkeypatch.setattr(erasure, "ERASERS", (*erasure.ERASERS, failing))
    with opened(database_url) as store:
        put(store, *scores(3))
        engine = open_database(database_url)
        with pytest.raises(RuntimeError, match="2 scores left"):
            forget(engine, "A1")
        engine.dispose()
        assert store.latest("A1").score.account_id == "A1"


def test_every_table_with_accounts_has_an_eraser(database_url: str) -> None:
    """Whoever adds a table with an `account_id` or `account_key` in it has to add to ERASERS too.

    The audit of reads loses the account's id and keeps its digest.
    """
    engine = open_database(database_url)
    found = sa.inspect(engine)
    naming = {
        table
        for table in found.get_table_names()
        if {"account_id", "account_key"} & {column["name"] for column in found.get_columns(table)}
    }
    engine.dispose()
    assert naming == {
        "scores", "job_accounts", "idempotency_accounts", "events", "deliveries", "account_reads", "account_steps",
        "account_feedback", "score_figure_accounts", "score_ends", "digest_standings", "alert_cases",
    }  # fmt: skip


def test_a_score_that_is_being_written_is_forgotten_too(database_url: str) -> None:
    engine = open_database(database_url)

    def forgotten_halfway() -> Iterator[Score]:
        yield from scores(600)
        assert forget(engine, "A1").removed["scores"] == 1

    with opened(database_url) as store:
        store.write(forgotten_halfway(), {}, MODEL, DAY, SCORE.scored_at)
        with pytest.raises(AccountUnknown):
            store.latest("A1")
        with writing(engine) as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one() == 599
    engine.dispose()
