"""What the tests of the pages share: a browser without a screen over the app in this process, and its view of HTML."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.api.app import create_app
from serving.api.edge.runtime import Runtime
from serving.predict.batching import Batcher
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from support.gates import Clock
from support.reports import VOID

SITE = "http://127.0.0.1"


class Element:
    """An element of a page with what is below it."""

    def __init__(self, tag: str, attributes: dict[str, str], above: Element | None = None) -> None:
        self.tag, self.attributes, self.above = tag, attributes, above
        self.inside: list[Element | str] = []

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the elements below of a tag that have these attributes; `class_` names one of the classes."""
        return [each for each in self._below() if each._is(tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> Element:
        """Return the only element of this kind."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """The text inside, with single blanks."""
        parts = (part if isinstance(part, str) else part.text for part in self.inside)
        return " ".join(" ".join(parts).split())

    @property
    def fields(self) -> dict[str, str]:
        """What a form would send as it stands."""
        found = {
            each.attributes["name"]: each.attributes.get("value", "")
            for each in self.all("input")
            if each.attributes.get("type") not in ("radio", "checkbox") or "checked" in each.attributes
        }
        found |= {each.attributes["name"]: each.text for each in self.all("textarea")}
        for select in self.all("select"):
            chosen = [each for each in select.all("option") if "selected" in each.attributes]
            found[select.attributes["name"]] = (chosen or select.all("option"))[0].attributes["value"]
        return found

    def _below(self) -> Iterator[Element]:
        for part in self.inside:
            if isinstance(part, Element):
                yield part
                yield from part._below()

    def _is(self, tag: str, attributes: dict[str, str]) -> bool:
        classes = self.attributes.get("class", "").split()
        same = (
            value in classes if name == "class_" else self.attributes.get(name.replace("_", "-")) == value
            for name, value in attributes.items()
        )
        return (not tag or self.tag == tag) and all(same)


class Tree(HTMLParser):
    """A page as elements; every element must be closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._at = Element("", {})
        self.feed(html)
        self.close()
        assert self._at is self.root, f"not closed: {self._at.tag}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.inside.append(element)
        if tag not in VOID:
            self._at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.inside.append(Element(tag, {name: value or "" for name, value in attrs}, self._at))

    def handle_endtag(self, tag: str) -> None:
        assert self._at.tag == tag, (tag, self._at.tag, self.getpos())
        self._at = cast(Element, self._at.above)

    def handle_data(self, data: str) -> None:
        self._at.inside.append(data)


class Browser:
    """Asks for pages as a browser does: it keeps cookies, sends forms and follows redirects."""

    def __init__(self, app: FastAPI, address: str = "127.0.0.1") -> None:
        self.cookies: dict[str, str] = {}
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))

    def get(self, path: str, follow: bool = True, **headers: str) -> httpx.Response:
        """Open a page."""
        return self._ask("GET", path, None, follow, headers)

    def send(self, path: str, form: dict[str, str], follow: bool = True) -> httpx.Response:
        """Send a form."""
        return self._ask("POST", path, form, follow, {})

    def sign_in(self, key: str, path: str = "/login") -> httpx.Response:
        """Fill in the form of the sign-in and send it."""
        form = tree(self.get(path)).one("form", class_="stack")
        return self.send(form.attributes["action"], form.fields | {"key": key})

    def _ask(
        self, method: str, path: str, form: dict[str, str] | None, follow: bool, headers: dict[str, str]
    ) -> httpx.Response:
        answer = asyncio.run(self._one(method, path, form, headers))
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        for header in answer.headers.get_list("set-cookie"):
            if "Max-Age=0" in header:
                self.cookies.pop(header.partition("=")[0], None)
        if follow and answer.status_code == 303:
            return self.get(answer.headers["location"])
        return answer

    async def _one(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        content: Any = None
        if form is not None:
            sent["Content-Type"], content = "application/x-www-form-urlencoded", urlencode(form)
        async with httpx.AsyncClient(transport=self._transport, base_url=SITE) as client:
            return await client.request(method, path, headers=sent, content=content)


class Site:
    """The whole app over a store, without a model: no page needs one. Its keys and its clock."""

    def __init__(self, store: ScoreStore, **settings: Any) -> None:
        self.store, self.clock = store, Clock()
        self.keys = KeyStore(store.engine, self.clock.now)
        chosen = ServiceSettings(**settings)
        gate = Gate(store.engine, chosen, self.clock.now, self.clock.tick)
        self.app = create_app()
        self.app.state.runtime = Runtime(cast(Any, None), store, chosen, gate, Batcher(chosen.waiting))

    def key(self, *scopes: str, **rights: Any) -> str:
        """Make a key, which counts at once."""
        made = self.keys.create(scopes, **rights)[1]
        self.clock.pass_by(seconds=1)
        return made

    def browser(self, key: str | None = None) -> Browser:
        """Return a browser, signed in with a key where one is given."""
        made = Browser(self.app)
        if key is not None:
            assert made.sign_in(key).status_code == 200
        return made


def tree(answer: httpx.Response) -> Element:
    """Return a page as elements; there is no script, no style and no address of anybody else's in it."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    root = Tree(answer.text).root
    for each in root.all():
        assert each.tag not in ("script", "style", "iframe")
        for name, value in each.attributes.items():
            assert not name.startswith("on") and name != "style"
            assert name not in ("src", "href", "action") or value.startswith(("/", "?", "#")), value
    ids = [each.attributes["id"] for each in root.all() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    labelled = {each.attributes.get("for") for each in root.all("label")}
    for each in (*root.all("input"), *root.all("select"), *root.all("textarea")):
        assert each.attributes.get("type") == "hidden" or each.attributes["id"] in labelled
    return root
