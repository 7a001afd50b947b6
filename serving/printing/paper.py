"""Complete HTML documents go in, one PDF comes out: tagged for screen readers (PDF/UA-1), fonts embedded.

WeasyPrint lays out what stands in the documents and fetches nothing. It is loaded when the first PDF is made: it takes
a second, and needs libraries of the system that a machine may lack. Without any font it would bring the process down,
so that is found out before.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

from serving.errors import PdfFailed, PdfUnavailable

#: What Debian calls what is needed; docs/pages.md says the same of others.
PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation"
HOW = f"install it (Debian: apt-get install {PACKAGES}) and start again; HTML needs none of it"
VARIANT = "pdf/ua-1"


def pdf_of(documents: Sequence[str]) -> bytes:
    """Return HTML documents as one PDF, each with page numbers of its own; title and language are the first's.

    Parameters
    ----------
    documents : sequence of str
        At least one; each with a title, a language, and its styles within.

    Raises
    ------
    PdfUnavailable
        The machine lacks a library, or every font.
    PdfFailed
        WeasyPrint fails on a document.
    """
    if lack := lacking():
        raise PdfUnavailable(lack)
    try:
        laid_out = [_laid_out(document) for document in documents]
        whole = laid_out[0].copy([page for each in laid_out for page in each.pages])
        return bytes(whole.write_pdf(pdf_variant=VARIANT))
    except Exception as error:
        raise PdfFailed(f"the PDF cannot be made ({type(error).__name__}: {error}); the same as HTML can") from error


@cache
def lacking() -> str:
    """Return in a line what this machine lacks for a PDF and how to get it; empty where it lacks nothing.

    Found out once a process.
    """
    said = StringIO()  # WeasyPrint prints its advice to standard output, which belongs to a command's result.
    try:
        with redirect_stdout(said), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            _load()
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"a PDF needs Pango, which this machine lacks ({reason}): {HOW}"
    if any("ugly output" in str(warning.message) for warning in told):
        return f"a PDF needs a font, and this machine has none: {HOW}"
    return ""


def _load() -> Any:
    import weasyprint

    return weasyprint


def _laid_out(document: str) -> Any:
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    class Nothing(URLFetcher):  # type: ignore[misc]  # the base is untyped
        """Refuses whatever a document would load."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            raise PermissionError(f"a report loads nothing, and asked for {url[:80]}")

    return HTML(string=document, url_fetcher=Nothing()).render(pdf_variant=VARIANT)
