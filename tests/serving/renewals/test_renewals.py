"""Renewals and losses that a run keeps: both calls before the end, disagreements first, and one's own accounts only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from support.figures import ANA, BO, figures_by_hand, kept_beside
from support.pages import Site, tree
from support.served import Client
from support.stored import MODEL, SCORE, opened, put

from features.errors import InputError
from serving.acting.acting_tables import Verdict
from serving.acting.acts import NewFeedback, add_feedback
from serving.api.routes.renewal_routes import RenewalOut
from serving.database.engine import reading, writing
from serving.losses import kept_departures
from serving.losses.departures import BEFORE, FACTS, Departure
from serving.losses.kept_departures import Period, read_left, read_period, with_departures
from serving.pages import renewals_page
from serving.renewals.calls import STAGES, Renewal
from serving.renewals.renewal_list import renewal_table
from serving.renewals.to_renew import ReadContracts, Renewals, read_renewals
from serving.scoring.book_figures import CONTRACTS, BookFigures
from serving.store import ScoreStore
from serving.store.figure_tables import forget_figures
from serving.words.formats import LANGS, Lang

NEWEST = SCORE.as_of  # 2026-01-01
#: Account -> end, value, probability of staying; the last is overdue.
ENDS = {"ana-1": ("2026-03-01", 1000.0, 0.9), "ana-2": ("2026-06-01", 500.0, None), "bo-1": ("2026-02-01", 700.0, 0.5)}
LEFT = Departure("bo-2", "Name of bo-2", BO, date(2025, 6, 30), "price", False, 1234.5,
                 {days: dict.fromkeys(FACTS, 1.0) for days in BEFORE})  # fmt: skip


def run_figures() -> BookFigures:
    """Return figures by hand with contracts to renew, of which bo-2's is overdue."""
    kept = {name: [_contract(name, *given)] for name, given in ENDS.items()}
    kept["bo-2"] = [_contract("bo-2", "2025-12-01", 40.0, None, True)]
    return replace(figures_by_hand(), beside=(kept_beside(CONTRACTS, kept),))


def _contract(name: str, ends_on: str, value: float, stays: float | None, overdue: bool = False) -> dict[str, Any]:
    return {"contract_id": f"k-{name}", "ends_on": ends_on, "value": value, "overdue": overdue, "stays": stays}


def score(name: str, as_of: date, band: str, share: float = 0.3) -> Any:
    return replace(SCORE, account_id=name, as_of=as_of, band=band, churn_probability=share)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the app over runs of August, October and January, in which Ana called two scores wrong and one right."""
    with opened(f"sqlite:///{tmp_path_factory.mktemp('renewals') / 'scores.db'}") as store:
        early, later = date(2025, 8, 1), date(2025, 10, 20)
        put(store, score("ana-1", early, "safe"), score("bo-1", early, "unknown"))
        put(store, score("ana-1", later, "at_risk"))
        newest = [
            score(name, NEWEST, band) for name, band in (("ana-1", "at_risk"), ("ana-2", "safe"), ("bo-1", "safe"))
        ]
        patched = _kept(run_figures())
        store.write(newest, {}, MODEL, NEWEST, SCORE.scored_at, figures=patched)
        say(store, score("ana-1", early, "safe"), "wrong")
        say(store, score("ana-1", later, "at_risk"), "agree")
        say(store, score("ana-1", later, "at_risk"), "note")
        say(store, score("ana-2", NEWEST, "safe"), "wrong")
        made = Site(store, rate_limit="100000/minute")
        yield made
        made.app.state.runtime.access.close()


def _kept(figures: BookFigures) -> BookFigures:
    """Return figures with one departure, as scoring keeps it, without computing its signals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_departures, "Departures", lambda *_: [LEFT])
        patch.setattr(kept_departures, "recording", lambda *_: type("", (), {"book": None})())
        return with_departures(figures, None, NEWEST)  # type: ignore[arg-type]


def say(store: ScoreStore, of: Any, verdict: Verdict) -> None:
    with writing(store.engine) as connection:
        at = datetime(2026, 1, 2, tzinfo=UTC)
        add_feedback(connection, of, NewFeedback(verdict, "why"), "key:1", at, f"{of.account_id}{of.as_of}{verdict}")


def read(site: Site, who: str | None = None) -> Renewals:
    """Return the lists with all their contracts."""
    with reading(site.store.engine) as connection:
        found = read_renewals(connection, who)
        assert found is not None
        soon, overdue = (ReadContracts(kind.of(0, 100)) for kind in (found.soon, found.overdue))
    return replace(found, soon=soon, overdue=overdue)


def read_losses_kept(store: ScoreStore) -> tuple[Period, list[Departure]]:
    with reading(store.engine) as connection:
        period = read_period(connection)
        assert period is not None
        return period, read_left(connection, period, None)


def test_the_calls_of_each_stage_stand_side_by_side(site: Site) -> None:
    found = {row.account_id: row for row in read(site).soon.of(0, 9)}
    calls = {
        name: {stage: (call.as_of.month, call.model, call.manager) for stage, call in row.calls.items()}
        for name, row in found.items()
    }
    assert calls == {
        # Its end is 59 days ahead: 180 days before is September, 90 days before is December.
        "ana-1": {180: (8, "safe", "wrong"), 90: (10, "at_risk", "at_risk"), 0: (1, "at_risk", None)},
        # 151 days ahead: 180 days before it no run had scored it, 90 days before is to come.
        "ana-2": {0: (1, "safe", "wrong")},
        "bo-1": {180: (8, None, None), 0: (1, "safe", None)},
    }  # fmt: skip
    assert STAGES == (180, 90, 0)


def test_an_answer_rounds_once() -> None:
    contract = Renewal("A", None, None, "C", NEWEST, 955960.123456, False, 0.9920279765364121, {})
    out = RenewalOut.of(contract)
    assert (out.stays_probability, out.expected, out.annual_value) == (0.992028, 948339.19, 955960.12)


def test_disagreements_come_first_then_what_may_be_lost(site: Site) -> None:
    """Of ana-1 the newest call that Ana said is the model's own; her first was another one."""
    found = read(site)
    assert [(row.account_id, row.disagreed, row.expected) for row in found.soon.of(0, 9)] == [
        ("ana-2", True, None), ("bo-1", False, 350.0), ("ana-1", False, 900.0),
    ]  # fmt: skip
    assert [(row.account_id, row.overdue) for row in found.overdue.of(0, 9)] == [("bo-2", True)]


def client(site: Site, manager: str | None = None) -> Client:
    return Client(site.app, {"Authorization": f"Bearer {site.key('read', account_manager=manager)}"})


@pytest.mark.parametrize(("who", "asked", "mine"), [(None, "", 3), (ANA, "", 2), (None, BO, 1), (BO, ANA, 0)])
def test_the_api_gives_one_s_own_contracts(site: Site, who: str | None, asked: str, mine: int) -> None:
    query = f"?account_manager={asked}" if asked else ""
    body = client(site, who).get(f"/v1/renewals{query}").json()
    assert (body["total"], len(body["renewals"]), body["stored"]) == (mine, mine, True)
    assert {row["account_manager"] for row in body["renewals"]} <= (
        {ANA, BO} if who is None and not asked else {who or asked}
    )
    if who is None and not asked:
        first, second = body["renewals"][:2]
        assert (first["account_id"], first["disagreed"], first["stays_probability"]) == ("ana-2", True, None)
        assert (second["expected"], second["calls"][0]["days_before"]) == (350.0, 180)
        assert (body["model"]["version"], body["model"]["grade"]) == (body["model_version"], "B")
        page = client(site).get("/v1/renewals?limit=1&offset=2").json()["renewals"]
        assert [row["account_id"] for row in page] == ["ana-1"]
        overdue = client(site).get("/v1/renewals?kind=overdue").json()["renewals"]
        assert [(row["account_id"], row["annual_value"]) for row in overdue] == [("bo-2", 40.0)]


@pytest.mark.parametrize("lang", LANGS)
def test_the_pages_show_one_s_own_and_say_what_is_not_there(site: Site, lang: Lang, tmp_path: Path) -> None:
    everybody, ana = (site.browser(site.key("read", account_manager=who)) for who in (None, ANA))
    page = tree(everybody.get(f"/renewals?lang={lang}"))
    rows = page.all("table", class_="to-renew")[0].one("tbody").all("tr")
    assert ["apart" in row.attributes.get("class", "") for row in rows] == [True, False, False]
    assert rows[0].one("a").attributes["href"] == f"/accounts/ana-2?lang={lang}"
    said = {
        "en": ("Manager: says this is wrong", "Model: too little data", "The calls differ"),
        "de": ("Betreuung: hält das für falsch", "Modell: zu wenig Daten", "Einschätzungen gehen auseinander"),
    }
    assert all(text in page.text for text in said[lang])
    mine = tree(ana.get(f"/renewals?lang={lang}")).text
    assert "ana-2" in mine and "bo-" not in mine and BO not in mine
    lost = tree(everybody.get(f"/losses?lang={lang}")).text
    assert "Name of bo-2" in lost and {"de": "Preis", "en": "rice"}[lang] in lost
    assert "bo-2" not in tree(ana.get(f"/losses?lang={lang}")).text
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        bare = Site(store)
        browser, key = bare.browser(), bare.key("read")
        browser.sign_in(key)
        for _ in range(2):
            texts = [tree(browser.get(f"/{path}?lang={lang}")).text for path in ("renewals", "losses")]
            told = {"en": ("No scores are stored yet", "not stored with this scoring run"),
                    "de": ("Noch sind keine Bewertungen gespeichert", "nicht gespeichert")}[lang]  # fmt: skip
            assert all(any(part in text for part in told) for text in texts), texts
            put(store, SCORE)
        bare.app.state.runtime.access.close()


def test_losses_are_reviewed_from_what_the_run_keeps(site: Site) -> None:
    body = client(site).get("/v1/losses?lang=de").json()
    (loss,) = body["losses"]
    assert (loss["account_id"], loss["cause"], loss["verdict"], loss["revenue_365d"]) == (
        "bo-2", "price", "not_known", 1234.5,
    )  # fmt: skip
    assert (body["reason"], body["total"], body["verdicts"]["not_known"]) == (
        None, 1, {"losses": 1, "revenue_365d": 1234.5},
    )  # fmt: skip
    assert loss["known"][0]["facts"]["nps_last"] == 1.0 and loss["known"][0]["why"] == "no_run"
    for who, asked in ((ANA, ""), (ANA, f"?account_manager={BO}")):
        foreign = client(site, who).get(f"/v1/losses{asked}")
        assert foreign.json()["total"] == 0 and "bo-2" not in foreign.text


def test_departures_come_back_as_they_were_and_go_with_the_account(site: Site) -> None:
    period, left = read_losses_kept(site.store)
    assert left == [LEFT] and period.first == NEWEST and period.why is None
    with writing(site.store.engine) as connection:
        forget_figures(connection, "bo-2")
    assert read_losses_kept(site.store)[1] == [] and read(site).overdue.total == 0


def test_a_book_without_departures_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> list[Departure]:
        raise InputError("there is no churns table")

    monkeypatch.setattr(kept_departures, "Departures", none)
    monkeypatch.setattr(kept_departures, "recording", lambda *_: type("", (), {"book": None})())
    made = with_departures(run_figures(), None, NEWEST)  # type: ignore[arg-type]
    assert all(part.record["losses"]["reason"] == ["missing", {"table": "churns"}] for part in made.parts)
    assert [beside.name for beside in made.beside] == [CONTRACTS]


@pytest.mark.parametrize("lang", LANGS)
def test_what_is_not_estimated_is_ordered_by_value_and_says_why(site: Site, lang: Lang) -> None:
    """`figures_by_hand` has no reason for renewals, so that its run estimates them; this one does not."""
    found = read(site)
    assert [row.account_id for row in found.soon.of(1, 9)] == ["bo-1", "ana-1"], "350 is lost, then 100"
    course = {"en": "the course over time is missing", "de": "Verlauf über die Zeit fehlt"}[lang]
    for estimates in (True, False):
        rows = [replace(row, stays=None) for row in found.soon.of(0, 9)]
        shown = replace(found, estimates=estimates, soon=ReadContracts(rows))
        table = renewal_table("soon", shown, rows, lang)
        assert all((course in text) is not estimates for text in (table.note, *(line.expected for line in table.lines)))


def test_lists_have_pages_and_the_model_its_grade(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewals_page, "SHOWN", 2)
    browser = site.browser(site.key("read"))
    first = tree(browser.get("/renewals?lang=de"))
    (after,) = (link for link in first.all("a") if link.attributes.get("rel") == "next")
    assert len(first.all("table", class_="to-renew")[0].one("tbody").all("tr")) == 2
    assert "GET /v1" not in first.text and "Modellnote B" in first.text
    second = tree(browser.get(f"/renewals{after.attributes['href']}"))
    assert "ana-1" in second.text and "Seite 2 von 2" in second.text and "bo-1" not in second.text
    answers = [browser.get(f"/{path}?lang=de&page=9") for path in ("renewals", "losses")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert "die letzte ist Seite 1" in tree(answers[1]).text


@pytest.mark.parametrize(
    ("lang", "leaves", "absent"),
    [("de", "10 % gehen bis 30 Tage nach Vertragsende", ("bis dahin kein Lauf", "noch nicht erreicht")),
     ("en", "10% leave by 30 days after the end", ("no run by then", "not yet reached"))],
)  # fmt: skip
def test_a_line_says_until_when_and_why_there_is_no_call(site: Site, lang: Lang, leaves: str, absent: Any) -> None:
    found = read(site)
    lines = {line.account_id: line for line in renewal_table("soon", found, found.soon.of(0, 9), lang).lines}
    assert lines["ana-1"].leaves.replace("\u00a0", " ") == leaves
    assert tuple(cell.absent for cell in lines["ana-2"].calls) == (*absent, "")
