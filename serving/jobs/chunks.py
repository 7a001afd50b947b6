"""One chunk of a job -> an outcome for each of its accounts: every account is judged and scored as if it were alone.

The accounts are scored together, each as a call of its own: it gets what `POST /v1/predictions` would answer for it
alone, its score or its problem, with the account's place in the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from serving.api.edge.problems import MOST_ERRORS, FieldError, RequestProblem, pointer
from serving.jobs.claims import Outcome, Waiting
from serving.predict.history import AccountHistory
from serving.predict.predictor import Call, Predictor
from serving.scoring.scores import Score
from serving.words.short_reasons import short_reasons

#: Raised by what is no account's own fault: the clock went back behind as_of, a file cannot be read, memory is short.
OURS = (RequestProblem, OSError, MemoryError)
FIELDS = tuple(field.name for field in fields(Score))
log = logging.getLogger("churn_risk.jobs")


@dataclass(frozen=True)
class Fault:
    """Why an account has no score: the last part of the problem's type, a sentence, and the fields."""

    code: str
    detail: str
    errors: Sequence[FieldError]
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY

    def outcome(self, number: int) -> Outcome:
        """Return it as what came of an account."""
        problem = {
            "type": f"urn:churn-risk:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "errors": [error.model_dump() for error in self.errors[:MOST_ERRORS]],
        }
        return Outcome(number, "failed", {"problem": problem})


def score_chunk(waiting: Sequence[Waiting], predictor: Predictor, as_of: date) -> list[Outcome]:
    """Return the outcome of every account of a chunk."""
    found: list[Outcome] = []
    sound: dict[int, Any] = {}
    for account in waiting:
        read = _read(account)
        if isinstance(read, Fault):
            found.append(read.outcome(account.number))
        else:
            sound[account.number] = read
    calls = [Call([history], as_of) for history in sound.values()]
    for number, answer in zip(sound, predictor.predict_each(calls) if calls else (), strict=True):
        found.append(_refused(number, answer) if isinstance(answer, RequestProblem) else _scored(number, answer[0]))
    return found


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
    RequestProblem, OSError, MemoryError
        What is no account's own fault: it passes, and then the accounts can be scored.
    """
    found, failed = [], False
    for account in waiting:
        alive()
        try:
            found += score_chunk([account], predictor, as_of)
        except OURS:
            raise
        except Exception:
            log.exception("account %d of a job cannot be scored", account.number)
            found.append(not_scored(account))
            failed = True
    return found, failed


def not_scored(waiting: Waiting) -> Outcome:
    """Return the outcome of an account that could not be scored by a failure of ours."""
    place = FieldError(pointer=f"/accounts/{waiting.number}", detail="not scored")
    detail = "an unexpected failure; it is logged, and the account was given up"
    return Fault("internal", detail, [place], HTTPStatus.INTERNAL_SERVER_ERROR).outcome(waiting.number)


def _read(account: Waiting) -> Any:
    """Return the account's history, or its fault."""
    if account.twice:
        place = f"/accounts/{account.number}/account/account_id"
        errors = [FieldError(pointer=place, detail="stands there twice")]
        return Fault("refused", "an earlier account of the job has the same id", errors)
    try:
        return AccountHistory.model_validate(account.sent)
    except ValidationError as error:
        return _invalid(account.number, error)


def _invalid(number: int, error: ValidationError) -> Fault:
    place = ("body", "accounts", number)
    errors = [
        FieldError(pointer=pointer((*place, *item["loc"])), detail=item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    count = len(errors)
    detail = f"{count} field{' is' if count == 1 else 's are'} not as the contract has {'it' if count == 1 else 'them'}"
    return Fault("invalid-request", detail, errors)


def _refused(number: int, problem: RequestProblem) -> Outcome:
    """Return a problem of an account; one that is not the account's own (the clock went back) is raised."""
    if not all(error.pointer.startswith("/accounts/0") for error in problem.errors):
        raise problem
    errors = [
        FieldError(pointer=error.pointer.replace("/accounts/0", f"/accounts/{number}", 1), detail=error.detail)
        for error in problem.errors
    ]
    return Fault(problem.code, problem.title, errors).outcome(number)


def _scored(number: int, score: Score) -> Outcome:
    return Outcome(number, "done", {name: getattr(score, name) for name in FIELDS} | short_reasons(score))
