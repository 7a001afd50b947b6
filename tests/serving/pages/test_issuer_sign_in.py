"""People sign in at an issuer on this machine: who gets a session, what is refused, that a key works all the same."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import sqlalchemy as sa
from support.gates import running
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS, EVA, evidence, score_of
from support.signing_in import CLAIMS, SigningIssuer, settings_of, way_back
from support.stored import opened, put

from serving.access.discovery import Discovery
from serving.access.page_sessions import LASTS, SESSIONS
from serving.database.engine import reading, writing
from serving.errors import IssuerAway
from serving.pages.sign_in import LONGEST_DRAFT
from serving.store import ScoreStore

SESSION, ATTEMPT = "churn_risk_session", "churn_risk_attempt"


@pytest.fixture
def issuer() -> Iterator[SigningIssuer]:
    with running(SigningIssuer()) as made:
        yield made


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoreStore]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('sign-in') / 'scores.db'}") as store:
        put(store, *map(score_of, ACCOUNTS), evidence=evidence())
        yield store


@pytest.fixture
def own_store(filled: ScoreStore) -> ScoreStore:
    """Scores without a session."""
    with writing(filled.engine) as connection:
        connection.execute(SESSIONS.delete())
    return filled


@pytest.fixture
def own_site(own_store: ScoreStore, issuer: SigningIssuer) -> Iterator[Site]:
    made = Site(own_store, **settings_of(issuer))
    yield made
    made.app.state.runtime.access.close()


def told(answer: Any, status: int, text: str) -> None:
    """Check that nobody is signed in, that the page says why, and that a key could be typed on it."""
    assert answer.status_code == status, answer.text
    page = tree(answer)
    assert text in page.one("p", role="alert").text
    assert page.one("form", class_="stack").fields["next"].startswith("/")
    assert not any(each.startswith(SESSION) for each in answer.headers.get_list("set-cookie"))


def test_who_comes_back_from_the_issuer_is_where_he_wanted_to_go(own_site: Site, issuer: SigningIssuer) -> None:
    browser = own_site.browser()
    page = tree(browser.get("/accounts/E%2F2?lang=de"))
    back = way_back(browser, page.one("a", class_="button").attributes["href"])
    assert ATTEMPT in browser.cookies
    answer = browser.get(back, follow=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/accounts/E%2F2?lang=de"
    (cookie,) = (each for each in answer.headers.get_list("set-cookie") if each.startswith(SESSION))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; ")) and ATTEMPT not in browser.cookies
    assert tree(browser.get("/accounts/E%2F2?lang=de")).one("h1").text == ACCOUNTS["E/2"][-1]
    with reading(own_site.store.engine) as connection:
        (row,) = connection.execute(SESSIONS.select()).mappings()
    assert re.fullmatch("oidc:[0-9a-f]{16}", row["principal"]) and "user-1" not in str(row)


def test_the_claims_say_whose_accounts_are_seen(own_store: ScoreStore, issuer: SigningIssuer) -> None:
    site = Site(own_store, **settings_of(issuer, oidc_account_manager_claim="manager"))
    issuer.claims["manager"] = EVA
    browser = site.browser()
    assert "J1" not in tree(browser.get(way_back(browser))).text and tree(browser.get("/")).all("tr", class_="at_risk")
    assert browser.get("/accounts/J1").status_code == 404 and browser.get("/accounts/E1").status_code == 200
    del issuer.claims["manager"]
    told(site.browser().get(way_back(stranger := site.browser())), 403, "was finished before")
    told(stranger.get(way_back(stranger)), 403, "may not read accounts")
    site.app.state.runtime.access.close()


@pytest.mark.parametrize("roles", [[], ["churn-risk:score"], ["read", "admin"]], ids=str)
def test_who_may_not_read_gets_no_session(own_site: Site, issuer: SigningIssuer, roles: list[str]) -> None:
    issuer.claims["roles"] = roles
    browser = own_site.browser()
    told(browser.get(way_back(browser, "/login/oidc?lang=de")), 403, "darf hier aber keine Kunden lesen")


STALE, REFUSED = "was finished before", "did not succeed"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "x" * 43}, STALE),
        ({"state": "ä"}, STALE),
        ({"state": ""}, STALE),
        ({"iss": "https://evil.example"}, REFUSED),
        ({"iss": ""}, REFUSED),
        ({"code": ""}, REFUSED),
        ({"code": "made up"}, STALE),
    ],
    ids=str,
)
def test_an_answer_that_was_changed(own_site: Site, changed: dict[str, str], said: str) -> None:
    browser = own_site.browser()
    path, _, query = way_back(browser).partition("?")
    fields = {name: value for name, value in (dict(parse_qsl(query)) | changed).items() if value}
    told(browser.get(f"{path}?{urlencode(fields)}"), 403, said)


@pytest.mark.parametrize(
    ("claims", "kid"),
    [
        ({"nonce": "another"}, "rsa"),
        ({"nonce": None}, "rsa"),
        ({"aud": "churn-risk"}, "rsa"),
        ({"azp": "another"}, "rsa"),
        ({"iss": "https://evil.example"}, "rsa"),
        ({"sub": None}, "rsa"),
        ({"exp": 1}, "rsa"),
        ({}, "unknown"),
    ],
    ids=str,
)
def test_a_token_that_does_not_hold(
    own_site: Site,
    issuer: SigningIssuer,
    claims: dict[str, Any],
    kid: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer.claims |= claims
    browser = own_site.browser()
    back = way_back(browser)
    if kid == "unknown":
        known = issuer.public()
        issuer.add("unknown")
        issuer.kid = "unknown"
        monkeypatch.setattr(issuer, "public", lambda: known)
    told(browser.get(back), 403, REFUSED)
    assert "sign-in refused: the ID token does not hold" in caplog.text and "eyJ" not in caplog.text


def test_a_code_counts_once_in_time_and_for_the_browser_that_asked(own_site: Site, issuer: SigningIssuer) -> None:
    browser, other = own_site.browser(), own_site.browser()
    back = way_back(browser)
    attempt = browser.cookies[ATTEMPT]
    told(other.get(back), 403, STALE)
    assert browser.get(back).status_code == 200 and SESSION in browser.cookies
    told(browser.get(back), 403, STALE)
    browser.cookies[ATTEMPT] = attempt
    told(browser.get(back), 403, STALE)
    late = way_back(other)
    issuer.codes.clear()
    told(other.get(late), 403, STALE)
    # A code of somebody else, under a state of one's own: its verifier is not this browser's.
    mine, theirs = (dict(parse_qsl(urlsplit(way_back(each)).query)) for each in (other, own_site.browser()))
    told(other.get(f"/login/callback?{urlencode(mine | {'code': theirs['code']})}"), 403, STALE)


def test_the_issuer_may_say_no(own_site: Site, issuer: SigningIssuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.refusal = "access_denied"
    browser = own_site.browser()
    told(browser.get(way_back(browser, "/login/oidc?lang=de")), 403, "ist nicht gelungen")
    assert "access_denied" in caplog.text


@pytest.mark.parametrize(("lang", "text"), [("en", "does not answer"), ("de", "antwortet nicht")])
def test_while_the_issuer_is_away_a_key_works(own_site: Site, issuer: SigningIssuer, lang: str, text: str) -> None:
    key, browser = own_site.key("read"), own_site.browser()
    issuer.down = True
    assert browser.get(f"/login?lang={lang}").status_code == 200 and not issuer.asked, "asked before anybody wants it"
    answer = browser.get(f"/login/oidc?lang={lang}&next=/accounts/E1")
    told(answer, 503, text)
    assert int(answer.headers["retry-after"]) > 0
    form = tree(answer).one("form", class_="stack")
    page = tree(browser.send(form.attributes["action"], form.fields | {"key": key}))
    assert page.one("h1").text == ACCOUNTS["E1"][-1]
    issuer.down = False
    own_site.clock.pass_by(seconds=10)
    browser = own_site.browser()
    back = way_back(browser)
    issuer.token_status = 500
    told(browser.get(back), 503, "does not answer")
    issuer.down = True
    own_site.clock.pass_by(seconds=5)
    told(browser.get(f"/login/oidc?lang={lang}"), 503, text)


def test_what_is_no_discovery_document(issuer: SigningIssuer) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "end_session_endpoint"):
        kept, issuer.document[name] = issuer.document[name], "http://id.example/x"
        with pytest.raises(IssuerAway):
            Discovery(issuer.address).endpoints()
        issuer.document[name] = kept
    assert Discovery(issuer.address).endpoints().token == f"{issuer.address}/token"


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "/x" * 1500]
)
def test_the_way_back_leads_to_no_other_site(own_site: Site, address: str) -> None:
    browser = own_site.browser()
    back = way_back(browser, f"/login/oidc?{urlencode({'next': address})}")
    assert browser.get(back, follow=False).headers["location"] == "/"
    forged = own_site.browser()
    back = way_back(forged)
    elsewhere = urlsafe_b64encode(b"en//evil.example").decode()
    forged.cookies[ATTEMPT] = forged.cookies[ATTEMPT].partition(".")[0] + f".{elsewhere}"
    assert forged.get(back, follow=False).headers["location"] == "/"


@pytest.mark.parametrize(
    ("secret_in", "methods", "secret"),
    [
        ("form", ["client_secret_post"], None),
        ("header", None, None),
        ("header", ["client_secret_post", "client_secret_basic"], None),
        ("none", None, ""),
    ],
    ids=str,
)
def test_the_secret_goes_where_the_issuer_takes_it(
    own_store: ScoreStore, issuer: SigningIssuer, secret_in: str, methods: Any, secret: str | None
) -> None:
    issuer.secret_in = secret_in
    issuer.document |= {"token_endpoint_auth_methods_supported": methods} if methods else {}
    site = Site(own_store, **settings_of(issuer) | ({} if secret is None else {"oidc_client_secret": secret}))
    browser = site.browser()
    assert browser.get(way_back(browser)).status_code == 200 and SESSION in browser.cookies
    site.app.state.runtime.access.close()


def test_a_session_ends_with_its_time_and_with_its_issuer(own_site: Site, issuer: SigningIssuer) -> None:
    browser = own_site.browser()
    browser.get(way_back(browser))
    for settings, status in ((settings_of(issuer, oidc_client_id=None), 303), (settings_of(issuer), 200)):
        other = Site(own_site.store, **settings)
        assert _with_cookies(other, browser).get("/", follow=False).status_code == status
        other.app.state.runtime.access.close()
    own_site.clock.pass_by(seconds=LASTS.total_seconds() - 1)
    assert browser.get("/", follow=False).status_code == 200
    own_site.clock.pass_by(seconds=1)
    assert browser.get("/", follow=False).status_code == 303


def _with_cookies(site: Site, browser: Browser) -> Browser:
    made = site.browser()
    made.cookies = dict(browser.cookies)
    return made


def test_the_sign_out_ends_our_session_and_leads_to_the_issuers(own_site: Site, issuer: SigningIssuer) -> None:
    browser = own_site.browser()
    browser.get(way_back(browser))
    kept, form = dict(browser.cookies), tree(browser.get("/?lang=de")).one("form", action="/logout?lang=de").fields
    page = tree(browser.send("/logout?lang=de", form))
    assert "bei Ihrem Firmenkonto noch nicht" in page.one("p", role="status").text
    sent = browser.get(page.one("a", href="/login/leave?lang=de").attributes["href"], follow=False)
    assert sent.headers["location"].startswith(f"{issuer.address}/out?") and "client_id" in sent.headers["location"]
    browser.cookies = kept
    assert browser.get("/", follow=False).status_code == 303
    with reading(own_site.store.engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(SESSIONS)).scalar_one() == 0
    by_key = own_site.browser(own_site.key("read"))
    form = tree(by_key.get("/?lang=en")).one("form", action="/logout?lang=en").fields
    assert not tree(by_key.send("/logout?lang=en", form)).all("p", role="status")


def test_what_was_typed_comes_back_after_the_issuer(own_site: Site, issuer: SigningIssuer) -> None:
    browser = own_site.browser()
    browser.get(way_back(browser))
    page = tree(browser.get("/accounts/E1?lang=en"))
    form = next(each.fields for each in page.all("form") if each.fields.get("form") == "feedback")
    for note, kept in (("they built one themselves", True), ("x" * LONGEST_DRAFT, False)):
        del browser.cookies[SESSION]
        page = tree(browser.send("/accounts/E1?lang=en", form | {"verdict": "wrong", "text": note}))
        assert ("too long to be kept" in page.text) is not kept
        answer = browser.get(way_back(browser, page.one("a", class_="button").attributes["href"]))
        assert tree(answer).one("h1").text == ACCOUNTS["E1"][-1] and (note in answer.text) is kept
        assert "churn_risk_draft" not in browser.cookies


def test_without_a_client_the_pages_take_keys_alone(own_store: ScoreStore, issuer: SigningIssuer) -> None:
    site = Site(own_store, **settings_of(issuer, oidc_client_id=None))
    page = tree(site.browser().get("/login?lang=en&left=yes"))
    assert not page.all("a", class_="button") and not page.all("p", role="status")
    for path in ("/login/oidc", "/login/callback?code=x&state=y", "/login/leave"):
        assert site.browser().get(f"{path}", follow=False).headers["location"].startswith("/login?")
    assert CLAIMS and not issuer.asked
    site.app.state.runtime.access.close()
