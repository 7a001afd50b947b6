"""Renders a report's record as self-contained HTML5, without scripts or outside resources, every value escaped.

A report for paper is the same document under another style sheet, written for what makes a PDF of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from serving.reports.report import AccountReport
from serving.words.formats import Lang
from serving.words.wording import page_texts


@cache
def environment() -> Environment:
    """Return the environment of the templates: autoescape is on, and an unknown name is an error."""
    return Environment(
        loader=PackageLoader("serving.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_account(report: AccountReport, paper: bool = False) -> str:
    """Return an account's report as a complete HTML5 document, for a screen or for paper."""
    return rendered("account.html.j2", report.lang, paper, report=report)


def rendered(template: str, lang: Lang, paper: bool, **shown: Any) -> str:
    """Return a template filled in; `paper` is there only for paper: what each page says of its number, as CSS."""
    words = {"texts": page_texts(lang)} | ({"paper": page_number(lang)} if paper else {})
    return environment().get_template(template).render(**words, **shown)


def page_number(lang: Lang) -> str:
    """Return "Page 1 of 5" as CSS that counts.

    Examples
    --------
    >>> page_number("de")
    '"Seite " counter(page) " von " counter(pages) ""'
    """
    said = page_texts(lang)["page"]["number"].format(page='" counter(page) "', pages='" counter(pages) "')
    return f'"{said}"'
