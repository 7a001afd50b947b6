"""The routes of the pages; they answer with HTML and stand in no document of the API."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from serving.pages.account_forms import account_form
from serving.pages.account_page import account_page
from serving.pages.answering import PageRoute, trouble
from serving.pages.figures_page import figure_page, figures_page, figures_pdf
from serving.pages.losses_page import losses_page
from serving.pages.page_html import asset
from serving.pages.portfolio_page import portfolio_page, portfolio_pdf
from serving.pages.renewals_page import renewals_page
from serving.pages.sign_in import sign_in, sign_in_page, sign_out


async def asset_file(request: Request) -> Response:
    """Return a file that pages load."""
    return asset(request.path_params["name"]) or trouble(request, 404, "no_file")


ROUTES = (
    PageRoute("/", portfolio_page),
    PageRoute("/report.pdf", portfolio_pdf),
    PageRoute("/figures", figures_page),
    PageRoute("/figures.pdf", figures_pdf),
    PageRoute("/figures/{name}", figure_page),
    PageRoute("/renewals", renewals_page),
    PageRoute("/losses", losses_page),
    PageRoute("/login", sign_in_page),
    PageRoute("/login", sign_in, ["POST"]),
    PageRoute("/logout", sign_out, ["POST"]),
    PageRoute("/assets/{name}", asset_file),
    PageRoute("/accounts/{account_id:path}", account_page),
    PageRoute("/accounts/{account_id:path}", account_form, ["POST"]),
)
