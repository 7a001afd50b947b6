"""The portfolio: every figure is the API's, the order is what a call is worth, and the address says all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from support.pages import Browser, Element, Site, tree
from support.portfolios import ACCOUNTS, EVA, EVIL, JAN, evidence, score_of
from support.served import Client
from support.stored import DAY, MODEL, opened, put

from serving.database.engine import reading
from serving.portfolio.expected_loss import expected_loss
from serving.portfolio.portfolio_lines import lines_of
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import Wanted
from serving.store import ScoreStore
from serving.words.caution_words import grade_sentence
from serving.words.formats import LANGS, Formats, Lang
from serving.words.wording import page_texts, screen_texts
from training.worth.level import Loss, level_from, predicted_loss

#: What a call is worth first, then what else is at risk, then the unknown, then the rest.
USUAL = ["J1", "E/2", "E1", "E4", "E3", "N1"]


@pytest.fixture(scope="module")
def everybody(site: Site) -> Browser:
    return site.browser(site.key("read"))


@pytest.fixture(scope="module")
def api(site: Site) -> Callable[[str], Any]:
    client = Client(site.app, {"Authorization": f"Bearer {site.key('read')}"})
    return lambda path: client.get(path).json()


def loss_of(listed: Iterable[dict[str, Any]]) -> Loss:
    """Return the loss that the model's level makes of rows of the API."""
    of = sorted(listed, key=lambda row: row["account_id"])
    share, revenue = (np.array([row[name] for row in of]) for name in ("churn_probability", "revenue_365d"))
    return predicted_loss(share, revenue, level_from(MODEL["level"]), [row["account_id"] for row in of])


def sums_of(page: Element, part: str = "value") -> list[str]:
    return [each.one("span", class_=part).text for each in page.one("dl", class_="sums").all("div")]


def rows(page: Element) -> list[Element]:
    return page.one("table", class_="accounts").one("tbody").all("tr")


def ids(page: Element) -> list[str]:
    return [row.one("th").one("span", class_="under").text.split(" · ")[0] for row in rows(page)]


@pytest.mark.parametrize("lang", LANGS)
def test_every_figure_is_the_api_s(everybody: Browser, api: Callable[[str], Any], lang: Lang) -> None:
    page, formats = tree(everybody.get(f"/?lang={lang}")), Formats(lang, "EUR")
    listed = {row["account_id"]: row for row in api(f"/v1/accounts?limit=200&lang={lang}")["accounts"]}
    bands, actions = page_texts(lang)["bands"], screen_texts(lang)["actions"]
    assert page.one("html").attributes["lang"] == lang
    assert set(ids(page)) == set(listed) == set(ACCOUNTS)
    for account_id, row in zip(ids(page), rows(page), strict=True):
        stored, risk = listed[account_id], row.one("td", class_="risk")
        known = stored["band"] != "unknown"
        assert row.one("th").one("a").text == stored["name"]
        assert risk.all("strong")[0].text == bands[stored["band"]]
        assert len(risk.all("strong")) == 1 + stored["threat"]
        estimate = formats.probability(stored["churn_probability"])
        shown = risk.one("span", class_="probability").text
        assert shown == (" ".join(estimate.split()) if known else screen_texts(lang)["portfolio"]["no_estimate"])
        money = " ".join(formats.money(stored["revenue_at_risk"]).split()) if known else "–"
        assert row.one("span", class_="amount").text == money
        named = [actions[action] for action in (stored["best_action"],) if action]
        assert [each.text for each in row.one("td", class_="action").all("strong")] == named
        if known:
            # In this book the weightiest reason raises the estimate of all.
            assert row.one("span", class_="told").text == " ".join(stored["reason_1"].split())
    total = sum(row["revenue_at_risk"] for row in listed.values())
    before = sum(round(each[3] * each[4] / 2, 2) for each in ACCOUNTS.values())
    sums = sums_of(page)
    unheard = sum(row["revenue_365d"] for row in listed.values() if row["unheard_180d"])
    due, loss = sum(row["renewals_due_90d"] for row in listed.values()), loss_of(listed.values())
    spanned = f"{formats.money(loss.low)} {'bis' if lang == 'de' else 'to'} {formats.money(loss.high)}"
    assert (unheard, due) == (800_000.0, 1.0)
    told = (formats.money(total), spanned, formats.money(unheard), formats.money(due))
    assert sums == [" ".join(text.split()) for text in (*told, formats.money(total - before, signed=True))]


@pytest.mark.parametrize("lang", LANGS)
def test_no_money_is_at_risk_where_there_is_no_estimate(everybody: Browser, lang: Lang) -> None:
    page = tree(everybody.get(f"/?lang={lang}&band=unknown"))
    assert rows(page) and all(row.one("span", class_="amount").text == "–" for row in rows(page))
    risk, *standing, change = sums_of(page)
    assert (risk, change) == ("–", "–") and [text.split()[0].strip("€") for text in standing] == ["0", "0"]


def test_what_is_long_above_the_list_is_folded_and_its_fold_names_the_grade(everybody: Browser) -> None:
    """Style sheets open the folds on a desk; `live/test_walk_in_browser.py` looks at both widths."""
    about, *meanings, pressing, filters = tree(everybody.get("/?lang=de")).all("details", class_="fold")
    assert about.one("summary").text.startswith(f"So ist die Liste zu lesen: Modellnote {MODEL['grade']}")
    assert (
        about.all("p", class_="lead")
        and len(meanings) == 4
        and all(each.one("span", class_="note") for each in meanings)
        and pressing.all("p")
        and filters.one("form")
    )
    assert "open" not in about.attributes and "open" not in filters.attributes
    assert "open" in tree(everybody.get("/?lang=de&band=safe")).all("details", class_="fold")[-1].attributes


@pytest.mark.parametrize("lang", LANGS)
def test_the_grade_stands_above_the_list_and_above_an_account(everybody: Browser, lang: Lang) -> None:
    """With what it means; before the list's first estimate, and before the reasons of an account."""
    grade, why = grade_sentence(MODEL["grade"], lang), page_texts(lang)["why"]["heading"]
    page = tree(everybody.get(f"/?lang={lang}"))
    account = tree(everybody.get(f"/accounts/E1?lang={lang}"))
    for shown, after in ((page, page.all(class_="probability")[0].text), (account, why)):
        assert shown.text.count(grade) == 1 and shown.text.index(grade) < shown.text.rindex(after)


def test_the_range_is_that_of_the_accounts_shown(
    everybody: Browser, store: ScoreStore, api: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(**filters: str) -> Any:
        with reading(store.engine) as connection:
            return read_portfolio(connection, None, Wanted(**filters)).sums.loss

    listed = api("/v1/accounts?limit=200")["accounts"]
    for filters in ({}, {"manager": EVA}, {"band": "at_risk"}):
        of = [row for row in listed if filters.items() <= ({"manager": row["account_manager"]} | row).items()]
        expected = loss_of(of)
        assert loss(**filters) == expected and expected.expected == pytest.approx(sum(r["revenue_at_risk"] for r in of))
    formats, told = Formats("en", "EUR"), sums_of(tree(everybody.get("/?lang=en")))
    assert told[1] == f"{formats.money(loss().low)} to {formats.money(loss().high)}" and len(told) == 5
    monkeypatch.setattr("serving.portfolio.portfolio_sums.expected_loss", lambda rows, model: expected_loss(rows, {}))
    assert sums_of(tree(everybody.get("/?lang=en"))) == [told[0], *told[2:]]


def test_changes_and_lines_are_those_of_the_history(everybody: Browser, api: Callable[[str], Any]) -> None:
    page = tree(everybody.get("/?lang=en"))
    for account_id, row in zip(ids(page), rows(page), strict=True):
        history = api(f"/v1/accounts/{quote(account_id, safe='')}/risk")["history"]
        shares = [past["churn_probability"] for past in history]
        if ACCOUNTS[account_id][1] == "unknown":
            assert not row.all("svg") and not row.all("span", class_="change")
            continue
        change = row.one("span", class_="change").text
        moved = shares[-1] - shares[0]
        assert change.startswith(Formats("en").points(moved) if moved else "unchanged")
        line = row.one("svg").attributes["aria-label"]
        assert [line.find(Formats("en").probability(share)) > 0 for share in shares] == [True, True]
        assert len(row.one("polyline").attributes["points"].split()) == len(shares)


def test_what_must_not_wait_is_named(everybody: Browser) -> None:
    page = tree(everybody.get("/?lang=de"))
    watch = {account: row.one("td", class_="watch").text for account, row in zip(ids(page), rows(page), strict=True)}
    assert watch["E1"] == "2 Feedbacks über 48 Std. offen, bis zu 21 Tagen"
    report = tree(everybody.get("/accounts/E1?lang=de")).one("section", id="open_loops").text
    assert "L500.0" in report and "21 Tage" in report, "counted in one way, and to be found by its id"
    assert watch["E/2"] == "Vertrag endet in 40 Tagen, am 10.02.2026"
    assert watch["J1"] == "–"


def test_a_contract_that_ends_at_the_as_of_date_ends_in_no_zero_days(tmp_path: Path) -> None:
    told, facts = {}, evidence()
    contract = facts["E/2"]["contracts"]["rows"][0]
    for days in (0, 1):
        contract["ends_on"] = facts["E/2"]["standing"]["contract_ends_on"] = (DAY + timedelta(days=days)).isoformat()
        with opened(f"sqlite:///{tmp_path}/{days}.db") as store:
            put(store, *map(score_of, ACCOUNTS), evidence=facts)
            page = tree(Site(store, open_reads=True).browser().get("/?lang=en"))
            told[days] = dict(zip(ids(page), rows(page), strict=True))["E/2"].one("td", class_="watch").text
    assert told == {0: "Contract ends on 1 Jan 2026", 1: "Contract ends in 1 day, on 2 Jan 2026"}


def test_what_is_unknown_never_looks_safe(everybody: Browser) -> None:
    page = tree(everybody.get("/?lang=en"))
    (row,) = (row for row in rows(page) if "Neuling" in row.text)
    assert row.attributes["class"] == "unknown" and row.one("strong", class_="unknown").text == "Unknown"
    assert "2.0%" not in row.text and "no sign that the account is safe" in row.text
    order = ids(tree(everybody.get("/?sort=worth")))
    assert order.index("E4") < min(order.index("E3"), order.index("N1"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, USUAL),
        ({"sort": "revenue_at_risk"}, ["J1", "E3", "E/2", "E1", "N1", "E4"]),
        ({"sort": "probability"}, ["J1", "E1", "E/2", "E3", "N1", "E4"]),
        ({"sort": "change"}, ["J1", "E1", "E3", "N1", "E/2", "E4"]),
        ({"sort": "name"}, ["E/2", "E1", "E4", "N1", "E3", "J1"]),
        ({"band": "at_risk"}, ["J1", "E/2", "E1"]),
        ({"band": "unknown"}, ["E4"]),
        ({"threat": "yes"}, ["J1", "E/2"]),
        ({"threat": "no", "band": "at_risk"}, ["E1"]),
        ({"manager": EVA}, ["E/2", "E1", "E4", "E3"]),
        ({"unmanaged": "yes"}, ["N1"]),
        ({"q": "riese"}, ["E3"]),
        ({"q": "ÄRZTE"}, ["E1"]),
        ({"q": "aerzte"}, ["E1"]),
        ({"q": "a\u0308rzte"}, ["E1"]),
        ({"q": "e/"}, ["E/2"]),
        ({"q": "alert(1)"}, ["E/2"]),
    ],
    ids=str,
)
def test_filters_and_orders(everybody: Browser, query: dict[str, str], expected: list[str]) -> None:
    page = tree(everybody.get("/?" + urlencode(query)))
    assert ids(page) == expected
    sent = page.one("form", class_="filters").fields
    assert {name: sent.get(name) for name in query} == query


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "2 key accounts"), (f"manager={quote(EVA)}", "1 key account "), ("q=werft&band=safe", "1 key account ")],
)
def test_what_waits_is_counted_among_the_accounts_that_the_filters_leave(
    everybody: Browser, query: str, expected: str
) -> None:
    urgent = tree(everybody.get(f"/?lang=en&{query}")).one("p", class_="urgent")
    assert expected in urgent.text
    (link,) = urgent.all("a")
    assert len(ids(tree(everybody.get(link.attributes["href"] + "&band=")))) == int(expected[0])


def test_a_browser_tells_our_own_pages_where_a_form_comes_from(everybody: Browser) -> None:
    """Told nothing, Chromium sends `Origin: null`, and a service without keys takes a form for one of another page."""
    assert everybody.get("/").headers["referrer-policy"] == "same-origin"


def test_a_filter_that_finds_nothing_says_so(everybody: Browser) -> None:
    for q in ("%", "_", "nobody", "\x00Riese' OR 1=1"):
        page = tree(everybody.get("/?" + urlencode({"q": q, "lang": "de"})))
        assert "Kein Kunde passt" in page.text and not page.all("table")
        # There is an earlier run, and nothing is known to be lost "between 0 and 0".
        notes = [each.text for each in page.one("dl", class_="sums").all("span", class_="note")]
        assert notes == ["es ist kein Kunde aufgeführt"] * 2


def test_pages_hold_every_account_once(everybody: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.portfolio.portfolio_query.ROWS", 2)
    found, address = [], "/?sort=probability&threat=no&lang=de"
    while address:
        page = tree(everybody.get(address))
        found += ids(page)
        following = page.all("a", rel="next")
        address = "/" + following[0].attributes["href"] if following else ""
    assert found == ["E1", "E3", "N1", "E4"]
    assert "Seite 2 von 2, 4 Kunden" in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("band=red", "Die Einstufung „red“ gibt es nicht"),
        ("threat=maybe", "„maybe“ steht bei Großkunden nicht zur Wahl"),
        ("unmanaged=no", "„no“ steht bei „ohne Betreuung“ nicht zur Wahl"),
        ("unmanaged=yes&manager=Eva", "Kunden von „Eva“, die keine Betreuung haben, gibt es nicht"),
        ("sort=secret", "Die Reihenfolge „secret“ gibt es nicht"),
        ("page=0", "„0“ ist keine Seitenzahl"),
        ("page=-1", "„-1“ ist keine Seitenzahl"),
        ("page=" + "9" * 5000, "ist keine Seitenzahl"),
        ("page=7", "Seite 7 gibt es nicht; die letzte ist Seite 1"),
        ("q=" + "x" * 101, "höchstens 100 Zeichen"),
        ("band=" + quote(EVIL), f"Die Einstufung „{EVIL}“ gibt es nicht"),
    ],
)  # fmt: skip
def test_what_is_made_up_is_told_and_left_out(everybody: Browser, query: str, told: str) -> None:
    answer = everybody.get(f"/?{query}&lang=de")
    (problem,) = tree(answer).all("p", role="alert")
    assert answer.status_code == 422 and told in problem.text


def test_every_made_up_value_is_told_at_once_in_the_reader_s_language(everybody: Browser) -> None:
    answer = everybody.get("/?band=red&sort=x&page=x&lang=fr", accept_language="de-AT,en;q=0.5")
    problems = [each.text for each in tree(answer).all("p", role="alert")]
    assert len(problems) == 4 and "Die Sprache „fr“ gibt es nicht; es gibt de und en." in problems


def test_a_name_that_is_markup_stays_text(everybody: Browser) -> None:
    for path in ("/", "/?" + urlencode({"q": EVIL, "manager": EVIL}), "/accounts/E%2F2"):
        answer = everybody.get(path)
        assert "<script" not in answer.text and "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
        assert EVIL in tree(answer).text or EVIL in str([each.attributes for each in tree(answer).all("input")])


def test_without_scores_the_page_says_how_to_get_some(site: Site, everybody: Browser, monkeypatch: Any) -> None:
    monkeypatch.setattr("serving.portfolio.portfolio_query.newest_run", lambda *_: _nothing())
    page = tree(everybody.get("/"))
    assert "churn-risk score SOURCE" in page.text and not page.all("table")


def _nothing() -> Any:
    from serving.store.score_tables import newest_run

    return newest_run().where(False)


def test_only_who_sees_all_chooses_a_manager_or_the_accounts_of_nobody(site: Site, everybody: Browser) -> None:
    assert [each.text for each in tree(everybody.get("/")).one("select", id="manager").all("option")] == [
        "Any",
        EVA,
        JAN,
    ]
    of_eva = tree(site.browser(site.key("read", account_manager=EVA)).get("/"))
    assert not of_eva.all("select", id="manager") and not of_eva.all("input", id="unmanaged")


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "Worth contacting for its size"), ("de", "Der Größe wegen ansprechen")]
)
def test_at_risk_by_size_is_said_beside_a_low_figure(site: Site, store: ScoreStore, lang: Lang, said: str) -> None:
    with reading(store.engine) as connection:
        found = read_portfolio(connection, None, Wanted())
    large, likely = (dict(next(row for row in found.rows if row["account_id"] == name)) for name in ("E3", "J1"))
    large |= {"band": "at_risk", "threat": True, "expected_profit": 90.0, "base_probability": 0.05}
    lines = lines_of(replace(found, rows=[large, likely]), lang, date(2026, 1, 15))
    assert lines[0].size.startswith(said) and not lines[1].size


@pytest.mark.parametrize(
    "template",
    ["pages/templates/portfolio.html.j2", "reports/templates/portfolio_report.html.j2",
     "reports/templates/board_report.html.j2", "digest/templates/digest.html.j2", "digest/templates/digest.txt.j2"],
)  # fmt: skip
def test_every_list_with_a_probability_says_it(template: str) -> None:
    text = files("serving").joinpath(template).read_text(encoding="utf-8")
    assert "line.probability" in text and "line.size" in text
