"""POST feedback and GET, POST steps of an account: what account managers say and plan.

What is another's is unknown here as everywhere. With an `Idempotency-Key` a request may be sent again; without one,
each is a new step or another word.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Request

from serving.access.principal import Principal
from serving.acting.acts import add_feedback, add_step, finish_step, once_of, steps_of
from serving.acting.after_steps import after_steps
from serving.acting.said import Wrong, feedback_of, step_of
from serving.api.answers.acting_models import FeedbackOut, FeedbackRequest, StepOut, StepRequest, StepsOut
from serving.api.answers.stored import stored_for
from serving.api.document.documented import ACCOUNT_ERRORS, BODY_ERRORS, errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.repeats import Repeatable, RepeatableRoute, repeating
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.account_routes import AccountId
from serving.database.engine import reading, writing
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
) -> StepsOut:
    """Return every step of an account."""
    stored_for(served.store, principal, account_id)
    with reading(served.store.engine) as connection:
        rows = steps_of(connection, account_id)
        after = after_steps(connection, account_id, principal.account_managers)
    note_read(request, served, principal.id, "steps", [account_id])
    return StepsOut.model_validate({"request_id": request_id(request), "steps": rows, "after": after})


@router.post(
    "/v1/accounts/{account_id:path}/steps",
    responses=ERRORS,
    operation_id="addStep",
    summary="Plan a next step, or mark one as done",
)
def add_or_finish_step(
    request: Request, account_id: AccountId, body: StepRequest, principal: Acts, served: Served, repeat: Repeat
) -> StepOut:
    """Store a step; with `step_id` mark that one as done, which stays with who said so first."""
    stored_for(served.store, principal, account_id)
    at = served.access.now()
    if body.step_id is not None:
        with writing(served.store.engine) as connection:
            found = finish_step(connection, account_id, body.step_id, principal.id, at)
        if found is None:
            faults = [FieldError(pointer="/step_id", detail=f"the account has no step {body.step_id}")]
            raise RequestProblem("there is no such step", faults, 404, "step-unknown")
        return StepOut.model_validate({**found, "request_id": request_id(request)})
    due_on = None if body.due_on is None else body.due_on.isoformat()
    step, faults_of_step = step_of(body.model_dump() | {"due_on": due_on})
    if step is None:
        raise _refused(faults_of_step)
    once = once_of(principal.id, account_id, uuid4().hex)
    with writing(served.store.engine) as connection:
        row = add_step(connection, account_id, step, principal.id, at, once)
    return StepOut.model_validate({**row, "request_id": request_id(request)})


def _refused(faults: Collection[Wrong]) -> RequestProblem:
    words = screen_texts("en")["trouble"]
    told = [FieldError(pointer=f"/{one.place}", detail=words[one.code].format(**one.quoted)) for one in faults]
    return RequestProblem("something is missing", told, 422, "incomplete")
