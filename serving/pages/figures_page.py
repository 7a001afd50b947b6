"""GET /figures and /figures.pdf: the programme's figures of the newest run, of the accounts that the reader may see.

The page has every figure; the file is the board's report.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.answers.figure_models import figures_for
from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.database.engine import reading
from serving.pages.answering import address_problems, answer, trouble
from serving.pages.visiting import Visit, demand, visit_of
from serving.programme.board_facts import read_board
from serving.programme.board_report import BoardReport, board_report, render_board
from serving.programme.figure_sections import sections
from serving.programme.stored_words import in_words
from serving.words.caution_words import kept_cautions, told
from serving.words.formats import Formats
from serving.words.wording import screen_texts


async def figures_page(request: Request) -> Response:
    """Return the page."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


async def figures_pdf(request: Request) -> Response:
    """Return the board's report as a PDF: of the whole book, or of the accounts of who signed in."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    if address_problems(visit):
        return await figures_page(request)
    report = await run_in_threadpool(_report, visit)
    if report is None:
        return trouble(request, HTTPStatus.NOT_FOUND, "no_scores")
    name = f"board-{report.as_of}-{visit.lang}"
    answered = await pdf_answer(visit.served, name, partial(render_board, report, True))
    note_read(request, visit.served, visit.reader.id, "list", report.account_ids)
    return answered


def _report(visit: Visit) -> BoardReport | None:
    whose = visit.reader.account_managers
    with reading(visit.served.store.engine) as connection:
        facts = read_board(connection, whose)
    return None if facts is None else board_report(facts, whose, visit.lang, visit.today)


def _page(visit: Visit) -> Response:
    lang = visit.lang
    words = screen_texts(lang)
    stored = figures_for(visit.served.store, visit.reader, None)
    run = {} if stored is None else stored.run
    record = None if stored is None else stored.record
    cautions = kept_cautions(run["model"]) if run else []
    shown = {
        "as_of": words["portfolio"]["as_of"].format(day=Formats(lang).day(run["as_of"])) if run else "",
        "pdf": f"/figures.pdf?lang={lang}",
        "cautions": tuple(f"{told(caution, lang)}." for caution in cautions),
        # Without a record every figure has the same reason, which is told once.
        "absent": in_words(stored, lang)[0].now.reason if record is None else "",
        "sections": ()
        if record is None
        else sections(in_words(stored, lang), record["currency"], lang, run["model"].get("lifetime")),
    }
    return answer(visit, "figures.html.j2", 200, **shown)
