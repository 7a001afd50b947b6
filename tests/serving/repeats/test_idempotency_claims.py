"""Who has a key: a claim of a clock that was ahead, one of a clock that is a little ahead, and one that is newer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import START

from serving.database.engine import open_database, reading, writing
from serving.database.leases import SLACK
from serving.errors import InProgress, TakenOver
from serving.repeats.idempotency import NAMED, Answer, Asked, Claimed, begin, finish, forget_answers, give_up

LEASE = timedelta(seconds=60)
ASKED = Asked("key:1", "POST /v1/predictions", "k", "f" * 64)
ANSWER = Answer(200, {}, b"{}")


def claimed(engine: Engine, *accounts: str, after: timedelta = timedelta(0)) -> Claimed:
    found = begin(engine, ASKED, START + after, LEASE, accounts)
    assert isinstance(found, Claimed)
    return found


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_a_claim_of_a_clock_that_was_far_ahead_is_taken_over(engine: Engine, ahead: timedelta) -> None:
    wrong = claimed(engine, after=ahead)
    right = claimed(engine)
    with pytest.raises(TakenOver), writing(engine) as connection:
        finish(connection, wrong, ANSWER, START + ahead)
    with writing(engine) as connection:
        finish(connection, right, ANSWER, START)


def test_a_claim_of_a_clock_that_is_a_little_ahead_is_respected(engine: Engine) -> None:
    claimed(engine, after=SLACK)
    with pytest.raises(InProgress) as waiting:
        begin(engine, ASKED, START, LEASE)
    assert waiting.value.seconds == (SLACK + LEASE).total_seconds()
    claimed(engine, after=SLACK + LEASE)


def test_accounts_are_noted_from_the_beginning(engine: Engine) -> None:
    first = claimed(engine, "A1", "A2", "A1")
    with writing(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(NAMED)).scalar_one() == 2
        assert forget_answers(connection, "A2") == {"repeated_answers": 1}
    with pytest.raises(TakenOver), writing(engine) as connection:
        finish(connection, first, ANSWER, START)
    with reading(engine) as connection:
        assert connection.execute(sa.select(NAMED)).all() == []
    claimed(engine)


def test_a_newer_claim_of_another_is_left_alone(postgres_url: str) -> None:
    """The claim in the way goes, and another begins, just before and after it is looked for; SQLite has one writer."""
    engine, other = open_database(postgres_url), open_database(postgres_url)
    first, newer = claimed(engine), []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT idempotency."):
            give_up(other, first)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def _after(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT idempotency.") and not newer:
            newer.append(claimed(other))

    with pytest.raises(InProgress):
        begin(engine, ASKED, START, LEASE)
    with writing(other) as connection:
        finish(connection, newer[0], ANSWER, START)
    assert begin(engine, ASKED, START, LEASE) == ANSWER
    engine.dispose()
    other.dispose()
