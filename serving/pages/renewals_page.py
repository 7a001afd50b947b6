"""GET /renewals: contracts that end soon or are overdue, the manager's call beside the model's, disagreements first."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.noted import note_read
from serving.database.engine import reading
from serving.pages.answering import Pager, answer, paged
from serving.pages.visiting import Visit, demand, visit_of
from serving.portfolio.portfolio_head import aged
from serving.renewals.calls import STAGES
from serving.renewals.renewal_list import KINDS, SHOWN, RenewalTable, renewal_table
from serving.renewals.to_renew import Renewals, read_renewals
from serving.words.caution_words import grade_sentence, kept_cautions, told
from serving.words.formats import Formats
from serving.words.wording import screen_texts

#: The page of each table in the address.
PAGES = {"soon": "page", "overdue": "overdue_page"}


async def renewals_page(request: Request) -> Response:
    """Return the page, of the accounts that the reader may see."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


def _page(visit: Visit) -> Response:
    lang, whose = visit.lang, visit.reader.account_managers
    with reading(visit.served.store.engine) as connection:
        found = read_renewals(connection, whose)
        tables, problems = _tables(visit, found) if found is not None and found.stored else ([], ())
    words = screen_texts(lang)
    listed = [line.account_id for table, _ in tables for line in table.lines]
    note_read(visit.request, visit.served, visit.reader.id, "list", listed)
    absent = "" if tables else words["renewals"]["no_run" if found is None else "not_stored"]
    as_of = "" if found is None else words["portfolio"]["as_of"].format(day=Formats(lang).day(found.run["as_of"]))
    heads = tuple(words["renewals"][f"stage_{stage}"] for stage in STAGES)
    model = {} if found is None else found.run["model"]
    grade = grade_sentence(model["grade"], lang) if "grade" in model else ""
    cautions = () if found is None else aged(found.run["as_of"], lang, visit.today)
    cautions += tuple(f"{told(one, lang)}." for one in kept_cautions(model) if one.code != "grade")
    shown = {"problems": problems, "absent": absent, "as_of": as_of, "tables": tables, "heads": heads}
    shown |= {"grade": grade, "cautions": cautions}
    return answer(visit, "renewals.html.j2", 422 if problems else 200, **shown)


def _tables(visit: Visit, found: Renewals) -> tuple[list[tuple[RenewalTable, Pager]], tuple[str, ...]]:
    """Return a page of each kind of contract, and in words what of the address is not there."""
    tables: list[tuple[RenewalTable, Pager]] = []
    problems: tuple[str, ...] = ()
    for key in KINDS:
        rows = found.soon if key == "soon" else found.overdue
        pager, of_page = paged(visit, rows.total, SHOWN, PAGES[key])
        problems += of_page
        shown = rows.of((pager.page - 1) * SHOWN, SHOWN)
        tables.append((renewal_table(key, found, shown, visit.lang), pager))
    return tables, problems
