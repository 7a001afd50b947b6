"""Who read which account: written beside the answers, in full at the end, kept for a time, without names in logs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from serving.access import audit
from serving.access.audit import ReadAudit
from serving.access.reads import list_reads, pseudonymise_reads, purge_reads
from serving.database.engine import reading, writing
from serving.errors import StoreUnavailable

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def read_in(engine: Engine, **asked: object) -> list[tuple[str | None, str, str]]:
    with reading(engine) as connection:
        found = list_reads(connection, **asked)  # type: ignore[arg-type]
    return [(row["account_id"], row["principal"], row["what"]) for row in found]


def test_notes_are_written_by_the_thread_and_at_its_end(engine: Engine) -> None:
    reads = ReadAudit(engine, YEAR)
    reads.start()
    reads.note("key:1", "/v1/accounts", "list", [f"A{n}" for n in range(5000)], "r1")
    reads.note("key:2", "/v1/accounts/{account_id}/risk", "risk", ["ä/ö\x00"], "r2")
    reads.note("key:2", "/v1/accounts", "list", [], "r3")
    reads.stop()
    found = read_in(engine)
    assert len(found) == 5001 and found[0] == ("ä/ö\x00", "key:2", "risk")
    assert {account for account, *_ in found[1:]} == {f"A{n}" for n in range(5000)}
    assert read_in(engine, account_id="A7") == [("A7", "key:1", "list")]


def test_it_is_asked_by_account_reader_and_day(engine: Engine) -> None:
    days = iter([AT, AT + timedelta(days=1), AT + timedelta(days=2)])
    reads = ReadAudit(engine, YEAR, now=lambda: next(days))
    for reader, account in (("key:1", "A"), ("key:2", "A"), ("key:2", "B")):
        reads.note(reader, "/r", "risk", [account], "r")
    reads.flush()
    assert read_in(engine, account_id="A") == [("A", "key:2", "risk"), ("A", "key:1", "risk")]
    assert read_in(engine, principal="key:2") == [("B", "key:2", "risk"), ("A", "key:2", "risk")]
    assert read_in(engine, since=AT + timedelta(days=2)) == [("B", "key:2", "risk")]
    assert read_in(engine, limit=1) == [("B", "key:2", "risk")]
    with writing(engine) as connection:
        assert purge_reads(connection, AT + timedelta(days=1)) == 1
    assert len(read_in(engine)) == 2


def test_old_lines_go_by_themselves(engine: Engine) -> None:
    now = [AT]
    reads = ReadAudit(engine, timedelta(days=30), now=lambda: now[0])
    reads.note("key:1", "/r", "risk", ["A"], "r")
    reads._round()
    now[0] += timedelta(days=31)
    reads.note("key:1", "/r", "risk", ["B"], "r")
    reads._round()
    assert [account for account, *_ in read_in(engine)] == ["B"]


def test_a_forgotten_account_is_a_digest_that_who_knows_it_still_finds(engine: Engine) -> None:
    reads = ReadAudit(engine, YEAR, now=lambda: AT)
    reads.note("key:1", "/r", "list", ["A", "B"], "r")
    reads.flush()
    with writing(engine) as connection:
        assert pseudonymise_reads(connection, "A") == 1
        assert pseudonymise_reads(connection, "A") == 0
    assert read_in(engine, account_id="A") == [(None, "key:1", "list")]
    assert sorted(str(account) for account, *_ in read_in(engine)) == ["B", "None"]


def test_while_the_database_is_away_notes_wait_up_to_a_limit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reads, away = ReadAudit(engine, YEAR, now=lambda: AT, most=10), [True]
    write = audit.write_reads

    def failing(*arguments: object) -> None:
        if away[0]:
            raise StoreUnavailable("away")
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "write_reads", failing)
    with caplog.at_level(logging.WARNING, "churn_risk.audit"):
        for number in range(14):
            reads.note("key:1", "/r", "risk", [f"SECRET-{number}"], "r")
            reads._round()
        away[0] = False
        reads._round()
    assert [account for account, *_ in read_in(engine)] == [f"SECRET-{number}" for number in range(13, 3, -1)]
    lost = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert sum(record.args[0] for record in lost) == 4  # type: ignore[index, misc]
    assert "SECRET" not in caplog.text


def test_a_note_waits_for_no_database(engine: Engine) -> None:
    """While somebody else writes, notes are taken at once: an answer is not slowed."""
    reads = ReadAudit(engine, YEAR, now=lambda: AT)
    with writing(engine):
        reads.note("key:1", "/r", "risk", ["A"], "r")
    reads.flush()
    assert len(read_in(engine)) == 1
