"""An account's page: the report in its frame; what is typed into its forms is stored once and whole, or kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.stored import opened, put

from serving.access.page_sessions import LASTS
from serving.acting.acting_tables import FEEDBACK, STEPS
from serving.database.engine import reading, writing
from serving.scoring import cautions
from serving.scoring.cautions import Caution
from serving.words import caution_words
from serving.words.formats import LANGS, Lang

STEP = {"form": "step", "kind": "call", "what": "Ask <b>why</b>", "owner": "Eva", "due_on": "2099-02-01"}
TYPED = {name: STEP[name] for name in ("what", "owner", "due_on")}
PAGE = "/accounts/E1"


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        for before in (True, False):
            put(store, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
        made = Site(store)
        yield made
        made.app.state.runtime.access.close()


@pytest.fixture
def eva(own_site: Site) -> Browser:
    return own_site.browser(own_site.key("read", "feedback", account_manager=EVA))


def stored(site: Site) -> tuple[list[Any], list[Any]]:
    with reading(site.store.engine) as connection:
        steps, said = (connection.execute(table.select()).mappings().all() for table in (STEPS, FEEDBACK))
    return list(steps), list(said)


def form_of(answer: httpx.Response, kind: str) -> dict[str, str]:
    (found,) = (each for each in tree(answer).all("form") if each.fields.get("form") == kind)
    return found.fields


def send(browser: Browser, kind: str, lang: str = "en", page: str = PAGE, **typed: str) -> httpx.Response:
    """Fill in a form of an account's page and send it."""
    form = form_of(browser.get(f"{page}?lang={lang}"), kind)
    return browser.send(f"{page}?lang={lang}", form | typed)


def problems(answer: httpx.Response) -> list[str]:
    return [each.text for each in tree(answer).all("p", role="alert")]


@pytest.mark.parametrize("lang", LANGS)
def test_the_report_stands_in_a_frame(eva: Browser, lang: Lang) -> None:
    page = tree(eva.get(f"{PAGE}?lang={lang}"))
    assert page.one("h1").text == ACCOUNTS["E1"][-1] and page.one("p", class_="number").text.startswith("42")
    way = page.one("div", class_="way")
    alone = f"{PAGE}?lang={lang}&view="
    assert [each.attributes["href"] for each in way.all("a")] == [f"/?lang={lang}", f"{alone}print", f"{alone}pdf"]
    facts = {"de": ("Gefährdet seit 03.10.2025", "05.02.2027"), "en": ("At risk since 3 Oct 2025", "5 Feb 2027")}
    assert all(fact in way.text for fact in facts[lang])
    printed = eva.get(f"{alone}print")
    assert printed.status_code == 200 and "<form" not in printed.text and ACCOUNTS["E1"][-1] in printed.text


@pytest.mark.parametrize("view", ["", "&view=pdf", "&view=print"])
def test_a_language_that_there_is_not_is_told(eva: Browser, view: str) -> None:
    answer = eva.get(f"/accounts/E1?lang=fr{view}", accept_language="de")
    assert answer.status_code == 422
    assert tree(answer).one("p", role="alert").text == "Die Sprache „fr“ gibt es nicht; es gibt de und en."


@pytest.mark.parametrize("lang", LANGS)
def test_an_old_estimate_says_its_age_wherever_it_is_read(
    eva: Browser, lang: Lang, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = caution_words.told(Caution("aged", {"days": 0}), lang).partition("0")[0]
    for most, expected in ((10_000, False), (-1, True)):
        monkeypatch.setattr(cautions, "AGED_DAYS", most)
        for path in ("/", PAGE):
            assert (said in tree(eva.get(f"{path}?lang={lang}")).text) is expected, path


def test_a_step_is_stored_with_who_and_when_and_stands_in_the_portfolio(own_site: Site, eva: Browser) -> None:
    answer = send(eva, "step", **TYPED)
    assert "The step is stored." in tree(answer).text
    ((step,), _) = stored(own_site)
    assert (step["account_id"], step["what"], step["owner"], step["due_on"]) == (
        "E1", "Ask <b>why</b>", "Eva", date(2099, 2, 1),
    )  # fmt: skip
    assert step["created_by"].startswith("key:") and step["created_at"] == own_site.clock.now()
    for due_on, told in (
        (date(2099, 2, 1), "Eva, bis 01.02.2099"),
        (date(2026, 2, 1), "Überfällig: Eva, bis 01.02.2026"),
    ):
        with writing(own_site.store.engine) as connection:
            connection.execute(STEPS.update().values(due_on=due_on))
        row = next(row for row in tree(eva.get("/?lang=de")).all("tr") if "E1" in row.text)
        assert row.one("td", class_="step").text == f"Ask <b>why</b> {told}"
    assert "<b>why" not in eva.get("/").text + answer.text
    done = form_of(answer, "done")
    assert "marked as done" in tree(eva.send(f"{PAGE}?lang=en", done)).text
    own_site.clock.pass_by(seconds=60)
    eva.send(f"{PAGE}?lang=en", done)
    ((step,), _) = stored(own_site)
    assert step["done_by"] == step["created_by"] and own_site.clock.now() != step["done_at"]


def test_a_form_that_is_sent_twice_is_stored_once(own_site: Site, eva: Browser) -> None:
    for kind, typed in (("step", STEP), ("feedback", {"verdict": "wrong", "text": "They renewed"})):
        form = form_of(eva.get(PAGE), kind) | typed
        assert [eva.send(PAGE, form).status_code for _ in range(3)] == [200, 200, 200]
    for kind, typed in (("step", STEP), ("feedback", {"verdict": "wrong", "text": "They renewed"})):
        anew = form_of(eva.get(PAGE), kind) | typed
        assert eva.send(PAGE, anew).status_code == 200, "from a page that was opened anew, as going back does"
    steps, said = stored(own_site)
    assert (len(steps), len(said)) == (1, 1)
    send(eva, "step", **TYPED | {"owner": "Jan"})
    send(eva, "feedback", verdict="agree", text="")
    send(eva, "feedback", verdict="wrong", text="They renewed")
    assert [len(rows) for rows in stored(own_site)] == [2, 3], "what is not the same, or not said last, is new"
    page = tree(eva.get(PAGE)).text
    assert "key:" not in page and "Eva, " in page, "who said it has a name"
    assert (said[0]["verdict"], said[0]["churn_probability"], said[0]["model_version"]) == ("wrong", 0.42, "1")


@pytest.mark.parametrize(
    ("kind", "typed", "told"),
    [
        ("step", {"owner": " "}, ["Für den Schritt ist niemand zuständig"]),
        ("step", {"what": "", "owner": "", "due_on": "31.1.2026", "kind": "fax"},
         ["Dem Schritt fehlt", "niemand zuständig", "„31.1.2026“ ist kein Datum", "Die Art „fax“"]),
        ("step", {"what": "x" * 501}, ["länger als 500 Zeichen"]),
        ("step", {"due_on": "2026-01-31"}, ["2026-01-31 ist schon vorbei"]),
        ("feedback", {"verdict": "wrong", "text": ""}, ["warum die Schätzung falsch ist"]),
        ("feedback", {"verdict": "note", "text": "\n"}, ["Die Notiz ist leer"]),
        ("feedback", {"verdict": "maybe", "text": "hm"}, ["„maybe“ steht nicht zur Wahl"]),
        ("feedback", {"verdict": "agree", "form": "other"}, ["Dieses Formular ist nicht bekannt"]),
        ("feedback", {"form": "done", "step_id": "9"}, ["Diesen Schritt gibt es bei diesem Kunden nicht"]),
        ("feedback", {"form": "done", "step_id": "1" * 40}, ["Diesen Schritt gibt es bei diesem Kunden nicht"]),
    ],
)  # fmt: skip
def test_what_is_wrong_comes_back_with_what_was_typed(
    own_site: Site, eva: Browser, kind: str, typed: dict[str, str], told: list[str]
) -> None:
    sent = (STEP if kind == "step" else {}) | {"text": "kept"} | typed
    form = form_of(eva.get(f"{PAGE}?lang=de"), kind) | sent
    answer = eva.send(f"{PAGE}?lang=de", form)
    assert answer.status_code == 422 and len(problems(answer)) == len(told)
    assert all(text in problem for text, problem in zip(told, problems(answer), strict=True))
    assert stored(own_site) == ([], [])
    page = tree(answer)
    if kind == "step":
        assert page.one("input", id="what").attributes["value"] == sent["what"]
        assert page.one("input", id="due_on").attributes["value"] == sent["due_on"]
    else:
        assert page.one("textarea").text == sent["text"].strip()


def test_a_form_after_the_session_s_end_is_kept_through_the_sign_in(own_site: Site) -> None:
    key = own_site.key("read", "feedback")
    browser = own_site.browser(key)
    form = form_of(browser.get("/accounts/E%2F2?lang=de"), "feedback") | {"verdict": "wrong", "text": "Ist ‹da›"}
    own_site.clock.pass_by(seconds=LASTS.total_seconds())
    answer = browser.send("/accounts/E%2F2?lang=de", form)
    assert answer.status_code == 401 and "gespeichert wurde nichts" in problems(answer)[0]
    login = tree(answer).one("form", class_="stack")
    page = browser.send(login.attributes["action"], login.fields | {"key": key})
    assert stored(own_site) == ([], []) and tree(page).one("h1").text == ACCOUNTS["E/2"][-1]
    again = form_of(page, "feedback")
    assert (again["verdict"], again["text"]) == ("wrong", "Ist ‹da›")
    assert browser.send("/accounts/E%2F2?lang=de", again).status_code == 200
    assert [said["account_id"] for said in stored(own_site)[1]] == ["E/2"]


def test_another_site_another_s_account_and_a_reader_store_nothing(own_site: Site, eva: Browser) -> None:
    form = form_of(eva.get(PAGE), "step") | STEP
    forged = eva.send(PAGE, form | {"token": "0" * 64})
    assert forged.status_code == 403 and tree(forged).one("input", id="what").attributes["value"] == STEP["what"]
    jan = own_site.browser(own_site.key("read", "feedback", account_manager=JAN))
    own = form_of(jan.get("/accounts/J1"), "step") | STEP
    assert jan.send(PAGE, own).text == jan.send("/accounts/ghost", own).text
    reader = own_site.browser(own_site.key("read"))
    assert not tree(reader.get(PAGE)).all("textarea")
    token = tree(reader.get(PAGE)).all("input", name="token")[0].attributes["value"]
    assert reader.send(PAGE, STEP | {"token": token}).status_code == 403
    assert eva.send(PAGE, form | {"what": "x" * 70_000}).status_code == 413
    assert stored(own_site) == ([], [])


def test_what_waits_for_a_decision_stands_on_top(own_site: Site, eva: Browser) -> None:
    def order(query: str = "") -> list[str]:
        table = tree(eva.get(f"/?lang=en{query}")).one("table", class_="accounts").one("tbody")
        return [row.one("th").one("span").text.split(" ")[0] for row in table.all("tr")]

    page = tree(eva.get("/?lang=en"))
    assert "1 key account at risk has no next step." in page.one("p", class_="urgent").text
    assert order()[0] == "E/2" and order("&todo=yes") == ["E/2"]
    send(eva, "feedback", page="/accounts/E3", verdict="wrong", text="They told me they leave")
    assert order() == ["E/2", "E3", "E1", "E4"] and order("&todo=yes") == ["E/2", "E3"]
    assert "1 estimate was called wrong" in tree(eva.get("/?lang=en")).one("p", class_="urgent").text
    send(eva, "step", page="/accounts/E%2F2", **TYPED)
    assert order("&todo=yes") == ["E3"]
    send(eva, "feedback", page="/accounts/E3", verdict="handled", text="")
    assert not tree(eva.get("/")).all("p", class_="urgent") and order()[0] == "E/2"
    jan = own_site.browser(own_site.key("read", account_manager=JAN))
    assert "1 key account" in tree(jan.get("/?lang=en")).one("p", class_="urgent").text
