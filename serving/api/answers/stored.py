"""One account's stored score, if the caller may see it, and the page of its report."""

from __future__ import annotations

from typing import Literal

from fastapi.responses import HTMLResponse

from serving.access.principal import Principal
from serving.reports.report import account_report
from serving.reports.report_html import render_account
from serving.store import ScoreStore, Stored
from serving.store.store import unknown

#: A report carries no script and loads nothing; `report_page` adds who may show it in a frame.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
#: An origin that no page has.
NOBODY = "'none'"


def stored_for(store: ScoreStore, principal: Principal, account_id: str) -> Stored:
    """Return an account's latest score.

    An account that the caller may not see raises the same AccountUnknown as an account that does not exist, after the
    same question to the database and before anything of it is loaded.
    """
    if principal.account_manager is not None:
        store.demand_seen(account_id, principal.account_manager)
    stored = store.latest(account_id)
    if not principal.sees(stored.account_manager):  # It was scored anew in between, for somebody else.
        raise unknown(account_id)
    return stored


def report_page(stored: Stored, lang: Literal["de", "en"], ancestors: str = "") -> HTMLResponse:
    """Return the report as a page that only `ancestors` (origins, separated by spaces) may show in a frame."""
    record = account_report(stored.score, stored.history, stored.evidence, stored.model, lang)
    headers = {
        "Content-Security-Policy": f"{POLICY}; frame-ancestors " + (ancestors or NOBODY),
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(render_account(record), headers=headers)
