"""What the tests in a real browser share: which one, how it is started, and what a page asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page

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


def opened(browser: Browser, path: Path, width: int) -> tuple[Page, list[str]]:
    """Return a page showing a file, and what it asked for or complained of beyond that file."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if request.url != path.as_uri() else None)
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto(path.as_uri())
    return page, [item for item in found if not item.startswith("data:")]
