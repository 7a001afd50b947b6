"""Links to the CRM: on pages, reports, mails, events and in the API, safe for any id; none without the setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from support.pages import Element, Site, Tree
from support.portfolios import EVA
from support.webhooks import AT, DATA

from serving.crm_address import EXAMPLE, filled
from serving.digest.digest_html import html_of, text_of
from serving.digest.managers_file import Managers
from serving.digest.rounds import make_all
from serving.digest.slack_digest import slack_text_of
from serving.pages.page_html import HEADERS
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.webhooks.changes import ALERT, PING, TYPES
from serving.webhooks.delivery.messages import Message, body_of
from serving.webhooks.endpoints import new_endpoint
from serving.words.crm_link import crm_template

E2 = "https://crm.example/a?id=E%2F2&v=1"
NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)


@pytest.fixture
def _set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CHURN_RISK_CRM_URL", "https://crm.example/a?id={account_id}&v=1")
    crm_template.cache_clear()
    yield
    crm_template.cache_clear()


def links(html: str) -> list[Element]:
    found = Tree(html.replace("<!DOCTYPE html>", "").replace("<!doctype html>", "")).root.all("a", class_="crm")
    assert all(each.attributes["target"] == "_blank" and each.attributes["rel"] == "noopener" for each in found)
    return found


@pytest.mark.usefixtures("_set")
@pytest.mark.parametrize(("lang", "said"), [("de", "Im CRM öffnen (neuer Tab)"), ("en", "Open in the CRM (new tab)")])
def test_pages_and_the_api_have_the_address(site: Site, lang: str, said: str) -> None:
    browser = site.browser()
    page = browser.get(f"/accounts/E%2F2?lang={lang}")
    (link,) = links(page.text)
    assert (link.attributes["href"], link.text) == (E2, said)
    assert {name: page.headers[name] for name in HEADERS} == dict(HEADERS)
    (link,) = links(browser.get(f"/v1/accounts/E%2F2/report?lang={lang}").text)
    assert link.attributes["href"] == E2
    rows = links(browser.get(f"/?lang={lang}").text)
    assert len(rows) == 6 and E2 in {row.attributes["href"] for row in rows}
    assert len({row.text for row in rows}) == 6, "each says whose"
    listed = browser.get("/v1/accounts").json()["accounts"]
    assert {row["account_id"]: row["crm_url"] for row in listed}["E/2"] == E2
    assert browser.get("/v1/accounts/E%2F2/risk").json()["crm_url"] == E2


@pytest.mark.usefixtures("_set")
def test_mails_and_events_have_it(store: ScoreStore) -> None:
    made = make_all(store.engine, ServiceSettings(), Managers({}), None, "en", NOW)
    (digest,) = (each.digest for each in made.digests if each.manager == EVA)
    addresses = [link.attributes["href"] for link in links(html_of(digest))]
    assert E2 in addresses and len(addresses) >= len(digest.calls)
    assert f"   In the CRM: {E2}\n" in text_of(digest)
    assert f"(<{E2.replace('&', '&amp;')}|In the CRM>)" in slack_text_of(digest)
    event = Message("evt_1", TYPES[0], AT, DATA | {"account_id": "E/2"})
    assert json.loads(body_of(event, to("standard")))["data"]["crm_url"] == E2
    alert = Message("evt_1", ALERT, AT, DATA | {"account_id": "E/2", "kind": "detractor", "since": "2026-01-01",
                                                "evidence": {"ids": ["S1"]}})  # fmt: skip
    for each in (event, alert):
        last = json.loads(body_of(each, to("slack")))["text"].splitlines()[-1]
        assert last == f"<{E2.replace('&', '&amp;')}|Open in the CRM>"
    assert (
        "crm_url"
        not in json.loads(body_of(Message("evt_1", PING, AT, {"endpoint_id": "ep_1"}), to("standard")))["data"]
    )


def to(style: str) -> object:
    return new_endpoint("https://crm.example/hook", TYPES, AT, style=style, lang="en")


def test_without_the_setting_there_is_none(site: Site) -> None:
    browser = site.browser()
    assert not links(browser.get("/accounts/E%2F2").text) and not links(browser.get("/").text)
    assert browser.get("/v1/accounts/E%2F2/risk").json()["crm_url"] is None


@pytest.mark.parametrize(
    "account_id", ["javascript:alert(1)", '"><script>', "a b\n|>", "{account_id}", "../../x", "Ä%2F", "\ud800"]
)
def test_an_id_stays_in_its_place(account_id: str) -> None:
    made = filled(EXAMPLE, account_id)
    assert made.startswith("https://crm.example/accounts/")
    assert not set(made.removeprefix("https://crm.example/accounts/")) & set("/\\?#<>\"'|&{} \n:")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("javascript:alert('{account_id}')", "does not begin with https://"),
        ("//crm.example/{account_id}", "does not begin with https://"),
        ("https:///{account_id}", "names no host"),
        ("https://crm.example:x/{account_id}", "names no host"),
        ("https://crm.example/accounts", "{account_id} is missing"),
        ("https://{account_id}.example/{account_id}", "before the end of the host"),
        ("https://crm.example\\{account_id}", "letters that must be percent-encoded"),
        ("https://crm.example/{id}/{account_id}", "other braces"),
        ("https://crm.example/a b/{account_id}", "blanks"),
        ("https://crm.example/{account_id}\n", "blanks"),
    ],
)
def test_a_template_that_makes_no_safe_links_is_refused(
    template: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RISK_CRM_URL", template)
    with pytest.raises(ValidationError) as refused:
        ServiceSettings()
    assert said in str(refused.value) and EXAMPLE in str(refused.value) and repr(template) in str(refused.value)


def test_a_sign_in_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_CRM_URL", "https://me:geheim@crm.example/{account_id}")
    with pytest.raises(ValidationError, match="carries a sign-in") as refused:
        ServiceSettings()
    assert "geheim" not in str(refused.value)
