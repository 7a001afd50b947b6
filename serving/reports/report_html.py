"""Renders a report's record as self-contained HTML5, without scripts or outside resources, every value escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from serving.reports.report import AccountReport


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


def render_account(report: AccountReport) -> str:
    """Return an account's report as a complete HTML5 document."""
    return environment().get_template("account.html.j2").render(report=report, texts=report.texts)
