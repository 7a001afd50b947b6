"""A digest says what the store says: its figures are those of the API, its accounts the manager's, its changes new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from support.pages import Element, Site, Tree
from support.portfolios import ACCOUNTS, EVA, EVIL, JAN, evidence, score_of
from support.stored import DAY, MODEL, put

from serving.acting.acts import NewFeedback, NewStep, add_feedback, add_step, finish_step
from serving.database.engine import reading, writing
from serving.digest.digest_html import html_of, text_of
from serving.digest.digest_ledger import Entry, begin, settle
from serving.digest.managers_file import Manager, Managers
from serving.digest.rounds import AllMade, make_all
from serving.digest.slack_digest import slack_text_of
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.words.caution_words import grade_sentence
from serving.words.formats import LANGS, Formats, Lang
from serving.words.wording import page_texts, screen_texts

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=7)


def made(store: ScoreStore, lang: Any = "en", now: datetime = NOW, managers: Any = None, **settings: Any) -> AllMade:
    file = Managers({name: Manager(**fields) for name, fields in (managers or {}).items()})
    return make_all(store.engine, ServiceSettings(**{"alerts": ""} | settings), file, None, lang, now)


def of(all_made: AllMade, manager: str = EVA) -> Any:
    (found,) = (each for each in all_made.digests if each.manager == manager)
    return found.digest


def page(digest: Any) -> Element:
    """Return a digest as elements; mail programs run no script and fetch nothing, and ours asks for none."""
    root = Tree(html_of(digest).replace("<!DOCTYPE html>", "")).root
    for each in root.all():
        assert each.tag not in ("script", "style", "img", "link", "iframe", "form")
        assert not [name for name in each.attributes if name.startswith("on") or name in ("src", "background")]
        assert "url(" not in each.attributes.get("style", "")
    return root


def sent(store: ScoreStore, all_made: AllMade, at: datetime = NOW) -> None:
    """Write into the ledger that every digest was sent."""
    for each in all_made.digests:
        run = each.findings.found.run
        assert run is not None
        entry = Entry(each.manager, "mail", all_made.period, "c" * 64, run.as_of, run.model_version)
        with writing(store.engine) as connection:
            begun = begin(connection, entry, each.findings.standings, at, False)
            assert not isinstance(begun, str)
            settle(connection, begun.digest_id, "sent", at)


def score_again(store: ScoreStore, **changes: dict[str, Any]) -> None:
    """Score all accounts a week later, some of them otherwise, or not at all."""
    day = DAY + timedelta(days=7)
    scores = [
        replace(score_of(name), as_of=day, scored_at=NOW, **changes.get(name.replace("/", ""), {}))
        for name in ACCOUNTS
        if changes.get(name) != {}
    ]
    put(store, *scores, evidence=evidence())


@pytest.mark.parametrize("lang", ["de", "en"])
def test_every_figure_is_the_api_s(kept: ScoreStore, lang: Any) -> None:
    site = Site(kept)
    try:
        listed = site.browser().get(f"/v1/accounts?account_manager={EVA}&lang={lang}").json()["accounts"]
    finally:
        site.app.state.runtime.access.close()
    by_id = {row["account_id"]: row for row in listed}
    formats, words, root = Formats(lang, "EUR"), screen_texts(lang), page(of(made(kept, lang)))
    calls = root.all("table", class_="call")
    assert len(calls) == 2
    for call, account_id in zip(calls, ("E/2", "E1"), strict=True):  # In the order of the portfolio.
        row = by_id[account_id]
        assert call.one("h3").text == f"{row['name']} {account_id}"
        shown = {name: call.one(class_=name).text for name in ("probability", "money", "profit")}
        assert shown == {
            "probability": plain(formats.probability(row["churn_probability"])),
            "money": plain(formats.money(row["revenue_at_risk"])),
            "profit": plain(words["portfolio"]["brings"].format(profit=formats.money(row["expected_profit"]))),
        }
        assert page_texts(lang)["bands"][row["band"]] in call.text and plain(row["reason_1"]) in call.text
    total, before = (sum(round(ACCOUNTS[name][place] * ACCOUNTS[name][4] / 2, 2) for name in by_id) for place in (2, 3))
    assert total == pytest.approx(sum(row["revenue_at_risk"] for row in listed))
    values = [each.text for each in root.all(class_="value")]
    assert values == [plain(formats.money(total)), plain(formats.money(total - before, signed=True))]
    (change,) = root.one("table", class_="changes").all("td")  # E1 rose from 25 % to 42 %, nothing else so far.
    assert plain(formats.probability(0.42)) in change.text and plain(formats.probability(0.25)) in change.text


def plain(text: str) -> str:
    return " ".join(text.split())


def test_names_are_text_and_others_accounts_are_not_there(kept: ScoreStore) -> None:
    all_made = made(kept, public_url="https://risk.example")
    digest = of(all_made)
    html = html_of(digest)
    assert EVIL not in html and "&lt;script&gt;" in html and EVIL in text_of(digest)
    assert "&lt;script&gt;" in slack_text_of(digest) and EVIL not in slack_text_of(digest)
    for shown in (html, text_of(digest), slack_text_of(digest), digest.subject):
        assert "Werft" not in shown and "Niemandsland" not in shown and JAN not in shown
    assert EVIL not in digest.subject and "Ärzteverlag" not in digest.subject
    links = [each.attributes["href"] for each in page(digest).all("a")]
    assert links[0] == "https://risk.example/accounts/E%2F2?lang=en" and links[-1].startswith("https://risk.example/?")
    assert not page(of(made(kept))).all("a"), "no public address, no links"
    assert all_made.unmanaged == 1


@pytest.mark.parametrize("lang", LANGS)
def test_the_grade_stands_above_the_accounts_with_what_it_means(kept: ScoreStore, lang: Lang) -> None:
    digest, grade = of(made(kept, lang)), grade_sentence(MODEL["grade"], lang)
    assert digest.notes[0] == grade
    for shown in (page(digest).text, plain(text_of(digest)), plain(slack_text_of(digest))):
        assert grade in shown and shown.index(grade) < shown.index(ACCOUNTS["E1"][-1])


def test_the_week_s_room_and_who_has_nothing(kept: ScoreStore) -> None:
    few = made(kept, managers={EVA: {"capacity": 1}})
    assert [line.account_id for line in of(few).calls] == ["E/2"] and of(few).more.startswith("1 more account")
    assert "Too little is known about 1 account" in of(few).more
    assert "at most 1 accounts" in text_of(of(few)) and EVA in text_of(of(few)) and "1 Jan 2026" in text_of(of(few))


def test_nothing_new_is_no_digest(store: ScoreStore) -> None:
    safe = {name.replace("/", ""): {"band": "safe", "threat": False, "best_action": None} for name in ACCOUNTS}
    score_again(store, **safe)
    sent(store, made(store))
    again = made(store, now=LATER)
    assert again.digests == () and again.nothing == (EVA, JAN)


def test_changes_since_the_last_digest_and_why_accounts_left_the_list(store: ScoreStore) -> None:
    first = made(store)
    sent(store, first)
    score_again(
        store,
        E1={"churn_probability": 0.37, "band": "safe", "best_action": None},
        E3={"churn_probability": 0.089, "band": "safe"},
        E4={"band": "at_risk", "churn_probability": 0.5, "best_action": "call", "threat": True},
    )
    digest = of(made(store, now=LATER))
    changes = {entry.account_id: entry.told for entry in digest.sections[0].entries}
    assert list(changes) == ["E4", "E1"], "4.9 points are no news"
    assert changes["E1"] == "At risk → Not at risk: Churn risk 37%, was 42%"
    assert "2.0%" not in changes["E4"], "what an unknown account was estimated at is told nobody"
    assert [entry.told for entry in digest.sections[1].entries] == ["is no longer at risk"]
    with writing(store.engine) as connection:
        score = replace(score_of("E/2"), as_of=DAY + timedelta(days=7))
        add_feedback(connection, score, NewFeedback("handled", "angerufen"), "key:1", LATER, "h")
    digest = of(made(store, now=LATER + timedelta(hours=1)))
    gone = next(section for section in digest.sections if section.name == "gone").entries
    assert [(entry.account_id, entry.told) for entry in gone] == [
        ("E/2", "is handled already: reported so, or called"),
        ("E1", "is no longer at risk"),
    ]
    assert [line.account_id for line in digest.calls] == ["E4"]


def test_an_account_that_is_nobody_s_business_any_more(store: ScoreStore) -> None:
    """Whether it left the company or has another manager is not told."""
    sent(store, made(store))
    score_again(store, E1={})
    (gone,) = (each for each in of(made(store, now=LATER)).sections if each.name == "gone")
    assert [(each.name, each.told) for each in gone.entries] == [("E1", "is no longer among your accounts")]
    assert made(store, now=NOW + timedelta(days=1)).period == made(store).period
    same_week = of(made(store, now=NOW + timedelta(days=1)))
    assert not [each for each in same_week.sections if each.name == "gone"], "in its own week it compares with nothing"


def test_what_was_promised_said_and_done(store: ScoreStore) -> None:
    with writing(store.engine) as connection:
        for number, (account, what, due) in enumerate(
            (
                ("E1", "Zu spät", date(2026, 1, 6)),
                ("E3", "Diese Woche\nanrufen", date(2026, 1, 14)),
                ("E3", "Später", date(2026, 1, 15)),
                ("J1", "Fremd", date(2026, 1, 7)),
                ("E4", "Getan", date(2026, 1, 7)),
            )
        ):
            step = add_step(connection, account, NewStep("call", what, "Eva", due), "key:1", NOW, str(number))
        finish_step(connection, "E4", step["step_id"], "key:1", NOW - timedelta(hours=1))
        score = score_of("E1")
        for once, (text, at) in enumerate(
            (("Neu & falsch", NOW - timedelta(days=6)), ("Alt", NOW - timedelta(days=8)))
        ):
            add_feedback(connection, score, NewFeedback("wrong", text), "key:1", at, f"f{once}")
    digest = of(made(store, "de"))
    due, said = (next(each for each in digest.sections if each.name == name) for name in ("due", "said"))
    assert [entry.told for entry in due.entries] == [
        "Überfällig: Zu spät (Anruf; Eva, bis 06.01.2026)",
        "Diese Woche\nanrufen (Anruf; Eva, bis 14.01.2026)",
    ]
    assert "Diese Woche anrufen" in text_of(digest)
    assert [entry.told for entry in said.entries] == [
        "Falsch: Neu & falsch (01.01.2026, bei einer Schätzung von 42\u00a0%)",
        "Getan (Eva, erledigt am 07.01.2026)",
    ]
    assert (
        digest.subject == "KW 2: 2 Kunden zum Anrufen, 1 Veränderung, 1 Schritt überfällig, 1 Schritt fällig, "
        "2 Rückmeldungen"
    )
    assert "Als falsch gemeldet" in html_of(digest)


def test_what_should_not_wait(kept: ScoreStore) -> None:
    """The contract of E/2 ends in 40 days; it came within reach since the run before, with 60 days."""
    digest = of(made(kept, alert_contract_days=60, alerts="contract_due"))
    (alerts,) = (each for each in digest.sections if each.name == "alerts")
    assert [(each.account_id, each.told) for each in alerts.entries] == [
        ("E/2", "A contract ends on 10 Feb 2026 (contract C1)")
    ]
    assert "1 alert," in digest.subject
    assert not [each for each in of(made(kept, alerts="contact_left")).sections if each.name == "alerts"]


def test_a_substitute_reads_it_in_a_language_of_her_own(kept: ScoreStore) -> None:
    away = [{"from": date(2026, 1, 7), "to": date(2026, 1, 7), "substitute": JAN}]
    all_made = made(kept, "de", managers={EVA: {"away": away, "lang": "de"}, JAN: {"lang": "en"}})
    (eva,) = (each for each in all_made.digests if each.manager == EVA)
    assert eva.reader == JAN and eva.digest.lang == "en" and eva.digest.subject.startswith(f"Standing in for {EVA}:")
    assert f"You are standing in for {EVA}." in text_of(eva.digest)
    with reading(kept.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM digests").scalar_one() == 0, "made is not sent"


def test_another_model_is_named_beside_changes(store: ScoreStore) -> None:
    newer = {name.replace("/", ""): {"model_version": "2"} for name in ACCOUNTS}
    score_again(store, **newer | {"E1": {"model_version": "2", "band": "safe"}})
    assert any("Another model has scored since (version 2, 1 before)" in note for note in of(made(store)).notes)


def test_what_can_be_done_names_contacts_by_role(store: ScoreStore) -> None:
    """A mail is read in more places than the account's page, which has the name."""
    anna = {"contact_id": "C1", "name": "Anna Geheim", "role": "purchasing", "decision_maker": True,
            "phone": "+49 30 1", "email": None, "valid_from": "2021-01-01", "valid_to": None}  # fmt: skip
    kept = evidence()
    for each in kept.values():
        each["contacts"] = {"total": 1, "rows": [anna]}
        for row in each["surveys"]["rows"]:
            row["role"] = "purchasing"
    put(store, *(replace(score_of(name), scored_at=NOW) for name in ACCOUNTS), evidence=kept)
    digest = of(made(store, alerts="detractor"))
    assert "(purchasing: gave 3 of 10 on 2 Mar 2025)" in digest.call_steps[1]
    for text in (html_of(digest), text_of(digest), slack_text_of(digest)):
        assert "purchasing: gave 3 of 10" in text and "Geheim" not in text and "+49" not in text


@pytest.mark.parametrize(
    ("lang", "said"),
    [("de", "Gefährdet, aber schon erledigt (so gemeldet, oder angerufen): "),
     ("en", "At risk, but handled already (reported so, or called): ")],
)  # fmt: skip
def test_whose_call_is_done_is_named_and_not_called_again(store: ScoreStore, lang: Any, said: str) -> None:
    """It stood among the calls of the week; who was reported as handled was "1 more account", without a name."""
    score = score_of("E/2")
    with writing(store.engine) as connection:
        step = NewStep("call", "Anrufen", EVA, date(2026, 1, 9))
        step_id = add_step(connection, score.account_id, step, "key:1", NOW, "s")["step_id"]
        assert finish_step(connection, score.account_id, step_id, "key:1", NOW)
    digest = of(made(store, lang))
    assert [line.account_id for line in digest.calls] == ["E1"] and digest.more.endswith(
        f"{said}{ACCOUNTS['E/2'][-1]}."
    )
