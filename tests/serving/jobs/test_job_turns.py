"""Keys take turns, whatever the size of their jobs; and one key may only have so much waiting."""

from __future__ import annotations

from itertools import groupby

import pytest
from sqlalchemy.engine import Engine
from support.bulk import START, Clock, Quick, job_of, names, run_to_the_end, runner_of, sent

from serving.database.engine import reading
from serving.errors import QuotaReached
from serving.jobs.claims import claim_chunk
from serving.jobs.ledger import CHUNK, cancel_job
from serving.jobs.quota import LEAST_SECONDS, UNKNOWN_SECONDS, demand_room
from serving.jobs.turns import REMEMBERED, Candidate, Turns

LARGE = 6 * CHUNK


def large(engine: Engine, principal: str, prefix: str) -> None:
    job_of(engine, (sent(f"{prefix}{name}") for name in names(LARGE)), principal)


def letters(predictor: Quick) -> str:
    """Return the first letter of each chunk's accounts, in the order in which the chunks were scored."""
    return "".join(call[0][0] for call in predictor.calls)


def test_a_small_job_does_not_wait_for_another_keys_large_ones(engine: Engine) -> None:
    predictor = Quick()
    runner = runner_of(engine, predictor)
    large(engine, "key:a", "X")
    large(engine, "key:a", "Y")
    assert runner.step()
    job_of(engine, [sent("small")], "key:b")
    assert runner.step()
    assert letters(predictor) == "Xs"


def test_keys_take_turns_chunk_by_chunk(engine: Engine) -> None:
    predictor = Quick()
    for principal, prefix in (("key:a", "X"), ("key:b", "Y"), ("key:c", "Z")):
        large(engine, principal, prefix)
    run_to_the_end(runner_of(engine, predictor))
    assert letters(predictor) == "XYZ" * 6


def test_jobs_of_one_key_take_turns_too(engine: Engine) -> None:
    predictor = Quick()
    large(engine, "key:a", "X")
    job_of(engine, [sent("small")], "key:a")
    run_to_the_end(runner_of(engine, predictor))
    assert letters(predictor) == "XsXXXXX"


def test_many_small_jobs_do_not_hold_up_a_large_one(engine: Engine) -> None:
    """Who makes a new job after each one is served is no newcomer each time."""
    predictor = Quick()
    runner = runner_of(engine, predictor)
    large(engine, "key:a", "X")
    for number in range(6):
        job_of(engine, [sent(f"small{number}")], "key:b")
        assert runner.step() and runner.step()
    assert [len(list(run)) for _, run in groupby(letters(predictor))] == [1] * 12


def test_without_turns_the_oldest_chunk_comes_first(engine: Engine) -> None:
    large(engine, "key:a", "X")
    large(engine, "key:b", "Y")
    claims = [claim_chunk(engine, START) for _ in range(2)]
    assert [claim.first for claim in claims if claim is not None] == [0, CHUNK]


def test_turns_remember_only_so_many() -> None:
    turns = Turns()
    for number in range(REMEMBERED):
        turns.took(Candidate("key:a", f"job {number}", number))
    assert turns.next_of([Candidate("key:a", "job 1", 1), Candidate("key:b", "new", 9)]).principal == "key:b"  # type: ignore[union-attr]
    assert turns.next_of([]) is None


def room(engine: Engine, accounts: int, clock: Clock, principal: str = "key:a") -> None:
    with reading(engine) as connection:
        demand_room(connection, principal, accounts, 2 * LARGE, 3, clock())


def test_a_key_with_too_many_waiting_accounts_has_to_come_back(engine: Engine) -> None:
    clock = Clock()
    large(engine, "key:a", "X")
    room(engine, LARGE, clock)
    with pytest.raises(QuotaReached, match=f"{LARGE} accounts in 1 jobs of this key wait already") as raised:
        room(engine, LARGE + 1, clock)
    assert raised.value.seconds == UNKNOWN_SECONDS
    room(engine, LARGE + 1, clock, "key:b")


def test_a_key_with_too_many_waiting_jobs_has_to_come_back(engine: Engine) -> None:
    for _ in range(3):
        job_of(engine, [sent("A")], "key:a")
    with pytest.raises(QuotaReached):
        room(engine, 1, Clock())


def test_a_key_with_nothing_waiting_may_make_any_job(engine: Engine) -> None:
    job = job_of(engine, map(sent, names(LARGE)), "key:a")
    cancel_job(engine, job.job_id, None, START, START - START)
    room(engine, 100 * LARGE, Clock())


def test_how_long_to_wait_follows_from_the_pace(engine: Engine) -> None:
    clock = Clock()
    large(engine, "key:a", "X")
    runner = runner_of(engine, Quick(), clock)
    assert runner.step() and runner.step()
    clock.move(seconds=10)
    with pytest.raises(QuotaReached) as raised:
        room(engine, 3 * LARGE, clock)
    # Two chunks took 10 seconds; LARGE - 2 chunks wait, of which 2 * LARGE - 3 * LARGE would have to be gone.
    assert raised.value.seconds == round((LARGE - 2 * CHUNK + LARGE) / (2 * CHUNK / 10))
    clock.move(days=1)
    run_to_the_end(runner)
    for _ in range(3):
        job_of(engine, [sent("A")], "key:a", clock())
    with pytest.raises(QuotaReached) as raised:
        room(engine, 1, clock)
    assert raised.value.seconds in (UNKNOWN_SECONDS, LEAST_SECONDS)


def test_the_quota_counts_what_waits_and_not_what_is_done(engine: Engine) -> None:
    large(engine, "key:a", "X")
    runner = runner_of(engine, Quick())
    for _ in range(5):
        assert runner.step()
    room(engine, 2 * LARGE - CHUNK, Clock())
    with pytest.raises(QuotaReached):
        room(engine, 2 * LARGE - CHUNK + 1, Clock())
