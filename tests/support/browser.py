"""What the tests in a real browser share: Chromium, two widths, a page and what it asks for beyond its file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = 1280, 390

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium for the length of a block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser: Browser, path: Path, width: int) -> tuple[Page, list[str]]:
    """Return a page showing a file, and what it asked for or complained of beyond that file."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if request.url != path.as_uri() else None)
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto(path.as_uri())
    return page, [item for item in found if not item.startswith("data:")]
