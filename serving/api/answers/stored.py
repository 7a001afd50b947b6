"""One account's stored score, if the caller may see it, and the page of its report."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from serving.access.principal import Principal
from serving.api.edge.papers import headers_of
from serving.reports.report import account_report
from serving.reports.report_html import render_account
from serving.store import ScoreStore, Stored
from serving.store.store import unknown
from serving.words.formats import Lang


def stored_for(store: ScoreStore, principal: Principal, account_id: str) -> Stored:
    """Return an account's latest score.

    An account that the caller may not see raises the same AccountUnknown as an account that does not exist, after the
    same question to the database and before anything of it is loaded.
    """
    if principal.account_managers is not None:
        store.demand_seen(account_id, principal.account_managers)
    stored = store.latest(account_id)
    if not principal.sees(stored.account_manager):  # It was scored anew in between, for somebody else.
        raise unknown(account_id)
    return stored


def report_page(stored: Stored, lang: Lang, ancestors: str = "") -> HTMLResponse:
    """Return the report as a page that only `ancestors` (origins, separated by spaces) may show in a frame."""
    return HTMLResponse(report_document(stored, lang), headers=headers_of(ancestors))


def report_document(stored: Stored, lang: Lang, paper: bool = False) -> str:
    """Return the report as HTML, for a screen or for paper."""
    return render_account(account_report(stored.score, stored.history, stored.evidence, stored.model, lang), paper)


def report_name(stored: Stored, lang: Lang) -> str:
    """Return what the file of a report is called, before what is not safe in it is left out."""
    return f"report-{stored.score.account_id}-{stored.score.as_of}-{lang}"
