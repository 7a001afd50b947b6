"""One chunk of a job -> an outcome for each of its accounts: every account is validated and scored separately.

The predictor scores the accounts together, but each as its own call. So an account gets the same score or refusal as in
a prediction for it alone, with the account's place in the job.
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
from serving.jobs.results import KEPT, SAID
from serving.predict.fault_words import sentence
from serving.predict.history import AccountHistory
from serving.predict.predictor import Call, Predictor
from serving.predict.readings import reading_of
from serving.predict.told_records import told_records
from serving.scoring.scores import Score
from serving.words.formats import LANGS
from serving.words.short_reasons import short_reasons

#: Errors that no account causes: the clock was set back behind as_of, a file cannot be read, memory is short.
OURS = (Refusal, OSError, MemoryError)
FIELDS = tuple(field.name for field in fields(Score))
#: Maximum number of an account's faults that are kept.
MOST_FAULTS = 100
Code = Literal["refused", "invalid-request", "internal"]
log = logging.getLogger("churn_risk.jobs")


@dataclass(frozen=True)
class Failure:
    """Why an account has no score: the kind of failure, a sentence, and the faults with their places."""

    code: Code
    detail: str
    faults: Sequence[Fault]

    def outcome(self, number: int) -> Outcome:
        """Return the failure as the outcome of the account with that number in the job."""
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
        outcomes.append(
            _refused(number, answer)
            if isinstance(answer, Refusal)
            else _scored(number, answer[0], predictor, sound[number])
        )
    return outcomes


def score_one_by_one(
    waiting: Sequence[Waiting], predictor: Predictor, as_of: date, alive: Callable[[], None]
) -> tuple[list[Outcome], bool]:
    """Return every outcome, and whether one is an unexpected failure, which does not affect the other accounts.

    Parameters
    ----------
    waiting : sequence of Waiting
        The accounts to score.
    as_of : date
        The as-of date of the job.
    alive : callable
        Called before each account; when it raises, the work ends.

    Raises
    ------
    Refusal, OSError, MemoryError
        For an error that no account causes: it passes, and then the accounts can be scored.
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
    """Return the outcome of an account that an unexpected failure kept from a score."""
    detail = "an unexpected failure; it is logged, and the account was given up"
    return Failure("internal", detail, [Fault(0, (), "not scored")]).outcome(waiting.number)


def _read(account: Waiting) -> Any:
    """Return the account's history, or the Failure when it cannot be read."""
    if account.twice:
        faults = [Fault(0, ("account", "account_id"), "stands there twice")]
        return Failure("refused", "an earlier account of the job has the same id", faults)
    try:
        return AccountHistory.model_validate(account.sent)
    except ValidationError as error:
        return _invalid(error)


def _invalid(error: ValidationError) -> Failure:
    faults = [Fault(0, details["loc"], sentence(details)) for details in error.errors(include_url=False)]
    count = len(faults)
    detail = f"{count} field{' is' if count == 1 else 's are'} not as the contract has {'it' if count == 1 else 'them'}"
    return Failure("invalid-request", detail, faults)


def _refused(number: int, refusal: Refusal) -> Outcome:
    """Return the outcome of a refusal; raises a refusal that the account does not cause (the clock was set back)."""
    if any(fault.account is None for fault in refusal.faults):
        raise refusal
    return Failure("refused", str(refusal), refusal.faults).outcome(number)


def _scored(number: int, score: Score, predictor: Predictor, history: Any) -> Outcome:
    """Return a score as an outcome: in words of every language, since the records that they tell of are not kept."""
    records = told_records(history, score.as_of)
    said = {lang: short_reasons(score, records, lang) for lang in LANGS}
    kept = {name: getattr(score, name) for name in FIELDS} | said.pop(KEPT)
    reading = reading_of(history, score.as_of, predictor.categories)
    kept |= {"model_grade": predictor.grade, SAID: said}
    return Outcome(number, "done", kept, history.cut, history.doubts, reading)
