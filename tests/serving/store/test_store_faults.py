"""A full disk, a database that is away: nothing lost, nothing doubled, nothing half, and what callers are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import execute, started
from support.served import assert_problem, client_of, run_command
from support.stored import AT, DAY, MODEL, SCORE, opened, put, runs_in, scores, scores_in

from serving.database.engine import open_database, writing
from serving.database.holds import holding
from serving.errors import StoreUnavailable
from serving.scoring.scores import Score
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

LATER = AT + timedelta(hours=1)


def limit_pages(store: ScoreStore, pages: int) -> None:
    """Let the store's file grow to so many pages and no further, as a full disk would."""

    @sa.event.listens_for(store._engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def test_a_full_disk_leaves_the_earlier_scores(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    with opened(url) as store:
        put(store, *scores(50))
        limit_pages(store, (tmp_path / "scores.db").stat().st_size // 4096 + 100)
        with pytest.raises(StoreUnavailable, match=r"scores.db cannot be used now: database or disk is full"):
            put(store, *scores(5000, churn_probability=0.9, scored_at=LATER))
        assert store.latest("A0").score == scores(1)[0]
    assert len(runs_in(url)) == 1 and len(scores_in(url)) == 50
    with opened(url) as store:
        put(store, *scores(5000, churn_probability=0.9, scored_at=LATER))
        assert store.latest("A4999").score.churn_probability == 0.9


def test_a_disk_too_full_to_clean_up_is_cleaned_up_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"

    def failing() -> Iterator[Score]:
        yield from scores(1000)
        monkeypatch.setattr("serving.store.runs.remove", full)
        raise StoreUnavailable("database or disk is full")

    def full(*_: Any) -> bool:
        raise StoreUnavailable("still full")

    with opened(url) as store:
        with pytest.raises(StoreUnavailable, match=r"^database or disk"):
            store.write(failing(), {}, MODEL, DAY, AT)
        assert len(scores_in(url)) == 1000 and store.page().rows == ()
        monkeypatch.undo()
        put(store, SCORE)
    assert scores_in(url) == [(2, "A1")] and not list(tmp_path.glob("*-held-*"))


@pytest.mark.server
def test_the_database_goes_and_comes_back(bundle: Bundle) -> None:
    with started() as server, opened(server.get_uri()) as store:
        put(store, *scores(700))
        client = client_of(bundle, store)
        assert client.get("/v1/accounts/A1/risk").status_code == 200
        server.stop()
        with pytest.raises(StoreUnavailable, match="cannot be used now"):
            store.latest("A1")
        with pytest.raises(StoreUnavailable, match="cannot be used now"), holding(store.engine, "name"):
            pytest.fail("nothing is held")
        for path in ("/v1/accounts/A1/risk", "/v1/accounts/A1/report", "/v1/accounts?limit=3"):
            answer = client.get(path)
            problem = assert_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0 and "postgres" not in str(problem)
        server.ensure_postgres_running()
        assert client.get("/v1/accounts/A1/risk").status_code == 200
        assert len(client.get("/v1/accounts?limit=3").json()["accounts"]) == 3


@pytest.mark.server
def test_the_database_goes_while_a_run_is_written() -> None:
    with started() as server, opened(server.get_uri()) as store:
        put(store, *scores(700))

        def stopped_halfway() -> Iterator[Score]:
            yield from scores(600, churn_probability=0.9)
            server.stop()
            yield from scores(700, churn_probability=0.9)[600:]

        with pytest.raises(StoreUnavailable):
            store.write(stopped_halfway(), {}, MODEL, DAY, LATER)
        server.ensure_postgres_running()
        assert store.latest("A0").score == scores(1)[0] and len(store.latest("A0").history) == 1
        assert len(scores_in(store.url)) == 700 + 500
        put(store, *scores(600, churn_probability=0.8, scored_at=LATER))
        assert store.latest("A599").score.churn_probability == 0.8
        assert len(scores_in(store.url)) == 700 + 600


@pytest.mark.server
def test_the_database_goes_and_comes_back_while_a_run_is_written() -> None:
    """The writer has lost its hold then, but nobody has removed its run: it goes on."""
    with started() as server, opened(server.get_uri()) as store:

        def restarted_halfway() -> Iterator[Score]:
            yield from scores(600)
            server.stop()
            server.ensure_postgres_running()
            yield from scores(1200)[600:]

        assert store.write(restarted_halfway(), {}, MODEL, DAY, AT) == 1200
        assert len(scores_in(store.url)) == 1200 and store.latest("A1199").score.account_id == "A1199"


def test_a_statement_that_the_server_ends_is_no_answer(postgres: Any, postgres_url: str) -> None:
    """A connection that dies in the middle is reported, and the next one is sound."""
    with opened(postgres_url) as store:
        put(store, SCORE)
        with pytest.raises(StoreUnavailable), writing(store._engine) as connection:
            own = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
            execute(postgres, f"SELECT pg_terminate_backend({own}, 10000)")
            connection.execute(sa.select(1))
        assert store.latest("A1").score == SCORE


def test_a_server_that_takes_no_writing(postgres: Any, postgres_url: str, bundle: Bundle) -> None:
    """A standby after a failover: what is read is answered, what is to be written is a 503."""
    with opened(postgres_url) as store:
        put(store, SCORE)
        name = sa.make_url(postgres_url).database
        execute(postgres, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        store.engine.dispose()
        client = client_of(bundle, store)
        assert client.get("/v1/accounts/A1/risk").status_code == 200
        job = {"accounts": [{"account": {"account_id": "A1", "customer_since": "2020-01-01"}, "invoices": []}]}
        assert_problem(client.ask("POST", "/v1/jobs", json=job), 503)
        with pytest.raises(StoreUnavailable, match="read-only"):
            put(store, SCORE)


def test_a_database_that_was_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql://somebody:pass-word@/scores?host={tmp_path}"
    with pytest.raises(StoreUnavailable) as raised:
        open_database(url)
    assert str(tmp_path) in str(raised.value) and "pass-word" not in str(raised.value)
    monkeypatch.setenv("CHURN_RISK_STORE_URL", url)
    done = run_command(monkeypatch, capsys, "store", "migrate", "--json")
    assert done.code == 1 and done.out == "" and "pass-word" not in done.err and "cannot be used now" in done.err


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """No hold can be made there, and no folder below a file."""
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="unable to open"), holding(store.engine, "no/such/folder"):
                pytest.fail("nothing is held")
        put(store, SCORE)
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        open_database(f"sqlite:///{tmp_path / 'scores.db' / 'folder' / 'other.db'}")


def test_a_reader_gets_the_earlier_scores_while_the_store_is_locked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    with opened(url) as store, opened(url) as other:
        put(store, SCORE)
        with writing(other._engine) as connection:
            connection.execute(sa.text("UPDATE scores SET churn_probability = 0.9"))
            assert store.latest("A1").score == SCORE
        assert store.latest("A1").score == replace(SCORE, churn_probability=0.9)
