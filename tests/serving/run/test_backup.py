"""Backup and restore: the same rows in either database, whole or not at all, damaged files refused."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from support.served import ROOT, Done, run_command
from support.stored import DAY, MODEL, SCORE, opened, put, scores

from serving.access.keys import KeyStore
from serving.access.reads import Read, write_reads
from serving.database import migrate as migrations
from serving.database.engine import connect, open_database, reading, writing
from serving.database.metadata import metadata
from serving.database.migrate import scripts
from serving.errors import BackupUnusable, DatabaseTooNew, StoreUnavailable
from serving.repeats.idempotency import Asked, begin
from serving.run import backup as backups
from serving.run.backup import back_up, restore
from serving.scoring.scores import Score

Run = Callable[..., Done]
EVIDENCE = {"A1": {"account": {"name": "Müller \x00 & Söhne"}, "text": "x" * 5000}}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str) -> Run:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", database_url)
    return lambda *words: run_command(monkeypatch, capsys, "store", *words)


def fill(url: str) -> None:
    """Put rows into a database: two runs, a key, lines of the audit, a claim whose headers are null."""
    with opened(url) as store:
        put(store, *scores(1200), evidence=EVIDENCE)
        put(store, *scores(3, as_of=DAY + timedelta(days=1)), evidence=EVIDENCE)
        KeyStore(store.engine).create(["read"], "Anna", name="\x10 CRM")
        begin(store.engine, Asked("key:1", "POST /v1/jobs", "k", "f"), SCORE.scored_at, timedelta(minutes=1), ["A1"])
        with writing(store.engine) as connection:
            write_reads(connection, [Read(SCORE.scored_at, "key:1", "/r", "risk", ("A1", "A2"), "r")])


def content(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, and whether a column is SQL's null."""
    engine = connect(url)
    with reading(engine) as connection:
        found = {
            table.name: [
                dict(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in metadata.sorted_tables
        }
        nulls = sa.text("SELECT count(*) FROM idempotency WHERE headers IS NULL")
        found["nulls"] = [{"headers": connection.execute(nulls).scalar_one()}]
    engine.dispose()
    return found


def test_what_is_restored_is_what_was_backed_up(run: Run, database_url: str, tmp_path: Path) -> None:
    fill(database_url)
    before, file = content(database_url), tmp_path / "backup" / "monday.db"
    done = run("backup", file, "--json").result
    assert done["revision"] == scripts().get_current_head() and done["rows"]["scores"] == 1203
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and [path.name for path in file.parent.iterdir()] == ["monday.db"]
    with opened(database_url) as store:
        put(store, *scores(7, as_of=DAY + timedelta(days=9)))
        KeyStore(store.engine).create(["admin"])
        last = store.page().rows
        assert len(last) == 7
        assert run("restore", file, "--json").result == done
        assert content(database_url) == before
        assert [row.as_of for row in store.page().rows] == [DAY + timedelta(days=1)] * 3, "in a store that is open"
        put(store, *scores(2, as_of=DAY + timedelta(days=20)))
        numbers = [row["run_id"] for row in content(database_url)["score_runs"]]
        assert len(set(numbers)) == 3
    said = run("backup", file)
    assert said.code == 0 and said.out == "" and "1,205 scores" in said.err


@pytest.mark.server
def test_from_either_database_into_the_other(postgres_url: str, tmp_path: Path) -> None:
    small = f"sqlite:///{tmp_path / 'scores.db'}"
    fill(postgres_url)
    there = content(postgres_url)
    back_up(postgres_url, tmp_path / "one.db")
    restore(small, tmp_path / "one.db")
    assert content(small) == there
    back_up(small, tmp_path / "two.db")
    with opened(postgres_url) as store:
        put(store, *scores(5, as_of=DAY + timedelta(days=9)))
    restore(postgres_url, tmp_path / "two.db")
    assert content(postgres_url) == there
    with opened(postgres_url) as store:
        put(store, *scores(1, as_of=DAY + timedelta(days=30)))
    assert content(postgres_url)["score_runs"][-1]["run_id"] == 4, "no number of a run is given out twice"


def test_all_tables_are_known() -> None:
    """In a process that has loaded nothing but the backup: a table that no import brings would be left out."""
    code = "import serving.run.backup; from serving.database.metadata import metadata; print(*sorted(metadata.tables))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    engine = open_database("sqlite://")
    assert set(done.stdout.split()) == set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()


def damaged(kind: str, good: Path, path: Path) -> None:
    """Write a file that is no sound backup."""
    shutil.copyfile(good, path)
    if kind == "cut":
        os.truncate(path, path.stat().st_size // 2)
    elif kind == "scribbled":
        with path.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 40_000)
    elif kind == "text":
        path.write_text("no database\n" * 1000)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "foreign":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE things (id)")
    elif kind == "loose":
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM score_runs WHERE run_id = 1")
    elif kind == "newer":
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
    else:
        path.unlink()


@pytest.mark.parametrize("kind_of_file", ["cut", "scribbled", "text", "empty", "foreign", "loose", "newer", "absent"])
def test_a_file_that_is_no_sound_backup_changes_nothing(
    run: Run, database_url: str, tmp_path: Path, kind_of_file: str
) -> None:
    fill(database_url)
    before, file = content(database_url), tmp_path / "backup.db"
    back_up(database_url, tmp_path / "good.db")
    damaged(kind_of_file, tmp_path / "good.db", file)
    done = run("restore", file)
    assert done.code == (1 if kind_of_file == "newer" else 2) and str(file) in done.err.replace("\n", "")
    assert content(database_url) == before
    with pytest.raises(DatabaseTooNew if kind_of_file == "newer" else BackupUnusable):
        restore(database_url, file)
    assert not [path.name for path in (tmp_path / "folder").glob(".*")], "nothing half-written is left"


def test_a_restore_that_fails_halfway_changes_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url)
    back_up(database_url, tmp_path / "backup.db")
    with opened(database_url) as store:
        put(store, *scores(2, as_of=DAY + timedelta(days=9)))
    before = content(database_url)
    if database_url.startswith("sqlite"):
        monkeypatch.setattr(backups, "BUSY_SECONDS", 0)
        engine = connect(database_url)
        with writing(engine) as connection, pytest.raises(StoreUnavailable, match="somebody else"):
            connection.execute(sa.text("UPDATE score_runs SET accounts = accounts"))
            restore(database_url, tmp_path / "backup.db")
        engine.dispose()
    else:
        monkeypatch.setattr("serving.database.transfer._raise_sequence", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore(database_url, tmp_path / "backup.db")
    assert content(database_url) == before


#: Restores in a process of its own, as often as it is told: forked, since starting one costs more than a restore.
RESTORING = """
import os, sys
from pathlib import Path
from serving.run.backup import restore
for _ in sys.stdin:
    child = os.fork()
    if not child:
        restore(sys.argv[1], Path(sys.argv[2]))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


@pytest.mark.server
def test_a_restore_that_is_killed_is_whole_or_nothing(database_url: str, tmp_path: Path) -> None:
    fill(database_url)
    back_up(database_url, tmp_path / "backup.db")
    with opened(database_url) as store:
        put(store, *scores(2, as_of=DAY + timedelta(days=9)))
    before, after = content(database_url), None
    command = [sys.executable, "-c", RESTORING, database_url, str(tmp_path / "backup.db")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdin is not None and started.stdout is not None
        for moment in (0.02, 0.1, 0.2, 0.4):
            started.stdin.write(b"again\n")
            started.stdin.flush()
            child = int(started.stdout.readline())
            if not select.select([started.stdout], [], [], moment)[0]:
                os.kill(child, signal.SIGKILL)
            assert started.stdout.readline() == b"over\n"
            found = content(database_url)
            after = after or (found if found != before else None)
            assert found in (before, after)
            assert len(found["score_runs"]) == (3 if found == before else 2)
        started.stdin.close()
        assert started.wait(60) == 0


@pytest.mark.parametrize("state", ["deleted", "cut", "text", "with an old log"])
def test_a_store_that_is_gone_or_damaged_is_made_anew(tmp_path: Path, state: str) -> None:
    path = tmp_path / "home" / "scores.db"
    url = f"sqlite:///{path}"
    fill(url)
    before = content(url)
    back_up(url, tmp_path / "backup.db")
    with opened(url) as store:
        if state == "with an old log":
            put(store, *scores(9, as_of=DAY + timedelta(days=9)))
            left = path.with_name("scores.db-wal").read_bytes()
            assert left
        for file in path.parent.iterdir():
            file.unlink()
        if state == "with an old log":
            path.with_name("scores.db-wal").write_bytes(left)
        elif state != "deleted":
            damaged(state, tmp_path / "backup.db", path)
            os.truncate(path, 2000)
        with pytest.raises(StoreUnavailable):
            store.page()
        restore(url, tmp_path / "backup.db")
        assert content(url) == before
        assert len(store.page().rows) == 3, "an open store finds the new file"
        put(store, *scores(1, as_of=DAY + timedelta(days=10)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    engine = connect(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        values = "'evt_1', 't', 'A1', 1, '2026-01-01T00:00:00.000000+00:00', '{}'"
        connection.execute(sa.text(f"INSERT INTO events VALUES ({values})"))
    engine.dispose()
    assert restore(database_url, file).revision == scripts().get_current_head()
    assert [row["event_id"] for row in content(database_url)["events"]] == ["evt_1"]
    with closing(sqlite3.connect(file)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == ("0005",), "the file stays"


def test_a_backup_is_one_state_of_a_store_that_is_written(database_url: str, tmp_path: Path) -> None:
    """A run that is half written is there unpublished; nothing of a later transaction is."""
    taken = []

    def backing_up() -> Iterator[Score]:
        yield from scores(700)
        taken.append(back_up(database_url, tmp_path / "backup.db"))
        yield from scores(800)[700:]

    with opened(database_url) as store:
        put(store, SCORE)
        store.write(backing_up(), {}, MODEL, DAY + timedelta(days=1), SCORE.scored_at)
        assert taken[0].rows["scores"] == 501
        restore(database_url, tmp_path / "backup.db")
        assert [row.account_id for row in store.page().rows] == ["A1"]
        assert store.purge().abandoned == 1


def test_what_cannot_be_backed_up(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, file = tmp_path / "scores.db", tmp_path / "backup.db"
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"sqlite:///{path}")
    file.write_text("the backup of yesterday")
    assert run("backup", file).code == 2 and not path.exists(), "no empty database is made and backed up"
    fill(f"sqlite:///{path}")
    assert run("backup", path).code == 2 and run("restore", path).code == 2
    damaged("scribbled", path, tmp_path / "other.db")
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert run("backup", file).code == 2
    assert file.read_text() == "the backup of yesterday", "a good backup is not replaced by a bad one"
