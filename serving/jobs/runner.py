"""The thread that scores jobs, one in each worker: it claims a chunk, scores it, writes it, and claims the next.

Any number of runners may work on one database; keys take turns (`turns`). Between chunks the thread checks whether it
has to stop and whether predictions wait, and makes room for these. It also deletes expired jobs and expired answers to
repeated requests. A cancelled job has no chunks any more, so the thread finds none of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.engine import Engine

from serving import metrics
from serving.clock import utc_now
from serving.errors import ClaimLost, StoreUnavailable
from serving.jobs.chunks import not_scored, score_chunk, score_one_by_one
from serving.jobs.claims import (
    LEASE,
    Claim,
    Outcome,
    Scorer,
    claim_chunk,
    finish_claim,
    postpone_claim,
    release_claim,
    renew_claim,
    waiting_accounts,
)
from serving.jobs.ledger import delete_expired_jobs
from serving.jobs.turns import Turns
from serving.loops import Loop
from serving.predict.doubtful_records import doubts_of
from serving.predict.predictor import Predictor
from serving.predict.readings import cautions_of_readings
from serving.repeats.idempotency import delete_expired_records
from serving.scoring.cautions import cut_dates, invoices_ended, last_invoice_age

log = logging.getLogger("churn_risk.jobs")


@dataclass(frozen=True)
class Pace:
    """How a runner works.

    Attributes
    ----------
    lease : timedelta
        How long a claim is valid; renewed while the accounts are scored one by one.
    attempts : int
        How often a chunk is claimed before its accounts are given up. The last attempt scores each account alone and
        gives up only those that fail by themselves.
    pause : timedelta
        Time before a failed chunk is claimed again; four times as long after each further failure.
    longest_pause : timedelta
        Upper limit of the pauses, less than `serving.database.leases.SLACK`.
    idle : timedelta
        Time between two searches for work.
    patience : timedelta
        Maximum time that a chunk waits for predictions to be answered.
    expiry : timedelta
        Time between two deletions of expired jobs and answers.
    """

    lease: timedelta = LEASE
    attempts: int = 5
    pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(minutes=4)
    idle: timedelta = timedelta(seconds=1)
    patience: timedelta = timedelta(seconds=2)
    expiry: timedelta = timedelta(minutes=10)


PACE = Pace()
#: Seconds between two checks whether predictions still wait.
MOMENT = 0.02


def nobody_waits() -> bool:
    """Return False: no prediction waits."""
    return False


class JobRunner:
    """Scores jobs in its own thread.

    Parameters
    ----------
    engine : Engine
    predictor : callable
        Returns the current predictor; called once per chunk.
    keep : timedelta
        How long results stay once a job is finished.
    busy : callable
        Returns whether predictions wait for an answer.
    now : callable
        The clock for leases and expiry.
    pace : Pace
    """

    def __init__(
        self,
        engine: Engine,
        predictor: Callable[[], Predictor],
        keep: timedelta = timedelta(days=7),
        busy: Callable[[], bool] = nobody_waits,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = PACE,
    ) -> None:
        self._engine, self._predictor, self._keep = engine, predictor, keep
        self._busy, self._now, self._pace = busy, now, pace
        self._loop = Loop("job-runner", self._round, pace.idle.total_seconds(), log, "a chunk of a job failed")
        self._holding = Lock()
        self._claim: Claim | None = None
        self._expired_at: datetime | None = None
        self._turns = Turns()

    def start(self) -> None:
        """Start the thread, which works until `stop`."""
        self._loop.start()

    def stop(self, seconds: float | None = 30.0) -> None:
        """Finish the current chunk and claim no other; a chunk that is not finished in time is given back."""
        self._loop.stop(seconds)
        with self._holding:
            if self._claim is not None:
                self._give_back(self._claim)

    def step(self) -> bool:
        """Score one chunk and return whether there was one; delete expired jobs and answers when that is due."""
        self._delete_expired()
        self._make_room()
        if self._loop.stopping.is_set():
            return False
        claim = claim_chunk(self._engine, self._now(), self._pace.lease, self._turns)
        if claim is None:
            return False
        with self._holding:
            self._claim = claim
        try:
            self._score(claim)
        finally:
            with self._holding:
                self._claim = None
        return True

    def _round(self) -> bool:
        try:
            return self.step()
        except StoreUnavailable as error:
            log.warning("jobs wait for the database: %s", error)
            return False

    def _make_room(self) -> None:
        """Wait while predictions wait, but only for a limited time: a busy service must finish its jobs too."""
        for _ in range(round(self._pace.patience.total_seconds() / MOMENT)):
            if not self._busy() or self._loop.stopping.wait(MOMENT):
                return

    def _score(self, claim: Claim) -> None:
        try:
            done = self._outcomes(claim)
        except ClaimLost:
            log.info("a chunk of job %s is no longer ours", claim.job_id)
        except StoreUnavailable:
            self._give_back(claim)
            raise
        except Exception:
            log.exception("scoring accounts %d to %d of job %s failed", claim.first, claim.last, claim.job_id)
            self._postpone(claim)
        else:
            self._write(claim, done)

    def _postpone(self, claim: Claim) -> None:
        """Postpone a chunk; a last attempt that fails as a whole, through no account's fault, does not count."""
        wait = min(self._pace.pause * 4 ** (claim.attempts - 1), self._pace.longest_pause)
        last = claim.attempts == self._pace.attempts
        postpone_claim(self._engine, claim, self._now() + wait, counted=not last)

    def _outcomes(self, claim: Claim) -> _Done:
        """Score a chunk; the last attempt scores each account alone, and later ones (after crashes) score none."""
        waiting = waiting_accounts(self._engine, claim)
        if claim.attempts > self._pace.attempts:
            return _Done([not_scored(account) for account in waiting], None, True)
        predictor = self._predictor()

        def alive() -> None:
            if not renew_claim(self._engine, claim, self._now(), self._pace.lease):
                raise ClaimLost(f"job {claim.job_id}, accounts {claim.first} to {claim.last}")

        if claim.attempts < self._pace.attempts:
            outcomes, failed = score_chunk(waiting, predictor, claim.as_of), False
        else:
            outcomes, failed = score_one_by_one(waiting, predictor, claim.as_of, alive)
        return _Done(outcomes, _scorer(predictor, outcomes), failed)

    def _write(self, claim: Claim, done: _Done) -> None:
        try:
            kept = finish_claim(self._engine, claim, done.outcomes, done.scorer, self._now(), self._keep, done.given_up)
        except StoreUnavailable:
            self._give_back(claim)
            raise
        if kept:
            metrics.cautioned(caution.code for caution in (done.scorer.cautions if done.scorer else ()))
            for outcome in done.outcomes:
                if outcome.state == "done":
                    metrics.predicted(outcome.found["band"], outcome.found["missing_tables"])
        else:
            log.info("a chunk of job %s was scored by another worker, or the job was cancelled", claim.job_id)

    def _give_back(self, claim: Claim) -> None:
        """Give a claim back; if the database cannot be written, the lease runs out later."""
        try:
            release_claim(self._engine, claim)
        except StoreUnavailable as error:
            log.warning("a claim could not be given back: %s", error)

    def _delete_expired(self) -> None:
        now = self._now()
        if self._expired_at is None or not timedelta(0) <= now - self._expired_at < self._pace.expiry:
            self._expired_at = now
            jobs, records = delete_expired_jobs(self._engine, now), delete_expired_records(self._engine, now)
            if jobs or records:
                log.info("deleted %d expired jobs and %d answers to repeated requests", jobs, records)


@dataclass(frozen=True)
class _Done:
    """The outcomes of a chunk, the model if it scored some of them, and whether accounts were given up."""

    outcomes: list[Outcome]
    scorer: Scorer | None
    given_up: bool


def _scorer(predictor: Predictor, outcomes: list[Outcome]) -> Scorer | None:
    done = [outcome.found for outcome in outcomes if outcome.state == "done"]
    if not done:
        return None
    found = predictor.cautions([score["value"] for score in done], {score["currency"] for score in done})
    found += cut_dates(outcome.cut for outcome in outcomes)
    found += doubts_of(outcomes)
    found += cautions_of_readings((each.reading for each in outcomes), predictor.categories)
    age = last_invoice_age(score["reasons"] for score in done)
    ended = None if age is None else invoices_ended(predictor.bundle.reference, age, done[0]["as_of"])
    return Scorer(predictor.bundle.version, predictor.grade, found, age is not None, ended)
