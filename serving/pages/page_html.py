"""Templates become answers: HTML with every value escaped, under a policy that lets in our own stylesheet alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from serving.words.formats import Lang
from serving.words.wording import page_texts, screen_texts

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "private, no-store",
    # Not "no-referrer": a browser would send the forms of a page as if they came from nowhere (`Origin: null`).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
#: Files that every page loads: name, package and folder, media type.
ASSETS: Mapping[str, tuple[str, str, str]] = {
    "report.css": ("serving.reports", "templates", "text/css"),
    "pages.css": ("serving.pages", "templates", "text/css"),
    "favicon.svg": ("serving.pages", "templates", "image/svg+xml"),
}


@cache
def environment() -> Environment:
    """Return the environment of the templates: our own, and those of the report, which an account's page extends."""
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader("serving.pages", "templates"), PackageLoader("serving.reports", "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, lang: Lang, status: int = 200, **shown: Any) -> HTMLResponse:
    """Return a page as an answer.

    Parameters
    ----------
    template : str
        Its file.
    lang : 'de' or 'en'
    status : int
    **shown
        What the template names besides its texts.
    """
    words = {"texts": page_texts(lang), "words": screen_texts(lang), "lang": lang, "assets": addresses()}
    html = environment().get_template(template).render(**words, **shown)
    return HTMLResponse(html, status, dict(HEADERS))


@cache
def addresses() -> Mapping[str, str]:
    """Return the address of each file; it changes with its content, so that nobody sees an old one."""
    return {name: f"/assets/{name}?v={sha256(content(name)).hexdigest()[:12]}" for name in ASSETS}


@cache
def content(name: str) -> bytes:
    """Return a file's content; raises KeyError when pages load none of this name."""
    package, folder, _ = ASSETS[name]
    return files(package).joinpath(folder, name).read_bytes()


def asset(name: str) -> Response | None:
    """Return a file as an answer; None when pages load none of this name."""
    if name not in ASSETS:
        return None
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(content(name), headers=headers, media_type=ASSETS[name][2])
