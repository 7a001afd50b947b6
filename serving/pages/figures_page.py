"""GET /figures, /figures/{name} and /figures.pdf: the newest run's figures, of the accounts that the reader may see.

The page has every figure, and leads to the accounts behind each that is a sum; the file is the board's report.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.answers.figure_models import figures_for
from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.database.engine import reading
from serving.pages.answering import address_problems, answer, trouble
from serving.pages.portfolio import Choice
from serving.pages.visiting import Visit, demand, visit_of
from serving.portfolio.portfolio_head import aged
from serving.programme.accounts_behind import behind_table
from serving.programme.board_facts import read_board
from serving.programme.board_report import BoardReport, board_report, render_board
from serving.programme.figure_sections import sections
from serving.programme.stored_words import in_words
from serving.store.figure_tables import managers_with_figures
from serving.words.caution_words import kept_cautions, told
from serving.words.formats import Formats
from serving.words.wording import screen_texts

#: Most accounts that a figure's page lists; what the others add stands below them.
MOST_ACCOUNTS = 200


async def figures_page(request: Request) -> Response:
    """Return the page."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


async def figure_page(request: Request) -> Response:
    """Return the page of one figure with the accounts behind it."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_accounts, visit, request.path_params["name"])


async def figures_pdf(request: Request) -> Response:
    """Return the board's report as a PDF: of the whole book, or of the accounts of who signed in."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    if address_problems(visit) or not visit.reader.may_ask_for(_asked(visit)):
        return await figures_page(request)
    report = await run_in_threadpool(_report, visit)
    if report is None:
        return trouble(request, HTTPStatus.NOT_FOUND, "no_scores")
    name = f"board-{report.as_of}-{visit.lang}"
    answered = await pdf_answer(visit.served, name, partial(render_board, report, True))
    note_read(request, visit.served, visit.reader.id, "list", report.account_ids)
    return answered


def _report(visit: Visit) -> BoardReport | None:
    whose = visit.reader.whose(_asked(visit))
    with reading(visit.served.store.engine) as connection:
        facts = read_board(connection, whose)
    return None if facts is None else board_report(facts, whose, visit.lang, visit.today)


def _accounts(visit: Visit, name: str) -> Response:
    asked = _asked(visit)
    stored = figures_for(visit.served.store, visit.reader, asked)
    found = next((found for found in in_words(stored, visit.lang) if found.figure.name == name), None)
    if found is None:
        return trouble(visit.request, HTTPStatus.NOT_FOUND, "no_figure")
    behind, currency = None, None
    if stored is not None and stored.record is not None:
        currency = stored.record["currency"]
        if found.figure.adds_up and found.now.value is not None:
            whose = visit.reader.whose(asked)
            behind = visit.served.store.behind(stored.run["run_id"], name, whose, MOST_ACCOUNTS)
            listed = [row["account_id"] for row in behind.accounts]
            note_read(visit.request, visit.served, visit.reader.id, "list", listed)
    shown = {"name": name, "behind": behind_table(found, behind, currency, visit.lang), **_of_whom(visit)}
    return answer(visit, "figure_accounts.html.j2", 200, **shown)


def _asked(visit: Visit) -> str | None:
    """Return the account manager of whom alone the address asks, or None."""
    return visit.request.query_params.get("manager") or None


def _of_whom(visit: Visit) -> dict[str, str | None]:
    """Return whose figures they are, and the addresses of these figures that keep it."""
    asked, of = _asked(visit), ""
    if asked is not None:
        of = f"&{urlencode({'manager': asked})}"
    return {
        "of_whom": asked or visit.reader.reader,
        "of_manager": of,
        "figures_here": f"/figures?lang={visit.lang}{of}",
        "pdf": f"/figures.pdf?lang={visit.lang}{of}",
    }


def _managers(visit: Visit, run: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Return the account managers to choose from; none for who sees the accounts of one alone."""
    if not run or visit.reader.sees_one is not None:
        return ()
    with reading(visit.served.store.engine) as connection:
        names = managers_with_figures(connection, run["run_id"], visit.reader.account_managers)
    asked = _asked(visit)
    return tuple(Choice(name, name, name == asked) for name in names) if len(names) > 1 or asked else ()


def _page(visit: Visit) -> Response:
    lang = visit.lang
    words = screen_texts(lang)
    stored = figures_for(visit.served.store, visit.reader, _asked(visit))
    run = {} if stored is None else stored.run
    record = None if stored is None else stored.record
    cautions = kept_cautions(run["model"]) if run else []
    shown = {
        "as_of": words["portfolio"]["as_of"].format(day=Formats(lang).day(run["as_of"])) if run else "",
        **_of_whom(visit),
        "managers": _managers(visit, run),
        "cautions": (
            *(f"{told(caution, lang)}." for caution in cautions),
            *(aged(run["as_of"], lang, visit.today) if run else ()),
        ),
        # Without a record every figure has the same reason, which is told once.
        "absent": in_words(stored, lang)[0].now.reason if record is None else "",
        "sections": ()
        if record is None
        else sections(in_words(stored, lang), record["currency"], lang, run["model"].get("lifetime")),
    }
    return answer(visit, "figures.html.j2", 200, **shown)
