"""GET /losses: a review of each account that left in the twelve months before the newest run."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.noted import note_read
from serving.database.engine import reading
from serving.losses.kept_departures import read_left, read_period
from serving.losses.loss_report import WRITTEN_OUT, loss_report, written_out
from serving.losses.reviews import Review, reviews
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
    found: list[Review] = []
    pager = Pager(1, "", "", "")
    with reading(visit.served.store.engine) as connection:
        period = read_period(connection)
        if period is not None and period.why is None:
            left = read_left(connection, period, visit.reader.account_managers)
            pager, problems = paged(visit, len(left), WRITTEN_OUT)
            found = reviews(connection, left, written_out(pager.page))
    words, report = screen_texts(lang)["figures"], None
    absent = words["no_losses"] if period is None else ""
    if period is not None and period.why is not None:
        absent = words["absent_losses"].format(reason=period.why.told(lang))
    elif period is not None:
        report = loss_report(found, period.first, period.as_of, period.currency, lang, pager.page)
    listed = [] if report is None else [line.account_id for line in report.lines]
    note_read(visit.request, visit.served, visit.reader.id, "list", listed)
    shown = {"problems": problems, "absent": absent, "report": report, "losses": programme_texts(lang)["losses"]}
    shown["pager"] = pager
    return answer(visit, "losses.html.j2", 422 if problems else 200, **shown)
