"""A digest's record becomes HTML that common mail programs show, and the plain text beside it.

The HTML has tables for its layout, styles in its elements, no scripts and nothing from elsewhere; every value is
escaped. In the text a value is one line, so that no name can look like a line of ours.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from serving.digest.digest import Digest


def one_line(value: Any) -> str:
    """Return a text without line ends and other characters that nobody sees.

    Examples
    --------
    >>> one_line("A\\r\\nBcc: everybody@x\\x00")
    'A Bcc: everybody@x'
    """
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())


def html_of(digest: Digest) -> str:
    """Return a digest as a complete HTML document."""
    return _environment(True).get_template("digest.html.j2").render(digest=digest).lstrip()


def text_of(digest: Digest) -> str:
    """Return a digest as plain text."""
    return _environment(False).get_template("digest.txt.j2").render(digest=digest).lstrip()


@cache
def _environment(html: bool) -> Environment:
    """Return the environment of the templates: an unknown name is an error."""
    return Environment(
        loader=PackageLoader("serving.digest", "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=None if html else one_line,
    )
