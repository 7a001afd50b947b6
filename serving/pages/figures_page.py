"""GET /figures: the programme's figures of the newest run, of the accounts that who is signed in may see."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.answers.figure_models import figures_for, in_words
from serving.pages.answering import answer
from serving.pages.figures_shown import sections
from serving.pages.visiting import Visit, demand, visit_of
from serving.words.caution_words import kept_cautions, told
from serving.words.formats import LANGS, Formats
from serving.words.wording import screen_texts


async def figures_page(request: Request) -> Response:
    """Return the page; a language of the address that is not to be had is told above it."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


def _page(visit: Visit) -> Response:
    lang, asked = visit.lang, visit.request.query_params.get("lang", "")
    words = screen_texts(lang)
    stored = figures_for(visit.served.store, visit.reader, None)
    run = {} if stored is None else stored.run
    record = None if stored is None else stored.record
    cautions = kept_cautions(run["model"]) if run else []
    shown = {
        "problems": () if asked in (*LANGS, "") else (words["trouble"]["no_lang"].format(value=asked),),
        "as_of": words["portfolio"]["as_of"].format(day=Formats(lang).day(run["as_of"])) if run else "",
        "cautions": tuple(f"{told(caution, lang)}." for caution in cautions),
        # Without a record every figure has the same reason, which is told once.
        "absent": in_words(stored, lang)[0].now.reason if record is None else "",
        "sections": () if record is None else sections(in_words(stored, lang), record["currency"], lang),
    }
    return answer(visit, "figures.html.j2", 422 if shown["problems"] else 200, **shown)
