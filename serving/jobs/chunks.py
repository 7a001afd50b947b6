"""One chunk of a job -> an outcome for each of its accounts: every account is judged and scored as if it were alone.

The accounts are scored together, each as a call of its own: it gets what a prediction would answer for it alone, its
score or its refusal, with the account's place in the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal

from pydantic import ValidationError

from serving.errors import Refusal
from serving.faults import Fault
from serving.jobs.claims import Outcome, Waiting
from serving.predict.history import AccountHistory
from serving.predict.predictor import Call, Predictor
from serving.scoring.scores import Score
from serving.words.short_reasons import short_reasons

#: Raised by what is no account's own fault: the clock went back behind as_of, a file cannot be read, memory is short.
OURS = (Refusal, OSError, MemoryError)
FIELDS = tuple(field.name for field in fields(Score))
#: Most faults of an account that are kept.
MOST_FAULTS = 100
Code = Literal["refused", "invalid-request", "internal"]
log = logging.getLogger("churn_risk.jobs")


@dataclass(frozen=True)
class Failure:
    """Why an account has no score: what kind of failure it is, a sentence, and what is wrong where in the account."""

    code: Code
    detail: str
    faults: Sequence[Fault]

    def outcome(self, number: int) -> Outcome:
        """Return it as what came of the account of that number in the job."""
        errors = [{"pointer": fault.pointer(number), "detail": fault.detail} for fault in self.faults[:MOST_FAULTS]]
        return Outcome(number, "failed", {"problem": {"code": self.code, "detail": self.detail, "errors": errors}})


def score_chunk(waiting: Sequence[Waiting], predictor: Predictor, as_of: date) -> list[Outcome]:
    """Return the outcome of every account of a chunk."""
    outcomes: list[Outcome] = []
    sound: dict[int, Any] = {}
    for account in waiting:
        history = _read(account)
        if isinstance(history, Failure):
            outcomes.append(history.outcome(account.number))
        else:
            sound[account.number] = history
    calls = [Call([history], as_of) for history in sound.values()]
    for number, answer in zip(sound, predictor.predict_each(calls) if calls else (), strict=True):
        outcomes.append(_refused(number, answer) if isinstance(answer, Refusal) else _scored(number, answer[0]))
    return outcomes


def score_one_by_one(
    waiting: Sequence[Waiting], predictor: Predictor, as_of: date, alive: Callable[[], None]
) -> tuple[list[Outcome], bool]:
    """Return every outcome, and whether one of them is a failure of ours, which keeps no other account from a score.

    Parameters
    ----------
    alive : callable
        Called before each account; what it raises ends the work.

    Raises
    ------
    Refusal, OSError, MemoryError
        What is no account's own fault: it passes, and then the accounts can be scored.
    """
    outcomes, failed = [], False
    for account in waiting:
        alive()
        try:
            outcomes += score_chunk([account], predictor, as_of)
        except OURS:
            raise
        except Exception:
            log.exception("account %d of a job cannot be scored", account.number)
            outcomes.append(not_scored(account))
            failed = True
    return outcomes, failed


def not_scored(waiting: Waiting) -> Outcome:
    """Return the outcome of an account that could not be scored by a failure of ours."""
    detail = "an unexpected failure; it is logged, and the account was given up"
    return Failure("internal", detail, [Fault(0, (), "not scored")]).outcome(waiting.number)


def _read(account: Waiting) -> Any:
    """Return the account's history, or why it cannot be read."""
    if account.twice:
        faults = [Fault(0, ("account", "account_id"), "stands there twice")]
        return Failure("refused", "an earlier account of the job has the same id", faults)
    try:
        return AccountHistory.model_validate(account.sent)
    except ValidationError as error:
        return _invalid(error)


def _invalid(error: ValidationError) -> Failure:
    faults = [
        Fault(0, details["loc"], details["msg"].removeprefix("Value error, "))
        for details in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    count = len(faults)
    detail = f"{count} field{' is' if count == 1 else 's are'} not as the contract has {'it' if count == 1 else 'them'}"
    return Failure("invalid-request", detail, faults)


def _refused(number: int, refusal: Refusal) -> Outcome:
    """Return a refusal of an account; one that is not the account's own (the clock went back) is raised."""
    if any(fault.account is None for fault in refusal.faults):
        raise refusal
    return Failure("refused", str(refusal), refusal.faults).outcome(number)


def _scored(number: int, score: Score) -> Outcome:
    return Outcome(number, "done", {name: getattr(score, name) for name in FIELDS} | short_reasons(score))
