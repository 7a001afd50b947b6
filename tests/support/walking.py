"""What a walk through the pages needs: the built service on three runs of the book, a watched page, axe, pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from features.tables import Tables
from serving.access.keys import KeyStore
from serving.cli.score_targets import StoreTarget, score_into
from serving.scoring.book_figures import book_figures
from serving.scoring.book_scoring import BookScoring
from serving.scoring.model_facts import model_facts
from serving.store import ScoreStore
from support.living import living
from training.bundle.bundle import Bundle
from training.lifetime_terms import LifetimeTerms

#: Names the folder in which pictures are kept; without it they go with the test.
PICTURES = "CHURN_RISK_PICTURES"
#: Days before the newest run at which the runs stand.
RUNS = (180, 90, 0)
WIDTHS, HEIGHT, SCHEMES = (1440, 390), 900, ("light", "dark")
GRAVE = ("serious", "critical")
#: Chromium's word for an answer of 400 and above, which some pages are meant to be.
REFUSED = "Failed to load resource"
UNFOLD = "document.querySelectorAll('details').forEach(each => { each.open = true })"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
#: A long table's rows are alike; light and dark differ in colours alone.
LOOKED_AT = {"exclude": [["tbody tr:nth-child(n+16)"]]}
RULES: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}


@contextmanager
def walked_service(
    bento_home: Path, bundle: Bundle, book: Tables, book_folder: Path, as_of: date, folder: Path
) -> Iterator[tuple[str, str]]:
    """Serve three runs of a book, the last with figures; give the address and a key that reads and gives feedback."""
    url = f"sqlite:///{folder / 'scores.db'}"
    store = ScoreStore(url)
    for days in RUNS:
        _store_run(store, bundle, book, as_of - timedelta(days=days), days == 0)
    key = KeyStore(store.engine).create(("read", "feedback"))[1]
    store.close()
    own = {"CHURN_RISK_STORE_URL": url, "CHURN_RISK_SOURCE": str(book_folder)}
    with living(bento_home, folder / "service", own, {"Authorization": f"Bearer {key}"}) as started:
        yield started.address, key


def _store_run(store: ScoreStore, bundle: Bundle, book: Tables, as_of: date, with_figures: bool) -> None:
    """Store a run as the command `score` does."""
    facts, at = model_facts(bundle), datetime.now(UTC)
    figures = partial(book_figures, book, as_of) if with_figures else None
    with (
        BookScoring(book, as_of, bundle) as scoring,
        store.writing_run(facts, as_of, at, bundle_of=lambda version: bundle) as run,
    ):
        score_into(
            StoreTarget(run, book, as_of, {}, LifetimeTerms()), scoring, book, bundle, lambda *step: None, figures
        )


@dataclass
class Walk:
    """A page of a browser that is watched, and the folder of its pictures; `trouble` is what must stay empty."""

    page: Page
    address: str
    pictures: Path
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(f"{self.page.url}: {error}"))

    def open(self, path: str) -> Page:
        """Open a page of the service."""
        self.page.goto(self.address + path)
        return self.page

    def look(self, name: str, schemes: Sequence[str] = SCHEMES) -> None:
        """Look at the page as it is now, in both widths and some schemes: what axe says, whether it fits, a picture."""
        self.page.evaluate(AXE_SCRIPT)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            for scheme in schemes:
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                self._judge(f"{name}-{width}-{scheme}", RULES[scheme] | {"resultTypes": ["violations"]})
        self.page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
        self.page.emulate_media(color_scheme="light")

    def _judge(self, name: str, options: dict[str, Any]) -> None:
        found = self.page.evaluate("([where, options]) => axe.run(where, options)", [LOOKED_AT, options])
        assert found["passes"], "axe has looked at something"
        self.trouble += [
            f"{name}: {each['id']} ({each['impact']}): {node['target']} {node['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in GRAVE
            for node in each["nodes"]
        ]
        if not self.page.evaluate(FITS):
            self.trouble.append(f"{name}: it is wider than the window")
        # A hidden caret would be a style of the page, which its policy forbids.
        kept = self.pictures / f"{name}.jpg"
        self.page.screenshot(path=kept, type="jpeg", quality=80, full_page=True, caret="initial")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.trouble.append(f"{self.page.url} asks for {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            self.trouble.append(f"{self.page.url}: {message.text}")


def pictures_folder(otherwise: Path) -> Path:
    """Return the folder of the pictures, which is there."""
    folder = Path(os.environ.get(PICTURES) or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def walking(browser: Browser, address: str, pictures: Path) -> Walk:
    """Return a walk of its own session."""
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": HEIGHT}, locale="en-GB")
    return Walk(page, address, pictures)
