"""GET /v1/accounts/...: stored scores and the reports made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse

from serving.access.principal import Principal
from serving.api.access import demand
from serving.api.documented import ACCOUNT_ERRORS
from serving.api.responses import RiskOut
from serving.api.runtime import Runtime, request_id, runtime
from serving.reports.record import account_report
from serving.reports.render import render_account

router = APIRouter(tags=["Accounts"])
AccountId = Annotated[str, Path(description="The account's id as in the accounts table; a slash may be sent as %2F")]
#: A report carries no script and loads nothing.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@router.get(
    "/v1/accounts/{account_id:path}/risk",
    responses=ACCOUNT_ERRORS,
    operation_id="getRisk",
    summary="The latest stored score of an account, with reasons and history",
)
def risk(
    request: Request,
    account_id: AccountId,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
) -> RiskOut:
    """Return the latest stored score."""
    stored = served.store.latest(account_id)
    return RiskOut.model_validate(
        stored.score.as_dict() | {"history": stored.history, "request_id": request_id(request)}
    )


@router.get(
    "/v1/accounts/{account_id:path}/report",
    responses=ACCOUNT_ERRORS,
    response_class=HTMLResponse,
    operation_id="getReport",
    summary="The explanation report of an account's latest stored score",
)
def report(
    account_id: AccountId,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    lang: Annotated[Literal["de", "en"], Query(description="Language")] = "en",
    format: Annotated[Literal["html"], Query(description="Format")] = "html",
) -> HTMLResponse:
    """Return the report."""
    stored = served.store.latest(account_id)
    record = account_report(stored.score, list(stored.history), stored.evidence, stored.model, lang)
    return HTMLResponse(render_account(record), headers={"Content-Security-Policy": REPORT_POLICY})
