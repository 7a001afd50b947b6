"""GET /accounts/{account_id}: the report of an account, framed by the way back and what it has come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from http import HTTPStatus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.answers.stored import report_document, report_name, report_page, stored_for
from serving.api.edge.noted import note_read
from serving.api.edge.papers import pdf_answer
from serving.pages.acting_section import acting_section
from serving.pages.answering import account_address, address_problems, answer
from serving.pages.moved_section import moved_section
from serving.pages.visiting import Visit, demand, visit_of
from serving.pages.what_if_section import WhatIfSection, what_if_section
from serving.portfolio.portfolio_head import aged
from serving.reports.report import account_report
from serving.scoring.scores import PastScore, Score
from serving.store import Stored
from serving.words.formats import Formats, Lang
from serving.words.told_by_evidence import next_end
from serving.words.wording import page_texts, screen_texts


@dataclass(frozen=True)
class Frame:
    """What stands above the report: facts in a line, and the addresses of the report alone, as a page and as a PDF."""

    facts: tuple[str, ...]
    printing: str
    pdf: str


async def account_page(request: Request) -> Response:
    """Return an account's page; one that is not there and one that is another's get the same answer."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    account_id = request.path_params["account_id"]
    stored = await run_in_threadpool(stored_for, visit.served.store, visit.reader, account_id)
    view = "" if address_problems(visit) else request.query_params.get("view", "")
    if view == "pdf":
        document = partial(report_document, stored, visit.lang, True)
        answered = await pdf_answer(visit.served, report_name(stored, visit.lang), document)
        note_read(request, visit.served, visit.reader.id, "report", [account_id])
        return answered
    note_read(request, visit.served, visit.reader.id, "report", [account_id])
    if view == "print":
        return await run_in_threadpool(report_page, stored, visit.lang)
    asked = await what_if_section(visit, stored)
    return await run_in_threadpool(framed, visit, stored, asked.status if asked else 200, what_if=asked)


def framed(
    visit: Visit,
    stored: Stored,
    status: int = 200,
    form: Mapping[str, str] | None = None,
    problems: Sequence[str] = (),
    what_if: WhatIfSection | None = None,
) -> Response:
    """Return the page of a stored score, with what was typed into a form that is not stored, and why it is not."""
    facts = stored.score, stored.history, stored.evidence, stored.model
    gone = [] if stored.left is None else [stored.left]  # How old it is stands above.
    report = account_report(*facts, visit.lang, gone)
    account_id, moved = stored.score.account_id, moved_section(visit, stored)
    if moved.problem and status == HTTPStatus.OK:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    shown = {
        "report": report,
        "moved": moved,
        "what_if": what_if,
        "frame": frame_of(stored, visit.lang),
        "aged": aged(stored.score.as_of, visit.lang, visit.today),
        "acting": acting_section(visit, stored, form, problems),
        "other_lang": account_address(account_id, "en" if visit.lang == "de" else "de"),
    }
    return answer(visit, "account_page.html.j2", status, **shown)


def frame_of(stored: Stored, lang: Lang) -> Frame:
    """Return what stands above the report of a stored score."""
    words, score = screen_texts(lang)["account"], stored.score
    formats = Formats(lang, score.currency)
    since, ends = band_since(score, stored.history), next_end(stored.evidence)
    band = page_texts(lang)["bands"][score.band]
    grade = stored.model.get("grade")
    facts = (
        words["since"].format(band=band, day=formats.day(since)),
        words["renewal"].format(day=formats.day(ends)) if ends else "",
        words["model"].format(version=score.model_version, grade=grade) if grade else "",
    )
    address = account_address(score.account_id, lang)
    return Frame(tuple(fact for fact in facts if fact), f"{address}&view=print", f"{address}&view=pdf")


def band_since(score: Score, history: Sequence[PastScore]) -> date:
    """Return the as-of date of the first of the last scores in a row that had this score's band."""
    latest = {past.as_of: past.band for past in sorted(history, key=lambda past: (past.as_of, past.scored_at))}
    since = score.as_of
    for day in sorted(latest, reverse=True):
        if day < score.as_of:
            if latest[day] != score.band:
                break
            since = day
    return since
