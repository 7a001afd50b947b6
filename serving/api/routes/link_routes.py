"""POST /v1/links and GET /v1/reports/{token}: a signed, expiring link to one account's report, for a CRM's page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import AccountUnknown
from features.tables import LONGEST_ID
from serving.access.links import REFUSED, Link
from serving.access.principal import Principal
from serving.api.answers.shown import WARNINGS, FormatQuery, WarningOut
from serving.api.answers.stored import report_document, report_name, report_page, stored_for, stored_warnings
from serving.api.document.documented import BODY_ERRORS, REPORT, errors
from serving.api.edge.demands import caller, demand, refused
from serving.api.edge.guarded import demand_known
from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.api.edge.problems import RequestProblem
from serving.api.edge.repeats import RepeatableRoute, RepeatDependency
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.errors import AccessRefused, LinkRefused
from serving.loose_texts import bare_choice
from serving.store import Stored
from serving.words.formats import Lang

DAY_SECONDS = 86_400

router = APIRouter(tags=["Links"], route_class=RepeatableRoute)


class LinkRequest(BaseModel):
    """Which report, and for how long."""

    model_config = ConfigDict(extra="forbid")
    account_id: str = Field(
        description="The account's id as in the accounts table", min_length=1, max_length=LONGEST_ID
    )
    lang: Annotated[Lang, BeforeValidator(bare_choice)] = Field(default="en", description="Language of the report")
    expires_in_seconds: int = Field(default=3600, ge=60, le=7 * DAY_SECONDS, description="How long the link is good")


class LinkOut(BaseModel):
    """A link. It ends earlier than said when the key that it was made with is revoked."""

    url: str = Field(description="Address of the report; needs no other credential, so treat it as a secret")
    expires_at: datetime = Field(description="From then on it answers 410")
    as_of: date = Field(description="As-of date of the account's latest score, which the report is of")
    warnings: list[WarningOut] = WARNINGS
    request_id: str = Field(description="Id of this request in the service's logs")


@router.post(
    "/v1/links",
    responses=BODY_ERRORS | errors(404, 409),
    operation_id="createLink",
    summary="Make a signed, expiring link to an account's report",
)
def create_link(
    request: Request,
    body: LinkRequest,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    repeat: RepeatDependency,
) -> LinkOut:
    """Return a link that shows one account's report in one language to whoever has it."""
    gate = served.access
    signer = gate.signer
    if signer is None:
        raise RequestProblem("links are signed: set CHURN_RISK_SECRET and start again", status=409, code="no-secret")
    stored = stored_for(served.store, principal, body.account_id)
    ends = [gate.now() + timedelta(seconds=body.expires_in_seconds), gate.expiry_of(principal)]
    expires_at = min(end for end in ends if end is not None).replace(microsecond=0)
    link = signer.link(principal, stored.score.account_id, body.lang, expires_at)
    note_read(request, served, principal.id, "link", [link.account_id])
    base = served.settings.public_url or str(request.base_url)
    url = f"{base.rstrip('/')}/v1/reports/{signer.sign(link)}"
    score = {"as_of": stored.score.as_of, "warnings": stored_warnings(stored, body.lang)}
    return LinkOut.model_validate({"url": url, "expires_at": expires_at, "request_id": request_id(request), **score})


async def followed(
    request: Request,
    token: Annotated[str, Path(description="What POST /v1/links signed")],
    served: Annotated[Runtime, Depends(runtime)],
) -> Link:
    """Return what the link shows; a dependency."""
    try:
        link = await served.access.follow(token, caller(request))
    except AccessRefused as error:
        raise refused(error) from error
    demand_known(request, request.scope["route"])  # Not before: who has no link learns nothing of the route.
    request.scope.setdefault("state", {})["principal_id"] = f"link:{link.maker}"
    return link


@router.get(
    "/v1/reports/{token}",
    responses={**REPORT, **errors(403, 409, 410, 422, 429)},
    response_class=HTMLResponse,
    operation_id="getLinkedReport",
    summary="The report that a link shows",
)
async def linked_report(
    request: Request,
    link: Annotated[Link, Depends(followed)],
    served: Annotated[Runtime, Depends(runtime)],
    format: FormatQuery = "html",
) -> Response:
    """Return the report of the account and in the language that the link was made for."""
    stored, ancestors = await run_in_threadpool(_linked, served, link), served.settings.frame_ancestors
    if format == "pdf":
        document = partial(report_document, stored, link.lang, True)
        answer = await pdf_answer(served, report_name(stored, link.lang), document, ancestors)
    else:
        answer = await run_in_threadpool(report_page, stored, link.lang, ancestors)
    note_read(request, served, f"link:{link.maker}", "report", [link.account_id])
    return answer


def _linked(served: Runtime, link: Link) -> Stored:
    """Return the score that a link shows, if its maker may still see it."""
    signer = served.access.signer
    try:
        stored = served.store.latest(link.account_id)
    except AccountUnknown:
        raise refused(LinkRefused(REFUSED)) from None
    if signer is None or not signer.shows(link, stored.account_manager):
        raise refused(LinkRefused(REFUSED))
    return stored
