"""Renders a card's record: as self-contained HTML5 without scripts or outside resources, and as Markdown.

Every value is escaped: in HTML by autoescape, in Markdown when the template writes it. So nothing in the data can open
a tag, a cell or an emphasis.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from training.card.card import Card

#: Characters that mean something anywhere in Markdown; an underscore inside a word means nothing.
SPECIAL = re.compile(r"[\\`*{}\[\]|~#]|(?<!\w)_|_(?!\w)")
TAGS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@cache
def _environment(markdown: bool) -> Environment:
    return Environment(
        loader=PackageLoader("training.card", "templates"),
        autoescape=not markdown,
        finalize=as_markdown if markdown else _together,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_markdown(value: Any) -> str:
    r"""Return a value as Markdown that shows it literally, on one line.

    Examples
    --------
    >>> as_markdown("a|b <script> *c* roc_auc")
    'a\\|b &lt;script&gt; \\*c\\* roc_auc'
    """
    text = " ".join(str(value).split())
    escaped = SPECIAL.sub(lambda match: "\\" + match.group(), re.sub("[&<>]", lambda match: TAGS[match.group()], text))
    return escaped


def _together(value: Any) -> Any:
    """Keep a percent sign on the same line as its number."""
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value


def html_of(card: Card) -> str:
    """Return a card as a complete HTML5 document."""
    return _environment(markdown=False).get_template("card.html.j2").render(card=card)


def markdown_of(card: Card) -> str:
    """Return a card as Markdown, in GitHub's flavour (tables)."""
    return _environment(markdown=True).get_template("card.md.j2").render(card=card)


def summary_of(card: Card) -> str:
    """Return the top of a card as Markdown, for the registry's description of the version."""
    return _environment(markdown=True).get_template("summary.md.j2").render(card=card)
