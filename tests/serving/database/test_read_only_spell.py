"""A spell in which the database takes no writes: it is told, at a limited rate, and ends for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.databases import MIGRATED, execute, standby
from support.gates import Clock
from support.served import assert_problem, client_of
from support.stored import SCORE, opened, put

from serving.access.keys import KeyStore
from serving.database.engine import open_database, reading, sqlite_path, writing
from serving.database.write_check import BAD_SECONDS, GOOD_SECONDS, WriteCheck
from serving.errors import StoreUnavailable
from training.bundle.bundle import Bundle

#: Makes new connections of an engine read-only for a block; older ones are closed first.
Spell = Callable[[Engine], AbstractContextManager[None]]
COUNT = sa.text("SELECT count(*) FROM api_keys")


@pytest.fixture
def database_url(new_database_url: str) -> str:
    """Return a database of the test's own: the spell is a setting of it."""
    return new_database_url


@pytest.fixture
def spell(request: pytest.FixtureRequest, kind: str, database_url: str) -> Spell:
    if kind == "sqlite":
        return _file_read_only
    server, name = request.getfixturevalue("postgres"), sa.make_url(database_url).database

    @contextmanager
    def server_read_only(engine: Engine) -> Iterator[None]:
        """PostgreSQL gives its default to a connection for as long as that lives, as a failover gives its server."""
        execute(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        engine.dispose()
        yield
        execute(server, f"ALTER DATABASE {name} RESET default_transaction_read_only")

    return server_read_only


@contextmanager
def _file_read_only(engine: Engine) -> Iterator[None]:
    """SQLite opens a file read-only that it may not write; root may write all, so the way of opening is changed."""
    path = sqlite_path(engine.url)
    active = [True]

    def connect(*_: Any) -> sqlite3.Connection | None:
        if not active[0]:
            return None
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30, check_same_thread=False)

    engine.dispose()
    sa.event.listen(engine, "do_connect", connect)
    yield
    active[0] = False


def write(engine: Engine) -> None:
    KeyStore(engine).create(["read"])


def test_writes_go_on_after_it(engine: Engine, spell: Spell) -> None:
    write(engine)
    with reading(engine) as one, reading(engine) as two:  # Two connections in the pool.
        assert one.execute(COUNT).scalar_one() == two.execute(COUNT).scalar_one() == 1
    with spell(engine):
        with pytest.raises(StoreUnavailable, match=r"read-?only"):
            write(engine)
        with reading(engine) as one, reading(engine) as two:
            assert one.execute(COUNT).scalar_one() == two.execute(COUNT).scalar_one() == 1
    with suppress(StoreUnavailable):  # The first write may meet a connection of the spell, and drops them all.
        write(engine)
    for _ in range(3):
        write(engine)
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() >= 4


def test_the_check_tells_it_and_heals_the_pool(engine: Engine, spell: Spell) -> None:
    clock = Clock()
    check = WriteCheck(engine, clock.tick)
    check.demand()
    with spell(engine):
        clock.pass_by(seconds=GOOD_SECONDS)
        with pytest.raises(StoreUnavailable):
            check.demand()
        with reading(engine) as connection:
            assert connection.execute(COUNT).scalar_one() == 0
    clock.pass_by(seconds=BAD_SECONDS)
    with suppress(StoreUnavailable):
        check.demand()
    clock.pass_by(seconds=BAD_SECONDS)
    check.demand()
    write(engine)


def test_it_is_tried_at_a_limited_rate(engine: Engine, spell: Spell) -> None:
    clock, tries = Clock(), []
    check = WriteCheck(engine, clock.tick)
    words = ("UPDATE alembic_version", "pg_is_in_recovery")

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        tries.extend(word for word in words if word in statement)

    for _ in range(50):
        check.demand()
    assert len(tries) == 1
    clock.pass_by(seconds=GOOD_SECONDS - 0.1)
    check.demand()
    assert len(tries) == 1
    clock.pass_by(seconds=0.1)
    check.demand()
    assert len(tries) == 2
    with spell(engine):
        clock.pass_by(seconds=GOOD_SECONDS)
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                check.demand()
    assert len(tries) == 3


def test_another_writer_is_no_spell(tmp_path: Path) -> None:
    """In SQLite, who writes for long makes the try wait in vain: the database takes writes, only not ours."""
    engine = open_database(f"sqlite:///{tmp_path / 'scores.db'}")
    with writing(engine):
        WriteCheck(engine).demand()
    engine.dispose()


def test_ready_says_whether_it_can_write(bundle: Bundle, database_url: str, spell: Spell) -> None:
    with opened(database_url) as store:
        put(store, SCORE)
        client, clock = client_of(bundle, store), Clock()
        client.app.state.runtime.__dict__["writes"] = WriteCheck(store.engine, clock.tick)
        assert client.get("/readyz").status_code == 200
        with spell(store.engine):
            clock.pass_by(seconds=GOOD_SECONDS)
            answer = client.get("/readyz")
            assert assert_problem(answer, 503)["type"].endswith("store-read-only") and answer.headers["retry-after"]
            assert client.get("/v1/accounts/A1/risk").status_code == 200, "readers go on"
        statuses = []
        for _ in range(2):
            clock.pass_by(seconds=BAD_SECONDS)
            statuses.append(client.get("/readyz").status_code)
        assert statuses[-1] == 200


def test_a_file_that_was_replaced_is_followed(tmp_path: Path) -> None:
    """A connection would go on with the old file for good. Whoever replaces a file removes the log beside it."""
    path = tmp_path / "scores.db"
    engine, other = open_database(f"sqlite:///{path}"), open_database(f"sqlite:///{tmp_path / 'other.db'}")
    write(other)
    other.dispose()
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 0
    for name in ("scores.db-wal", "scores.db-shm"):
        (tmp_path / name).unlink()
    (tmp_path / "other.db").replace(path)
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 1
    path.unlink()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="store restore"), reading(engine):
            pass
        assert not path.exists(), "an empty database would be taken for the real one"
    engine.dispose()


def test_all_connections_of_the_process_are_left(tmp_path: Path) -> None:
    """The service has two pools on one file; one idle connection of the spell would keep it read-only for all."""
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    engine, keys, other = open_database(url), open_database(url), open_database(f"sqlite:///{tmp_path / 'other.db'}")
    pools = [each.pool for each in (engine, keys, other)]
    assert [pool.checkedin() for pool in pools] == [1, 1, 1]  # type: ignore[attr-defined]
    with _file_read_only(engine), pytest.raises(StoreUnavailable):
        write(engine)
    assert [each.pool.checkedin() for each in (engine, keys, other)] == [0, 0, 1]  # type: ignore[attr-defined]
    write(engine)
    for each in (engine, keys, other):
        each.dispose()


def test_files_beside_it_may_be_written_again(tmp_path: Path) -> None:
    """SQLite makes its log with the permissions that the database has at that time."""
    path = tmp_path / "scores.db"
    engine, reader = open_database(f"sqlite:///{path}"), open_database(f"sqlite:///{path}")
    with reading(reader):
        path.with_name("scores.db-shm").chmod(0o400)
        engine.dispose()
        write(engine)
        assert path.with_name("scores.db-shm").stat().st_mode & 0o777 == 0o600
    for each in (engine, reader):
        each.dispose()


# Failover -------------------------------------------------------------------------------------------------------------


def keys_in(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(COUNT).scalar_one())


@pytest.mark.server
def test_a_standby_takes_writes_from_its_promotion_on() -> None:
    """A service that starts while only the standby is there answers readers, says that it cannot write, and heals."""
    with standby() as server:
        engine, clock = open_database(server.get_uri(database=MIGRATED)), Clock()
        check = WriteCheck(engine, clock.tick)
        for refused in (check.demand, lambda: write(engine)):
            with pytest.raises(StoreUnavailable, match="read-only"):
                refused()
        assert keys_in(engine) == 0
        execute(server, "SELECT pg_promote()")
        clock.pass_by(seconds=BAD_SECONDS)
        check.demand()
        write(engine)
        assert keys_in(engine) == 1
        engine.dispose()


@pytest.mark.server
def test_the_pool_follows_a_failover_to_another_server() -> None:
    """The address names both servers; connections to the one that takes no more writes are left, idle ones too."""
    with standby() as first, standby() as second:
        execute(first, "SELECT pg_promote()")
        hosts = [sa.make_url(server.get_uri(database=MIGRATED)) for server in (first, second)]
        both = {"host": [str(url.query["host"]) for url in hosts], "target_session_attrs": "read-write"}
        engine = open_database(hosts[0].set(query=both).render_as_string(hide_password=False))
        write(engine)
        with reading(engine) as one, reading(engine) as two:  # Two connections in the pool.
            assert one.execute(COUNT).scalar_one() == two.execute(COUNT).scalar_one() == 1
        execute(first, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        execute(second, "SELECT pg_promote()")
        with pytest.raises(StoreUnavailable, match="read-only"):
            for _ in range(10_000):  # The server tells its connections of a setting in its own time.
                write(engine)
        for _ in range(3):
            write(engine)
        assert keys_in(engine) == 3, "all of them are in the second server"
        engine.dispose()
