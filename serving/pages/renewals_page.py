"""GET /renewals: contracts that end soon or are overdue, the manager's call beside the model's, disagreements first."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.noted import note_read
from serving.database.engine import reading
from serving.pages.answering import answer, language_problems
from serving.pages.visiting import Visit, demand, visit_of
from serving.renewals.calls import STAGES, read_renewals
from serving.renewals.renewal_list import renewal_tables
from serving.words.formats import Formats
from serving.words.wording import screen_texts


async def renewals_page(request: Request) -> Response:
    """Return the page, of the accounts that the reader may see."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


def _page(visit: Visit) -> Response:
    lang, problems, whose = visit.lang, language_problems(visit), visit.reader.account_manager
    with reading(visit.served.store.engine) as connection:
        found = read_renewals(connection, whose)
    words = screen_texts(lang)
    tables = () if found is None or not found.stored else renewal_tables(found, lang)
    listed = [line.account_id for table in tables for line in table.lines]
    note_read(visit.request, visit.served, visit.reader.id, "list", listed)
    absent = "" if tables else words["renewals"]["no_run" if found is None else "not_stored"]
    as_of = "" if found is None else words["portfolio"]["as_of"].format(day=Formats(lang).day(found.run["as_of"]))
    heads = tuple(words["renewals"][f"stage_{stage}"] for stage in STAGES)
    shown = {"problems": problems, "absent": absent, "as_of": as_of, "tables": tables, "heads": heads}
    return answer(visit, "renewals.html.j2", 422 if problems else 200, **shown)
