"""The database: stores of before migrations are carried over; one transaction is one state. SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Engine
from support.stored import AT, DAY, SCORE, as_json, opened, put, runs_in, scores_in

from features.errors import AccountUnknown
from serving.database import migrate as migrations
from serving.database.engine import connect, open_database, reading, writing
from serving.database.metadata import AnyText, Instant
from serving.database.migrate import current, migrate, scripts
from serving.errors import DatabaseTooNew
from serving.store.searching import searched

#: Account, as-of date, version, hours after AT at which it was scored, account manager.
OLD = (
    ("A1", DAY, "1", 0, "Eva"),
    ("A2", DAY, "1", 0, None),
    ("A1", DAY, "2", 1, "Jörg"),
    ("A1", DAY - timedelta(days=30), "1", 2, "Eva"),
)


@pytest.fixture
def database_url(new_database_url: str) -> str:
    """Return a database without tables: what stands in it is for the tests to say."""
    return new_database_url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    yield made
    made.dispose()


def stamp(hours: int) -> str:
    return (AT + timedelta(hours=hours)).isoformat(timespec="microseconds")


def write_as_before_migrations(engine: Engine, stamped: bool) -> None:
    """Make the tables as they were at 0001, with three runs in them and an empty one."""
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        if not stamped:
            connection.execute(sa.text("DROP TABLE alembic_version"))
        tables = sa.MetaData()
        tables.reflect(connection, only=["scores", "score_runs"])
        for as_of, version, hours in sorted({row[1:4] for row in OLD} | {(DAY, "9", -5)}):
            run = {"as_of": as_of, "model_version": version, "scored_at": stamp(hours)}
            rule = {"rule": {"silence_days": 180}} if version == "1" else {}
            rest = {"accounts": 2, "model": {"version": version} | rule}
            connection.execute(sa.insert(tables.tables["score_runs"]), run | rest)
        for account_id, as_of, version, hours, manager in OLD:
            run = {"as_of": as_of, "model_version": version, "scored_at": stamp(hours)}
            evidence = {"account": {"name": account_id * 2, "account_manager": manager}}
            gone = {"lapsed": {"days": 231}} if account_id == "A2" else {}
            rest = {"account_id": account_id, "account_manager": manager, "evidence": evidence | gone}
            connection.execute(sa.insert(tables.tables["scores"]), as_json(SCORE) | run | rest)


@pytest.mark.parametrize("stamped", [False, True])
def test_a_store_of_before_migrations_is_carried_over(database_url: str, engine: Engine, stamped: bool) -> None:
    write_as_before_migrations(engine, stamped)
    with opened(database_url) as store:
        found = store.latest("A1")
        assert (found.score.model_version, found.account_manager, found.model) == ("2", "Jörg", {"version": "2"})
        assert found.evidence == {"account": {"name": "A1A1", "account_manager": "Jörg"}}
        assert found.score.reasons == SCORE.reasons and found.score.scored_at == AT + timedelta(hours=1)
        assert [(past.as_of, past.model_version, past.scored_at) for past in found.history] == [
            (date(2025, 12, 2), "1", AT + timedelta(hours=2)), (DAY, "1", AT), (DAY, "2", AT + timedelta(hours=1)),
        ]  # fmt: skip
        assert store.latest("A2").score.model_version == "1"
        assert [(row.account_id, row.name) for row in store.page().rows] == [("A1", "A1A1")]
        assert len(scores_in(database_url)) == len(OLD)
        assert [(run.model_version, run.accounts) for run in runs_in(database_url)] == [
            ("9", 2), ("1", 2), ("2", 2), ("1", 2),
        ]  # fmt: skip
        put(store, SCORE)
        with pytest.raises(AccountUnknown):
            store.latest("A2")
    assert [run.run_id for run in runs_in(database_url) if run.replaced_at] == [2]


def test_nothing_is_left_of_the_old_tables(database_url: str, engine: Engine) -> None:
    """A store that was carried over stands as a new one does."""
    write_as_before_migrations(engine, stamped=True)
    assert migrate(engine) == migrate(engine) == scripts().get_current_head()
    found = sa.inspect(engine)
    assert not [name for name in found.get_table_names() if "0001" in name]
    indexes = {index["name"]: index["column_names"] for index in found.get_indexes("scores")}
    assert indexes["scores_by_account"] == ["account_id", "as_of", "scored_at"]
    assert indexes["scores_by_risk"] == ["run_id", "revenue_at_risk", "account_id"]
    assert found.get_pk_constraint("scores")["constrained_columns"] == ["run_id", "account_id"]
    with engine.connect() as connection:
        current_revision = current(connection)
        gone = connection.execute(sa.text("SELECT account_id, as_of FROM scores WHERE lapsed")).all()
        kept = connection.execute(sa.text("SELECT account_id, name, as_of, searched FROM scores")).all()
    assert [(row.account_id, str(row.as_of)) for row in gone] == [("A2", str(DAY))]
    newest = max(str(row.as_of) for row in kept)
    for row in kept:
        assert row.searched == (searched(row.name, row.account_id) if str(row.as_of) == newest else None)
    assert current_revision == scripts().get_current_head()


def test_the_tables_are_those_that_the_code_knows(engine: Engine) -> None:
    """Made by the migrations and as they are declared: the same columns, which may be null in the same places."""
    import serving.run.backup  # noqa: F401 (it knows every table, and so declares them, whatever else was imported)
    from serving.database.metadata import metadata

    known, postgresql = metadata.tables, engine.dialect.name == "postgresql"
    migrate(engine)
    found = sa.inspect(engine)
    assert set(found.get_table_names()) - {"alembic_version"} == set(known)
    for name, table in known.items():
        there = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert there == {column.name: column.nullable for column in table.columns}, name
        indexes = {index["name"] for index in found.get_indexes(name) if not index.get("duplicates_constraint")}
        own = {index.name for index in table.indexes if not (index.name == "scores_listed" and postgresql)}
        assert indexes == own, name


def test_a_database_of_a_newer_version_is_refused(engine: Engine, database_url: str) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="9999"):
        open_database(database_url)


def test_a_migration_that_fails_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    write_as_before_migrations(engine, stamped=True)
    monkeypatch.setattr("alembic.op.drop_table", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate(engine)
    monkeypatch.undo()
    with engine.connect() as connection:
        assert current(connection) == "0001"
        assert connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one() == len(OLD)
        assert {"score_runs", "scores", "alembic_version"} == set(sa.inspect(connection).get_table_names())
    migrate(engine)


def test_types_keep_what_they_are_given(engine: Engine) -> None:
    table = sa.Table(
        "kept", sa.MetaData(), sa.Column("key", sa.Integer, primary_key=True), sa.Column("text", AnyText),
        sa.Column("at", Instant), sa.Column("plain", sa.JSON),
    )  # fmt: skip
    table.create(engine)
    texts = ["", "a\x00b", "\x00", "\x10", "\x100", "\x10p", "\x10\x10\x00p0", "Ä😀", None]
    rows = [{"key": key, "text": text, "at": AT, "plain": {"text": text}} for key, text in enumerate(texts)]
    with writing(engine) as connection:
        connection.execute(sa.insert(table), rows)
    with reading(engine) as connection:
        found = [dict(row) for row in connection.execute(sa.select(table).order_by(table.c.key)).mappings()]
        assert found == rows
        for text in filter(None, texts):
            assert connection.execute(sa.select(table.c.text).where(table.c.text == text)).scalars().all() == [text]
    with pytest.raises(sa.exc.StatementError, match="has no zone"), writing(engine) as connection:
        connection.execute(sa.insert(table), {"key": 99, "at": AT.replace(tzinfo=None)})


def test_a_transaction_that_fails_is_undone(engine: Engine) -> None:
    migrate(engine)
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        json.dumps(1 / 0)
    with reading(engine) as connection:
        assert current(connection) != "9999"


@pytest.mark.parametrize(("asked", "expected"), [({}, "30000"), ({"tcp_user_timeout": "5000"}, "5000")])
def test_a_server_that_vanishes_is_given_up_after_half_a_minute(
    postgres_url: str, asked: dict[str, str], expected: str
) -> None:
    """Unless the address says otherwise."""
    engine = connect(sa.make_url(postgres_url).update_query_dict(asked).render_as_string(hide_password=False))
    with reading(engine) as connection:
        said = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    engine.dispose()
    assert said["tcp_user_timeout"] == expected and said["keepalives_idle"] == "15"
