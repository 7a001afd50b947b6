"""The routes of the pages; they answer with HTML and stand in no document of the API."""

from __future__ import annotations

from dataclasses import fields

from fastapi import Request
from starlette.responses import Response

from serving.pages.account_forms import account_form
from serving.pages.account_page import account_page
from serving.pages.answering import PageRoute, trouble
from serving.pages.figures_page import figure_page, figures_page, figures_pdf
from serving.pages.losses_page import losses_page
from serving.pages.page_html import asset
from serving.pages.portfolio_page import portfolio_page, portfolio_pdf
from serving.pages.renewals_page import PAGES, renewals_page
from serving.pages.sign_in import from_issuer, leave_issuer, sign_in, sign_in_page, sign_out, to_issuer
from serving.portfolio.wanted import Wanted


async def asset_file(request: Request) -> Response:
    """Return a file that pages load."""
    return asset(request.path_params["name"]) or trouble(request, 404, "no_file")


#: What an address of the portfolio may say, of the page and of the file alike.
FILTERS = tuple(field.name for field in fields(Wanted))
#: What an address of figures may say.
OF_FIGURES = ("manager",)
#: What an address of an account may say; several edits may stand in it.
OF_ACCOUNT, EDITS = ("view", "from", "to", "edit", "done"), ("edit",)

ROUTES = (
    PageRoute("/", portfolio_page, takes=FILTERS),
    PageRoute("/report.pdf", portfolio_pdf, takes=FILTERS),
    PageRoute("/figures", figures_page, takes=OF_FIGURES),
    PageRoute("/figures.pdf", figures_pdf, takes=OF_FIGURES),
    PageRoute("/figures/{name}", figure_page, takes=OF_FIGURES),
    PageRoute("/renewals", renewals_page, takes=PAGES.values()),
    PageRoute("/losses", losses_page, takes=["page"]),
    PageRoute("/login", sign_in_page, takes=["next", "left", "state"]),
    PageRoute("/login", sign_in, ["POST"]),
    PageRoute("/login/oidc", to_issuer, takes=["next"]),
    PageRoute("/login/callback", from_issuer, takes=None),
    PageRoute("/login/leave", leave_issuer),
    PageRoute("/logout", sign_out, ["POST"]),
    PageRoute("/assets/{name}", asset_file),
    PageRoute("/accounts/{account_id:path}", account_page, takes=OF_ACCOUNT, several=EDITS),
    PageRoute("/accounts/{account_id:path}", account_form, ["POST"], takes=OF_ACCOUNT, several=EDITS),
)
