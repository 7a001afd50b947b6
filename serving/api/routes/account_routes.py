"""GET /v1/accounts and the paths below it: stored scores and their reports.

A caller who may see only one account manager's accounts finds no others: they are unknown, like accounts that do not
exist.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.tables import LONGEST_ID
from serving.access.principal import Principal
from serving.api.answers.account_rows import AccountsOut
from serving.api.answers.responses import RiskOut
from serving.api.answers.shown import FormatQuery, LangQuery, ReasonsQuery
from serving.api.answers.stored import met_nobody, report_document, report_name, report_page, stored_for
from serving.api.document.documented import ACCOUNT_ERRORS, REPORT, errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.errors import CursorInvalid, PageGone
from serving.loose_texts import bare_choice
from serving.store import Page, ScoreStore
from serving.store.pages import USUAL, Filters, Sort
from serving.store.searching import LONGEST_SEARCH, typed
from serving.words.formats import Lang

router = APIRouter(tags=["Accounts"])
AccountId = Annotated[
    str,
    Path(max_length=LONGEST_ID, description="The account's id as in the accounts table; a slash may be sent as %2F"),
]
MOST_ROWS = 200
CURSOR_LENGTH = 4096


@router.get(
    "/v1/accounts",
    responses=errors(410, 422),
    operation_id="listAccounts",
    summary="The newest stored scores, highest revenue at risk or another figure first",
)
def accounts(
    request: Request,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    band: Annotated[
        Literal["unknown", "at_risk", "safe"] | None, BeforeValidator(bare_choice), Query(description="Only this band")
    ] = None,
    account_manager: Annotated[str | None, Query(description="Only this account manager's accounts")] = None,
    threat: Annotated[bool | None, Query(description="Only threats, or only the others")] = None,
    unmanaged: Annotated[
        bool | None,
        Query(description="Only accounts that nobody manages, or only the others"),
    ] = None,
    search: Annotated[
        str,
        Query(
            max_length=LONGEST_SEARCH,
            description="Only accounts whose name or id holds this text; case does not count, and ä is ae, ß is ss",
        ),
    ] = "",
    sort: Annotated[
        Sort,
        BeforeValidator(bare_choice),
        Query(description="The figure by which the list falls, or the day by which it rises; ties by account_id"),
    ] = USUAL,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most accounts of a page")] = 50,
    cursor: Annotated[
        str | None,
        Query(max_length=CURSOR_LENGTH, description="`next_cursor` of the page before, with the same filters"),
    ] = None,
    lang: LangQuery = "en",
) -> AccountsOut:
    """Return a page; all pages of one list are of one scoring run, whatever is stored meanwhile."""
    if unmanaged and account_manager is not None:
        detail = "either nobody's accounts or those of account_manager; leave one out"
        raise _refused(detail, 422, "invalid-request", "unmanaged")
    filters = Filters(band, principal.whose(account_manager), threat, unmanaged, typed(search), sort)
    page = _page(served.store, filters, limit, cursor, lang)
    if not principal.may_ask_for(account_manager):
        page = replace(page, rows=(), next=None)
    note_read(request, served, principal.id, "list", [row.account_id for row in page.rows])
    nobody = page.as_of is not None and not page.rows and cursor is None
    beside = met_nobody(served.store, principal, account_manager) if nobody else []
    return AccountsOut.of(page, request_id(request), lang, beside)


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
    lang: LangQuery = "en",
    reasons: ReasonsQuery = "all",
) -> RiskOut:
    """Return the latest stored score."""
    stored = stored_for(served.store, principal, account_id)
    note_read(request, served, principal.id, "risk", [account_id])
    return RiskOut.answering(stored, request_id(request), lang, reasons)


@router.get(
    "/v1/accounts/{account_id:path}/report",
    responses={**REPORT, **ACCOUNT_ERRORS, **errors(409)},
    response_class=HTMLResponse,
    operation_id="getReport",
    summary="The explanation report of an account's latest stored score",
)
async def report(
    request: Request,
    account_id: AccountId,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    lang: LangQuery = "en",
    format: FormatQuery = "html",
) -> Response:
    """Return the report; as a PDF, it comes under a name to be saved."""
    stored = await run_in_threadpool(stored_for, served.store, principal, account_id)
    if format == "pdf":
        document = partial(report_document, stored, lang, True)
        answer = await pdf_answer(served, report_name(stored, lang), document)
    else:
        answer = await run_in_threadpool(report_page, stored, lang)
    note_read(request, served, principal.id, "report", [account_id])
    return answer


def _page(store: ScoreStore, wanted: Filters, limit: int, cursor: str | None, lang: Lang) -> Page:
    try:
        return store.page(limit=limit, after=cursor or None, lang=lang, **vars(wanted))
    except CursorInvalid as error:
        raise _refused(str(error), 422, "cursor-invalid") from error
    except PageGone as error:
        raise _refused(str(error), 410, "cursor-gone") from error


def _refused(detail: str, status: int, code: str, name: str = "cursor") -> RequestProblem:
    return RequestProblem(detail, [FieldError(pointer=f"/query/{name}", detail=detail)], status, code)
