"""GET / and /report.pdf: the portfolio of who is signed in, as a page and as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.database.engine import reading
from serving.pages.answering import address_problems, answer, trouble
from serving.pages.portfolio import Portfolio, portfolio
from serving.pages.visiting import Visit, demand, visit_of
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.portfolio_report import Listed, read_report, render_portfolio
from serving.portfolio.wanted import Wanted, wanted_of
from serving.words.wording import screen_texts


@dataclass(frozen=True)
class Shown:
    """The portfolio with what was asked for and could not be had."""

    portfolio: Portfolio
    wanted: Wanted
    problems: tuple[str, ...]
    account_ids: tuple[str, ...]


async def portfolio_page(request: Request) -> Response:
    """Return the portfolio; what of the address is not to be had is told above it."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    shown = await run_in_threadpool(_shown, visit)
    note_read(request, visit.served, visit.reader.id, "list", shown.account_ids)
    status = 422 if shown.problems else 200
    return answer(
        visit, "portfolio.html.j2", status, shown=shown.portfolio, wanted=shown.wanted, problems=shown.problems
    )


async def portfolio_pdf(request: Request) -> Response:
    """Return the report of what the portfolio shows, as a PDF; an address that asks for what there is not, its page."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    wanted, problems = wanted_of(request.query_params, visit.lang)
    if problems or address_problems(visit):
        return await portfolio_page(request)
    listed = await run_in_threadpool(_listed, visit, wanted)
    if listed is None:
        return trouble(request, HTTPStatus.NOT_FOUND, "no_scores")
    name = f"portfolio-{listed.as_of}-{visit.lang}"
    answered = await pdf_answer(visit.served, name, partial(render_portfolio, listed.report, True))
    note_read(request, visit.served, visit.reader.id, "list", listed.account_ids)
    return answered


def _listed(visit: Visit, wanted: Wanted) -> Listed | None:
    whose = visit.reader.whose(wanted.manager or None)
    with reading(visit.served.store.engine) as connection:
        return read_report(connection, whose, wanted, visit.lang, visit.today)


def _shown(visit: Visit) -> Shown:
    mine, words = visit.reader.account_managers, screen_texts(visit.lang)["trouble"]
    wanted, problems = wanted_of(visit.request.query_params, visit.lang)
    with reading(visit.served.store.engine) as connection:
        found = read_portfolio(connection, mine, wanted)
    if wanted.page > found.pages:
        problems += (words["no_page"].format(value=wanted.page, pages=found.pages),)
    wanted = replace(wanted, page=found.page)
    record = portfolio(found, wanted, visit.lang, visit.reader.sees_one is None, visit.today)
    return Shown(record, wanted, problems, tuple(row["account_id"] for row in found.rows))
