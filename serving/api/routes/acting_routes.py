"""POST feedback and GET, POST steps of an account: what account managers say and plan.

What is another's is unknown here as everywhere. With an `Idempotency-Key` a request may be sent again; without one,
each is a new step or another word. A step's number alone says that it is done, with other fields
what of it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from sqlalchemy.engine import Connection

from serving.access.principal import Principal
from serving.acting.acts import NewStep, add_feedback, add_step, finish_step, once_of, steps_of
from serving.acting.after_steps import after_steps
from serving.acting.said import Wrong, feedback_of, step_of
from serving.acting.step_changes import change_step, planned, step_of_account, version_of
from serving.api.answers.acting_models import FeedbackOut, FeedbackRequest, StepOut, StepRequest, StepsOut
from serving.api.answers.shown import LangQuery
from serving.api.answers.stored import stored_for, stored_warnings
from serving.api.document.documented import ACCOUNT_ERRORS, BODY_ERRORS, errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.repeats import Repeatable, RepeatableRoute, repeating
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.account_routes import AccountId
from serving.database.engine import reading, writing
from serving.scoring.scores import Score
from serving.words.wording import screen_texts

router = APIRouter(tags=["Acting"], route_class=RepeatableRoute)
ERRORS = BODY_ERRORS | errors(404, 409)


async def account_in_path(request: Request) -> Collection[str]:
    """Return the account that a kept answer is about, so that it is forgotten with it."""
    return (request.path_params["account_id"],)


Repeat = Annotated[Repeatable | None, Depends(repeating(account_in_path))]
Served = Annotated[Runtime, Depends(runtime)]
Acts = Annotated[Principal, Depends(demand("feedback"))]


@router.post(
    "/v1/accounts/{account_id:path}/feedback",
    responses=ERRORS,
    operation_id="giveFeedback",
    summary="Say what you think of an account's latest score",
)
def give_feedback(
    request: Request, account_id: AccountId, body: FeedbackRequest, principal: Acts, served: Served, repeat: Repeat
) -> FeedbackOut:
    """Store feedback on the latest score, with who and when."""
    stored = stored_for(served.store, principal, account_id)
    feedback, faults = feedback_of(body.model_dump())
    if feedback is None:
        raise _refused(faults)
    once, at = once_of(principal.id, account_id, uuid4().hex), served.access.now()
    with writing(served.store.engine) as connection:
        row = add_feedback(connection, stored.score, feedback, principal.id, at, once)
    return FeedbackOut.model_validate({**row, "request_id": request_id(request)})


@router.get(
    "/v1/accounts/{account_id:path}/steps",
    responses=ACCOUNT_ERRORS,
    operation_id="listSteps",
    summary="The next steps of an account, open ones first",
)
def list_steps(
    request: Request,
    account_id: AccountId,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Served,
    lang: LangQuery = "en",
) -> StepsOut:
    """Return every step of an account."""
    stored = stored_for(served.store, principal, account_id)
    with reading(served.store.engine) as connection:
        rows = steps_of(connection, account_id)
        after = after_steps(connection, account_id, principal.account_managers)
    note_read(request, served, principal.id, "steps", [account_id])
    score = {"as_of": stored.score.as_of, "warnings": stored_warnings(stored, lang)}
    return StepsOut.model_validate({"request_id": request_id(request), **score, "steps": rows, "after": after})


@router.post(
    "/v1/accounts/{account_id:path}/steps",
    responses=ERRORS,
    operation_id="addStep",
    summary="Plan a next step, change one, or mark one as done",
)
def keep_step(
    request: Request, account_id: AccountId, body: StepRequest, principal: Acts, served: Served, repeat: Repeat
) -> StepOut:
    """Store a step. With `step_id` and nothing else mark that one as done, which stays with who said so first.

    With `step_id` and other fields change these of an open step: what it was before is kept and shown on the page.
    """
    stored = stored_for(served.store, principal, account_id)
    by, at, once = principal.id, served.access.now(), once_of(principal.id, account_id, uuid4().hex)
    with writing(served.store.engine) as connection:
        if body.step_id is None:
            step = _step({"kind": body.kind, **body.changes}, served.today)
            row: Mapping[str, Any] | None = add_step(connection, account_id, step, by, at, once)
        elif not body.changes:
            row = finish_step(connection, account_id, body.step_id, by, at)
        else:
            row = _changed(connection, stored.score, body.step_id, body.changes, served.today, by, at, once)
    if row is None:
        faults = [FieldError(pointer="/step_id", detail=f"the account has no step {body.step_id}")]
        raise RequestProblem("there is no such step", faults, 404, "step-unknown")
    return StepOut.model_validate({**row, "request_id": request_id(request)})


def _step(sent: Mapping[str, str | None], today: date | None) -> NewStep:
    step, faults = step_of(sent, today)
    if step is None:
        raise _refused(faults)
    return step


def _changed(
    connection: Connection,
    score: Score,
    step_id: int,
    changes: dict[str, str],
    today: date,
    by: str,
    at: datetime,
    once: str,
) -> Mapping[str, Any] | None:
    """Change a step and return it; None when there is none. One that is overdue may stay so."""
    old = step_of_account(connection, score.account_id, step_id)
    if old is None:
        return None
    kept = asdict(planned(old)) | {"due_on": old["due_on"].isoformat()}
    new = _step(kept | changes, None if changes.get("due_on", kept["due_on"]) == kept["due_on"] else today)
    refused = change_step(connection, score, step_id, new, version_of(old), by, at, once)
    if refused is not None:
        raise _refused([Wrong("step_id", refused)], 409 if refused == "step_moved" else 422, refused.replace("_", "-"))
    return step_of_account(connection, score.account_id, step_id)


def _refused(faults: Collection[Wrong], status: int = 422, code: str = "incomplete") -> RequestProblem:
    words = screen_texts("en")["trouble"]
    told = [FieldError(pointer=f"/{one.place}", detail=words[one.code].format(**one.quoted)) for one in faults]
    return RequestProblem("nothing is stored: something is missing or cannot be", told, status, code)
