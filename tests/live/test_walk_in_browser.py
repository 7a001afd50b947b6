"""An account manager's walk through the service in a real browser, and every page seen by axe and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from support.browser import launched, needs_chromium
from support.papers import need_pdf
from support.served import Json, caller
from support.walking import HEIGHT, SCHEMES, UNFOLD, WIDTHS, Walk, pictures_folder, walked_service, walking

from features.tables import Tables
from training.bundle.bundle import Bundle

NOTHING = "no-such-account"
#: Paper is white, whatever the reader's scheme is.
ON_PAPER = "account-print"
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def service(
    bento_home: Path,
    bundle: Bundle,
    book: Tables,
    book_folder: Path,
    as_of: date,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("walk")
    with walked_service(bento_home, bundle, book, book_folder, as_of, folder) as serving:
        yield serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def walk(browser: Browser, service: tuple[str, str], pictures: Path) -> Iterator[Walk]:
    made = walking(browser, service[0], pictures)
    yield made
    made.page.close()
    assert made.trouble == []


def sign_in(walk: Walk, key: str) -> Page:
    page = walk.open("/?lang=en")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    return page


def _act(page: Page, walk: Walk) -> None:
    """Plan a step, with a mistake first, and say what one thinks of the estimate."""
    page.get_by_label("What is to be done").fill("Ansprechpartner wegen des Vertrags anrufen")
    page.get_by_label("Who does it").fill("Jana Brandt")
    due = page.get_by_label("By when")
    due.evaluate("each => { each.removeAttribute('min') }")
    due.fill("2020-01-01")
    page.get_by_role("button", name="Store the step").click()
    assert "2020" in page.get_by_role("alert").inner_text()
    walk.look("account-refused")
    page.get_by_label("By when").fill("2199-12-31")
    page.get_by_role("button", name="Store the step").click()
    assert page.get_by_role("status").inner_text() == "The step is stored."
    step = page.locator("#acting li", has_text="Ansprechpartner")
    step.get_by_text("Change", exact=False).first.click()
    step.get_by_label("Who does it").fill("Lea Hofstätter")
    step.get_by_role("button", name="Store the change").click()
    assert page.get_by_role("status").inner_text() == "The step is changed."
    assert "Lea Hofstätter, by 31 Dec 2199" in step.inner_text() and "Before: Call" in step.inner_text()
    page.get_by_label("Wrong (please say why)").check()
    page.get_by_label("Why, or a note").fill("They signed last week.")
    page.get_by_role("button", name="Store the feedback").click()
    assert page.get_by_role("status").inner_text() == "Thank you, your feedback is stored."


def stored(service: tuple[str, str], path: str) -> Json:
    answer = caller().get(service[0] + path, headers={"Authorization": f"Bearer {service[1]}"})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_from_signing_in_to_signing_out(walk: Walk, service: tuple[str, str], tmp_path: Path) -> None:
    need_pdf()
    page = sign_in(walk, service[1])
    biggest = stored(service, "/v1/accounts?threat=true&limit=1")["accounts"][0]
    assert page.locator("p.lead").is_visible()
    page.set_viewport_size({"width": WIDTHS[1], "height": HEIGHT})
    listed = page.locator("table.accounts").bounding_box()
    assert not page.locator("p.lead").is_visible() and listed is not None and listed["y"] < HEIGHT
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    page.get_by_label("Key accounts at risk").select_option("yes")
    page.get_by_label("Order").select_option("revenue_at_risk")
    page.get_by_role("button", name="Show", exact=True).click()
    first = page.locator("table.accounts tbody tr").first
    assert biggest["account_id"] in first.inner_text()
    first.get_by_role("link").click()
    assert page.locator("h1").inner_text() == biggest["name"]
    page.get_by_label("A decision maker is named").check()
    page.get_by_role("button", name="What would the model say?").click()
    answered = page.locator("#what-if tbody tr")
    assert answered.count() == 2 and "A decision maker is named" in answered.nth(1).inner_text()
    _act(page, walk)
    page.get_by_role("link", name="Deutsch").click()
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.get_by_text("Ansprechpartner wegen des Vertrags anrufen").first.is_visible()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Als PDF speichern").click()
    saving.value.save_as(tmp_path / "account.pdf")
    assert biggest["name"] in " ".join(PdfReader(tmp_path / "account.pdf").pages[0].extract_text().split())
    page.get_by_role("button", name="Abmelden").click()
    assert page.locator("h1").inner_text() == "Anmelden"
    walk.open(f"/accounts/{biggest['account_id']}")
    assert page.locator("h1").inner_text() == "Sign in", "the session is over"


def test_every_page_is_seen(walk: Walk, service: tuple[str, str]) -> None:
    walk.open("/login?lang=en")
    walk.look("sign-in")
    walk.page.get_by_label("API key").fill("crk_wrong")
    walk.page.get_by_role("button", name="Sign in").click()
    walk.look("sign-in-refused")
    sign_in(walk, service[1])
    for name, path in pages_of(service).items():
        walk.open(path).evaluate(UNFOLD)
        walk.look(name, SCHEMES if name != ON_PAPER else ("light",))


def pages_of(service: tuple[str, str]) -> dict[str, str]:
    """Return the address of each page behind the sign-in, by the name of its picture; what folds is open in it."""
    first, safe, unknown = (
        stored(service, f"/v1/accounts?{which}&limit=1")["accounts"][0]["account_id"]
        for which in ("threat=true", "band=safe", "band=unknown")
    )
    history = stored(service, f"/v1/accounts/{first}/risk")["history"]
    between = f"from={history[0]['as_of']}&to={history[-1]['as_of']}"
    return {
        "portfolio": "/?lang=de",
        "portfolio-empty": "/?lang=en&band=purple&sort=luck&page=99&q=nobody-is-called-so",
        "account": f"/accounts/{first}?lang=de&{between}&edit=contact_named&edit=decision_maker_named",
        "account-unknown": f"/accounts/{unknown}?lang=en",
        ON_PAPER: f"/accounts/{safe}?lang=en&view=print",
        "figures": "/figures?lang=en",
        "no-account": f"/accounts/{NOTHING}?lang=de",
    }
