"""Signing in and out: what a session is, who gets none, and that no other site can act in its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS, evidence, score_of
from support.stored import opened, put

from serving.access.page_sessions import LASTS, SESSIONS
from serving.database.engine import reading
from serving.pages.page_html import POLICY


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A site whose clock and keys a test may change."""
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put(store, *map(score_of, ACCOUNTS), evidence=evidence())
        made = Site(store)
        yield made
        made.app.state.runtime.access.close()


def test_who_is_not_signed_in_is_led_to_the_form_and_back(site: Site) -> None:
    key, browser = site.key("read"), site.browser()
    answer = browser.get("/accounts/E%2F2?lang=de", follow=False)
    assert answer.status_code == 303
    page = browser.sign_in(key, answer.headers["location"])
    assert tree(page).one("h1").text == ACCOUNTS["E/2"][-1]
    assert tree(page).one("html").attributes["lang"] == "de"


def test_the_cookie_is_for_this_site_and_for_no_script(site: Site) -> None:
    key, browser = site.key("read"), site.browser()
    form = tree(browser.get("/login")).one("form", class_="stack")
    answer = browser.send(form.attributes["action"], form.fields | {"key": key}, follow=False)
    (cookie,) = (each for each in answer.headers.get_list("set-cookie") if each.startswith("churn_risk_session="))
    assert {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={int(LASTS.total_seconds())}"} <= set(cookie.split("; "))
    with reading(site.store.engine) as connection:
        assert browser.cookies["churn_risk_session"] not in str(connection.execute(SESSIONS.select()).all())


def test_every_page_has_the_policy_and_is_kept_nowhere(site: Site) -> None:
    browser = site.browser(site.key("read"))
    for path in ("/", "/login", "/accounts/E1", "/accounts/ghost", "/?band=red"):
        answer = browser.get(path, follow=path != "/login")
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "private, no-store"
    assert "unsafe" not in POLICY and "script-src" not in POLICY and POLICY.startswith("default-src 'none'")


def test_what_pages_load_is_shipped(site: Site) -> None:
    browser = site.browser()
    loaded = [each.attributes["href"] for each in tree(browser.get("/login")).all("link")]
    answers = [browser.get(path) for path in loaded]
    assert [answer.headers["content-type"].partition(";")[0] for answer in answers] == [
        "image/svg+xml", "text/css", "text/css",
    ]  # fmt: skip
    assert all(answer.status_code == 200 for answer in answers)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", "".join(each.text for each in answers))
    assert browser.get("/assets/secrets.toml").status_code == 404


@pytest.mark.parametrize(
    ("key", "status", "told"),
    [
        ("", 422, "Please enter an API key"),
        ("secret", 401, "There is no such API key"),
        ("crk_000000000000_x", 401, "There is no such API key"),
        ("Ä" * 5000, 401, "There is no such API key"),
    ],
)
def test_who_has_no_key_gets_no_session(site: Site, key: str, status: int, told: str) -> None:
    site.key("read")
    browser = Browser(site.app, "10.9.8.7")
    answer = browser.sign_in(key, "/login?lang=en")
    assert answer.status_code == status and told in tree(answer).one("p", role="alert").text
    assert "churn_risk_session" not in browser.cookies


def test_a_key_that_may_not_read_is_told_so(site: Site) -> None:
    answer = site.browser().sign_in(site.key("score"), "/login?lang=de")
    assert answer.status_code == 403 and "mit dem Recht read" in tree(answer).text


def test_wrong_keys_are_limited_as_everywhere(own_site: Site) -> None:
    own_site.key("read")
    browser = Browser(own_site.app, "10.1.1.1")
    answers = [browser.sign_in("crk_000000000000_x") for _ in range(22)]
    assert [answer.status_code for answer in answers[:20]] == [401] * 20
    assert answers[-1].status_code == 429 and int(answers[-1].headers["retry-after"]) > 0
    assert Browser(own_site.app, "10.1.1.2").sign_in("crk_000000000000_x").status_code == 401


def test_a_form_of_another_site_is_refused(site: Site) -> None:
    key, browser = site.key("read"), site.browser()
    form = tree(browser.get("/login")).one("form", class_="stack").fields
    for forged in ({"token": ""}, {"token": "0" * 64}, {"token": form["token"][:-1] + "ä"}):
        answer = browser.send("/login", form | {"key": key} | forged, follow=False)
        assert answer.status_code == 403 and "churn_risk_session" not in browser.cookies
    other = site.browser()
    assert other.send("/login", form | {"key": key}, follow=False).status_code == 403
    signed_in = site.browser(key)
    assert signed_in.send("/logout", {"token": "0" * 64}).status_code == 403
    assert signed_in.get("/", follow=False).status_code == 200


def test_a_session_ends_with_its_time_its_key_and_the_sign_out(own_site: Site) -> None:
    made, key = own_site.keys.create(["read"])
    own_site.clock.pass_by(seconds=1)
    late, revoked, gone = (own_site.browser(key) for _ in range(3))
    kept = dict(gone.cookies)
    out = tree(gone.get("/")).one("form", action="/logout?lang=en")
    assert gone.send("/logout?lang=en", out.fields).status_code == 200 and "churn_risk_session" not in gone.cookies
    gone.cookies = kept
    assert gone.get("/", follow=False).status_code == 303
    own_site.clock.pass_by(seconds=LASTS.total_seconds() - 2)
    assert late.get("/", follow=False).status_code == 200
    own_site.clock.pass_by(seconds=2)
    assert late.get("/", follow=False).status_code == 303
    revoked = own_site.browser(key)
    own_site.keys.revoke(made.id)
    own_site.clock.pass_by(seconds=1)
    assert revoked.get("/", follow=False).status_code == 303


def test_the_sign_in_leads_to_no_other_site(site: Site) -> None:
    key = site.key("read")
    for address in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login"):
        browser = site.browser()
        form = tree(browser.get("/login")).one("form", class_="stack")
        answer = browser.send("/login", form.fields | {"key": key, "next": address}, follow=False)
        assert answer.status_code == 303 and answer.headers["location"] == "/"


def test_over_https_the_cookies_are_bound_to_the_host(site: Site) -> None:
    import asyncio

    import httpx

    site.key("read")  # Without any key there is nothing to sign in for.

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="https://127.0.0.1") as client:
            return await client.get("/login")

    cookie = asyncio.run(ask()).headers["set-cookie"]
    assert cookie.startswith("__Host-churn_risk_form=") and "; Secure" in cookie and "Domain" not in cookie


def test_without_keys_this_machine_needs_no_sign_in_and_others_get_nothing(own_site: Site) -> None:
    assert tree(own_site.browser().get("/")).all("table")
    answer = Browser(own_site.app, "192.168.1.2").get("/?lang=de")
    assert answer.status_code == 403 and "nur diesem Rechner" in tree(answer).text
