"""Reports as answers: the headers of all of them, and PDFs, which are laid out in a thread, one at a time a worker."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.runtime import Runtime
from serving.printing.paper import pdf_of

#: A report carries no script and loads nothing; `headers_of` adds who may show it in a frame.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
#: An origin that no page has.
NOBODY = "'none'"
MEDIA_TYPE = "application/pdf"
#: What a name of a file keeps of an id; a browser saves under it, so it holds nothing that a system reads.
NOT_SAFE = re.compile(r"[^A-Za-z0-9_-]+")
LONGEST_NAME = 80


async def pdf_answer(served: Runtime, name: str, document: Callable[[], str], ancestors: str = "") -> Response:
    """Return what `document` makes as a PDF to be saved under a name.

    Who asks waits for a turn; while it is laid out, other requests are answered. One that is given up keeps its turn
    until its thread is done, so that no more of them run than may.

    Parameters
    ----------
    name : str
        Any text; what is not safe in a file's name is left out.
    document : callable
        Makes the HTML, in the thread.
    ancestors : str
        Origins that may show it in a frame, separated by spaces.

    Raises
    ------
    PdfUnavailable, PdfFailed
    """
    await served.papers.acquire()
    made = asyncio.ensure_future(run_in_threadpool(lambda: pdf_of([document()])))
    made.add_done_callback(lambda _: served.papers.release())
    content = await asyncio.shield(made)
    headers = headers_of(ancestors) | {"Content-Disposition": f'attachment; filename="{file_name(name)}"'}
    return Response(content, headers=headers, media_type=MEDIA_TYPE)


def headers_of(ancestors: str = "") -> dict[str, str]:
    """Return the headers of every report, as a page or a PDF."""
    return {
        "Content-Security-Policy": f"{POLICY}; frame-ancestors " + (ancestors or NOBODY),
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def file_name(name: str) -> str:
    """Return a name of a file in ASCII.

    Examples
    --------
    >>> file_name('report-Ä/7 "; x=\\r\\n-de')
    'report-7-x-de.pdf'
    """
    return f"{NOT_SAFE.sub('-', name).replace('--', '-').strip('-')[:LONGEST_NAME]}.pdf"
