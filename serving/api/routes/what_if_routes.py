"""POST /v1/accounts/{account_id}/what-if: what the model would say if something were done; nothing is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from serving.access.principal import Principal
from serving.api.answers.shown import LangQuery
from serving.api.answers.stored import stored_for
from serving.api.answers.what_if import edit_day, history_of, of_the_source, what_if
from serving.api.answers.what_if_models import WhatIfOut, WhatIfRequest
from serving.api.document.documented import BODY_ERRORS, errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.account_routes import AccountId
from serving.clock import utc_now

router = APIRouter(tags=["Accounts"])


@router.post(
    "/v1/accounts/{account_id:path}/what-if",
    responses=BODY_ERRORS | errors(404, 409),
    operation_id="askWhatIf",
    summary="What the model would say if something were done today",
)
async def ask(
    request: Request,
    account_id: AccountId,
    body: WhatIfRequest,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    lang: LangQuery = "en",
) -> WhatIfOut:
    """Score the account's records with and without the edits, both at the day after them."""
    stored = await run_in_threadpool(stored_for, served.store, principal, account_id)
    today = utc_now().date()
    day = body.as_of or edit_day(stored.score.as_of)
    if day > today:
        detail = f"later than today, {today} (UTC)"
        raise RequestProblem("as_of lies in the future", [FieldError(pointer="/as_of", detail=detail)])
    if body.records is not None and body.records.account.account_id != account_id:
        detail = "the records are another account's than the path names"
        raise RequestProblem(detail, [FieldError(pointer="/records/account/account_id", detail=detail)])
    history, beside = body.records, []
    if history is None:
        history, beside = await history_of(served, account_id), of_the_source(stored)
    found = await what_if(served, history, body.edits, day, [body.cut], beside)
    note_read(request, served, principal.id, "risk", [account_id])
    return WhatIfOut.of(found, served.predictor.grade, request_id(request), lang)
