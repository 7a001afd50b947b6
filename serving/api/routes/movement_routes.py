"""GET /v1/accounts/{account_id}/movement: why an account's score moved between two dates."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.access.principal import Principal
from serving.api.answers.movement_models import MovementOut
from serving.api.answers.movements import compared
from serving.api.answers.shown import LangQuery
from serving.api.answers.stored import stored_for, stored_warnings
from serving.api.document.documented import ACCOUNT_ERRORS
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.problems import RequestProblem
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.account_routes import AccountId

router = APIRouter(tags=["Accounts"])
#: A date, "@" and the longest version that the store keeps.
LONGEST_WHICH = 80


@router.get(
    "/v1/accounts/{account_id:path}/movement",
    responses=ACCOUNT_ERRORS,
    operation_id="getMovement",
    summary="Why an account's score moved between two dates",
)
def movement(
    request: Request,
    account_id: AccountId,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    earlier: Annotated[
        str,
        Query(
            alias="from",
            max_length=LONGEST_WHICH,
            description="As-of date of the earlier score, such as 2026-01-31, or 2026-01-31@7 for that of version 7; "
            "empty: the newest of an earlier date than the later score",
        ),
    ] = "",
    later: Annotated[
        str, Query(alias="to", max_length=LONGEST_WHICH, description="The same of the later score; empty: the latest")
    ] = "",
    lang: LangQuery = "en",
) -> MovementOut:
    """Return the parts of the change, which sum to it."""
    stored = stored_for(served.store, principal, account_id)
    found = compared(served, stored, earlier, later)
    if found is None:
        raise RequestProblem("there is no earlier score of this account to compare with", [], 404, "no-score")
    note_read(request, served, principal.id, "risk", [account_id])
    return MovementOut.of(found, request_id(request), lang, stored_warnings(stored, lang))
