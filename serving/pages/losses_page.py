"""GET /losses: a review of each account that left in the twelve months before the newest run."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.noted import note_read
from serving.database.engine import reading
from serving.losses.kept_departures import read_kept
from serving.losses.loss_report import WRITTEN_OUT, loss_report
from serving.losses.reviews import reviews
from serving.pages.answering import Pager, answer, paged
from serving.pages.visiting import Visit, demand, visit_of
from serving.words.wording import programme_texts, screen_texts


async def losses_page(request: Request) -> Response:
    """Return the page, of the accounts that the reader may see."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


def _page(visit: Visit) -> Response:
    lang = visit.lang
    problems: tuple[str, ...] = ()
    with reading(visit.served.store.engine) as connection:
        kept = read_kept(connection, visit.reader.account_managers)
        found = [] if kept is None else reviews(connection, kept.left)
    words, report = screen_texts(lang)["figures"], None
    pager = Pager(1, "", "", "")
    absent = words["no_losses"] if kept is None else ""
    if kept is not None and kept.why is not None:
        absent = words["absent_losses"].format(reason=kept.why.told(lang))
    elif kept is not None:
        pager, of_page = paged(visit, len(found), WRITTEN_OUT)
        problems += of_page
        report = loss_report(found, kept.first, kept.as_of, kept.currency, lang, pager.page)
    listed = [] if report is None else [line.account_id for line in report.lines]
    note_read(visit.request, visit.served, visit.reader.id, "list", listed)
    shown = {"problems": problems, "absent": absent, "report": report, "losses": programme_texts(lang)["losses"]}
    shown["pager"] = pager
    return answer(visit, "losses.html.j2", 422 if problems else 200, **shown)
