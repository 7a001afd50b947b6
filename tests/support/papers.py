"""What tests read out of a PDF, and what stands in for the library where only the HTML is of interest."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pytest

from serving.printing.paper import lacking


def need_pdf() -> None:
    """Skip a test where no PDF can be made; the library is loaded by who needs it, not while tests are gathered."""
    if lacking():
        pytest.skip(lacking())


class Paper:
    """A PDF as it is read: its pages' text, its structure, its fonts."""

    def __init__(self, content: bytes) -> None:
        from pypdf import PdfReader

        self.reader = PdfReader(io.BytesIO(content))
        self.root: Any = self.reader.trailer["/Root"]

    @cached_property
    def pages(self) -> list[str]:
        """The text of each page, with single blanks."""
        return [flat(page.extract_text()) for page in self.reader.pages]

    @cached_property
    def text(self) -> str:
        """The text of all pages."""
        return " ".join(self.pages)

    def elements(self) -> Iterator[Any]:
        """Yield every element of the structure that screen readers follow."""
        waiting = [self.root["/StructTreeRoot"]]
        while waiting:
            each = waiting.pop().get_object()
            if isinstance(each, list):
                waiting += each
            elif isinstance(each, dict) and "/K" in each:
                yield each
                waiting.append(each["/K"])

    def fonts(self) -> list[Any]:
        """Return the descriptor of each font."""
        found = {}
        for page in self.reader.pages:
            for font in page["/Resources"]["/Font"].values():
                inner = font.get_object()["/DescendantFonts"][0].get_object()
                found[inner["/BaseFont"]] = inner["/FontDescriptor"].get_object()
        return list(found.values())


def flat(text: str) -> str:
    """Return a text with single blanks, as lines may break anywhere."""
    return " ".join(text.split())


class Caught:
    """Takes the place of `pdf_of`: keeps the HTML, and answers with what begins like a PDF."""

    def __init__(self) -> None:
        self.documents: list[str] = []

    def __call__(self, documents: Sequence[str]) -> bytes:
        self.documents += documents
        return b"%PDF-1.7 " + "".join(documents).encode()
