"""What the served model says of an account if something is done: both sides scored at the day after, no cause claimed.

The history comes along or is read from `CHURN_RISK_SOURCE`; the store's evidence is cut short and is no history. It
goes the way of a request: the same signals, the same model, in one batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool

from features.errors import AccountUnknown, EngineMissing, InputError, SourceGone
from serving import metrics
from serving.api.edge.problems import FieldError, RequestProblem, unavailable
from serving.api.edge.runtime import Runtime
from serving.clock import utc_now
from serving.errors import Overloaded, Refusal
from serving.faults import Fault, pointer
from serving.predict.account_records import history_in
from serving.predict.doubtful_records import doubts_of
from serving.predict.edits import Edit, edited, misfits
from serving.predict.last_records import cautions_of
from serving.predict.predictor import Call
from serving.predict.readings import readings_told
from serving.predict.told_records import Known, told_records
from serving.scoring.cautions import Caution, cut_dates
from serving.scoring.scores import Score
from serving.store import Stored
from serving.words.caution_words import kept_cautions

RETRY_SECONDS = 1
#: Days for which the records behind the last score are those of today; after that, what could be done is asked for the
#: day of the score, since a silence of months that nobody recorded would speak of the export, not of the account.
FRESH_DAYS = 31
log = logging.getLogger("churn_risk.api")


@dataclass(frozen=True)
class WhatIf:
    """Scores of the day after the edits.

    Attributes
    ----------
    edits : sequence of Edit
    edited_on, as_of : date
        The day of the edits, and the next day.
    before, after : Score
        Without the edits, and with all of them.
    alone : sequence of Score
        With each edit alone.
    told_before, told_after : mapping
        What sentences tell of the records of both; see `serving.predict.told_records`.
    cautions : sequence of Caution
        What to know beside them, as of a prediction of the records without the edits.
    """

    edits: Sequence[Edit]
    edited_on: date
    as_of: date
    before: Score
    after: Score
    alone: Sequence[Score]
    told_before: Known
    told_after: Known
    cautions: Sequence[Caution]


def edit_day(as_of: date) -> date:
    """Return the day on which something would be done: today (UTC), or the last score's where that is long ago."""
    today = utc_now().date()
    return today if today - as_of <= timedelta(days=FRESH_DAYS) else as_of


async def history_of(served: Runtime, account_id: str) -> Any:
    """Return an account's records from the source of the settings.

    Raises
    ------
    RequestProblem
        409 without a source, without the account in it, or where its records cannot be used.
    """
    source = served.settings.source
    if source is None:
        detail = "the records of the account are needed: send them as `records`, or set CHURN_RISK_SOURCE"
        raise RequestProblem(detail, [FieldError(pointer="/records", detail=detail)], 409, "no-records")
    try:
        async with served.files:
            return await run_in_threadpool(history_in, source, account_id)
    except AccountUnknown:
        detail = "the source that the service reads has no such account"
        raise RequestProblem(detail, [FieldError(pointer="/records", detail=detail)], 409, "no-records") from None
    except (InputError, SourceGone, EngineMissing) as error:
        log.error("the source of the records cannot be used: %s", error)  # Where it lies is nothing for callers.
        detail = "the records that the service reads cannot be used; its log says why. Send them as `records`"
        raise RequestProblem(
            detail, [FieldError(pointer="/records", detail=detail)], 409, "records-unusable"
        ) from error


async def what_if(
    served: Runtime,
    history: Any,
    edits: Sequence[Edit],
    day: date,
    cut: Iterable[Mapping[str, int]] = (),
    beside: Sequence[Caution] = (),
) -> WhatIf:
    """Return what the served model says of the day after edits.

    Parameters
    ----------
    cut : iterable of mapping of str to int
        How many timestamps were cut to their day beside those of the records.
    beside : sequence of Caution
        What else is known of the records; see `of_the_source`.

    Raises
    ------
    RequestProblem
        422 when an edit is not whole or contradicts the records, these contradict themselves, or the account is no
        customer at that day; 503 when too many predictions wait.
    """
    whole, contradicting = edited(history, edits, day)
    _demand_sound(misfits(edits), contradicting)
    histories = [history, whole]
    if len(edits) > 1:
        histories += [edited(history, [edit], day)[0] for edit in edits]
    predictor = served.predictor
    as_of = day + timedelta(days=1)
    before, after, *alone = await _scored(served, histories, as_of)
    cautions = [
        *cautions_of(predictor, [before], [history]), *beside, *cut_dates([history.cut, *cut]), *doubts_of([history]),
        *readings_told([history], as_of, predictor.categories),
    ]  # fmt: skip
    metrics.cautioned(caution.code for caution in cautions)
    told_before, told_after = told_records(history, as_of), told_records(whole, as_of)
    return WhatIf(edits, day, as_of, before, after, alone or [after], told_before, told_after, cautions)


def of_the_source(stored: Stored) -> list[Caution]:
    """Return which tables of the book that the service reads had ended when it was scored."""
    return [caution for caution in kept_cautions(stored.model) if caution.code == "stale"]


async def _scored(served: Runtime, histories: Sequence[Any], as_of: date) -> list[Score]:
    """Score histories of one account, each a call of its own: within a call an account stands once."""
    predictor, seconds = served.predictor, served.settings.answer_seconds
    found: dict[int, Score] = {}

    def keeping(number: int) -> Any:
        def keep(_: Any, scores: list[Score]) -> bytes:
            found[number] = scores[0]
            return b""

        return keep

    calls = [
        served.batcher.predict(predictor, Call([history], as_of, latest=as_of), keeping(number), seconds)
        for number, history in enumerate(histories)
    ]
    try:
        await asyncio.gather(*calls)
    except Refusal as error:
        told = [FieldError(pointer=pointer(("records", *fault.place)), detail=fault.detail) for fault in error.faults]
        raise RequestProblem(str(error), told, 422, "refused") from error
    except Overloaded as error:
        raise unavailable(str(error), "overloaded", RETRY_SECONDS) from error
    return [found[number] for number in range(len(histories))]


def _demand_sound(misfitting: Sequence[Fault], contradicting: Sequence[Fault]) -> None:
    """Refuse edits that lack a field or have one of another kind, and that contradict the records, all at once."""
    faults = sorted([*misfitting, *contradicting], key=lambda fault: fault.place[1])
    if not faults:
        return
    wrong = ["an edit lacks a field, or has one of another kind"] if misfitting else []
    wrong += ["an edit contradicts the records"] if contradicting else []
    told = [FieldError(pointer=fault.pointer(), detail=fault.detail) for fault in faults]
    raise RequestProblem(", and ".join(wrong), told, 422, "contradiction" if contradicting else "invalid-request")
