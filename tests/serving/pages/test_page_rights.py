"""One walk over every key and every page: nobody sees, counts or infers what is not theirs."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

import pytest
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS, EVA, JAN

from serving.access.reads import READS
from serving.database.engine import reading

VIEWS = (
    {}, {"band": "at_risk"}, {"band": "safe"}, {"band": "unknown"}, {"threat": "yes"}, {"threat": "no"}, {"page": "2"},
    *({"sort": sort} for sort in ("worth", "revenue_at_risk", "probability", "change", "name")),
)  # fmt: skip


Reader = str | list[str] | None


def mine(manager: Reader) -> set[str]:
    seen = [manager] if isinstance(manager, str) else manager
    return {name for name, row in ACCOUNTS.items() if seen is None or row[0] in seen}


def words_of_others(manager: Reader) -> set[str]:
    """Return what stands on no page of a manager: names, ids and figures of accounts that are not theirs."""
    others = {name: row for name, row in ACCOUNTS.items() if name not in mine(manager)}
    return {row[-1] for row in others.values()} | {f"/accounts/{quote(name, safe='')}?" for name in others}


@pytest.mark.parametrize("manager", [EVA, JAN, [EVA, "Nobody"], "Nobody", None], ids=str)
def test_a_key_sees_and_counts_its_own_accounts_on_every_page(site: Site, manager: Reader) -> None:
    browser = site.browser(site.key("read", account_manager=manager))
    queries = [*VIEWS, *({"q": text} for text in ("e", "1", *(row[-1] for row in ACCOUNTS.values())))]
    queries += [{"manager": other} for other in (EVA, JAN, "x")] + [{"unmanaged": "yes"}]
    for query in queries:
        answer = browser.get("/?" + urlencode(query))
        # What was searched for comes back in the field and in the address, and nowhere else.
        links = [each.attributes["href"] for each in tree(answer).all("a") if "/accounts/" in each.attributes["href"]]
        text = tree(answer).text + " ".join(links)
        assert not [word for word in words_of_others(manager) if word in text], query
        counts = [int(each.text) for each in tree(answer).all("span", class_="number-of")]
        assert counts[0] == sum(counts[1:]) <= len(mine(manager))
    counts = [int(each.text) for each in tree(browser.get("/")).all("span", class_="number-of")]
    bands = [sum(ACCOUNTS[name][1] == band for name in mine(manager)) for band in ("at_risk", "unknown", "safe")]
    assert counts == [len(mine(manager)), *bands]


@pytest.mark.parametrize("manager", [EVA, JAN, ["Nobody", EVA]], ids=str)
def test_what_is_anothers_is_what_is_not_there(site: Site, manager: Reader) -> None:
    browser = site.browser(site.key("read", account_manager=manager))
    for lang in ("de", "en"):
        missing = browser.get(f"/accounts/ghost?lang={lang}")
        assert missing.status_code == 404
        for name in ACCOUNTS:
            for view in ("", "&view=print"):
                answer = browser.get(f"/accounts/{quote(name, safe='')}?lang={lang}{view}")
                if name in mine(manager):
                    assert answer.status_code == 200
                else:
                    assert (answer.status_code, answer.text) == (404, missing.text)


def test_a_lead_chooses_among_the_managers_and_gets_what_each_would(site: Site) -> None:
    """In the list, its sums, what moved them and its PDF; of a manager who is not among them nothing."""
    lead = site.browser(site.key("read", account_manager=[EVA, JAN]))
    page = tree(lead.get("/?lang=en"))
    assert [each.text for each in page.one("select", name="manager").all("option")][1:] == [EVA, JAN]
    assert not page.all("input", name="unmanaged") and f"{EVA}, {JAN}" in page.one("header", class_="mast").text
    for whose in (EVA, JAN):
        of_lead = tree(lead.get("/?" + urlencode({"lang": "en", "manager": whose})))
        own = tree(site.browser(site.key("read", account_manager=whose)).get("/?lang=en"))
        for part in ("dl", "tbody"):
            assert [each.text for each in of_lead.all(part)] == [each.text for each in own.all(part)]
        assert of_lead.all("table", class_="moves")
    assert not tree(lead.get("/?manager=Nobody")).all("tbody")
    assert lead.get("/report.pdf?lang=en").headers["content-type"] == "application/pdf"
    for path in ("/figures", "/renewals", "/losses"):
        assert lead.get(path).status_code == 200


def test_no_page_takes_a_credential_from_a_header(site: Site) -> None:
    """A session is the only way in, so that what guards forms guards all of it."""
    key = site.key("admin")
    for path in ("/", "/accounts/E1", "/accounts/ghost"):
        answer = site.browser().get(path, follow=False, authorization=f"Bearer {key}")
        assert answer.status_code == 303 and answer.headers["location"].startswith("/login?")


def test_who_is_not_signed_in_sees_the_same_of_what_is_there_and_what_is_not(site: Site) -> None:
    site.key("read")
    there, missing = (site.browser().get(f"/accounts/{name}?lang=en") for name in ("E1", "ghost"))
    plain = [re.sub(r'name="token" value="\w+"', "", answer.text.replace("ghost", "E1")) for answer in (there, missing)]
    assert plain[0] == plain[1]


def test_what_is_shown_is_written_down(site: Site) -> None:
    browser: Browser = site.browser(site.key("read", account_manager=JAN))
    noted: list[tuple[str, ...]] = []
    runtime = site.app.state.runtime

    class Notes:
        def note(self, principal: str, route: str, what: str, account_ids: list[str], request_id: str) -> None:
            noted.append((route, what, *account_ids))

    object.__setattr__(runtime, "reads", Notes())
    try:
        browser.get("/"), browser.get("/accounts/J1"), browser.get("/accounts/E1"), browser.get("/login")
    finally:
        object.__setattr__(runtime, "reads", None)
    assert noted == [("/", "list", "J1"), ("/accounts/{account_id}", "report", "J1"), ("/", "list", "J1")]
    with reading(site.store.engine) as connection:
        assert not connection.execute(READS.select()).all()
