"""What the address of a page asks in vain is told above it in the reader's language; a file gives way to its page."""

from __future__ import annotations

import pytest
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS

ACCOUNT = f"/accounts/{next(iter(ACCOUNTS))}"


@pytest.fixture
def reader(site: Site) -> Browser:
    return site.browser(site.key("read"))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/?lang=en&bnad=safe", "This page does not know “bnad” (perhaps “band” is meant); there are: lang, band,"),
        ("/?lang=de&band=safe&band=safe", "Die Angabe „band“ steht mehrmals in der Adresse, gilt aber nur einmal"),
        (
            "/report.pdf?lang=de&q=a&bnad=safe",
            "Die Angabe „bnad“ in der Adresse kennt diese Seite nicht (gemeint vielleicht",
        ),
        ("/figures?lang=en&x=1", "This page does not know “x”; there are: lang, manager."),
        ("/figures.pdf?lang=en&x=1", "This page does not know “x”; there are: lang, manager."),
        ("/renewals?lang=en&pgae=2", "(perhaps “page” is meant); there are: lang, page, overdue_page."),
        ("/losses?lang=en&x=1", "This page does not know “x”; there are: lang, page."),
        (f"{ACCOUNT}?lang=en&form=2026-01-01", "This page does not know “form” (perhaps “from” is meant)"),
        (f"{ACCOUNT}?lang=en&view=pdf&x=1", "This page does not know “x”"),
        (f"{ACCOUNT}?lang=de&view=pfd", "Die Ansicht „pfd“ gibt es nicht"),
    ],
)
def test_what_is_asked_in_vain_is_told(reader: Browser, address: str, told: str) -> None:
    answer = reader.get(address)
    assert answer.status_code == 422
    assert told in tree(answer).one("p", class_="problem").text


def test_links_in_mails_and_several_edits_are_fine(reader: Browser) -> None:
    assert reader.get("/?lang=de&utm_source=mail&mc_eid=1").status_code == 200
    answer = reader.get(f"{ACCOUNT}?lang=en&edit=a&edit=b")
    assert "edit" not in " ".join(each.text for each in tree(answer).all("p", class_="problem"))


def test_who_is_not_signed_in_learns_of_no_page(site: Site) -> None:
    site.key("read")
    answer = site.browser().get("/?bnad=safe")
    assert answer.status_code == 200 and answer.url.path == "/login"
