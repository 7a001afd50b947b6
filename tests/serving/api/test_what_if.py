"""What if: the served model on records that could still be made, both sides at the day after, nothing invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import duckdb
import pytest
from support.pages import Browser, tree
from support.reports import evidence_of
from support.served import Client, Json, assert_problem, client_of, histories, rows_of
from support.stored import MODEL, SCORE, opened, put

from features.tables import TABLES
from serving.pages.what_if_section import Answered, sign_of
from serving.predict.account_records import history_in
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Predictor
from serving.settings import ServiceSettings
from serving.words.formats import LANGS, Formats, Lang, shown_change
from serving.words.wording import screen_texts
from training.bundle.bundle import Bundle

ENDED = {"code": "stale", "figures": {"table": "surveys", "last": "2025-01-31", "age_days": 90}}


@pytest.fixture(scope="module")
def rows(book_folder: Path) -> dict[str, list[Json]]:
    return rows_of(book_folder)


def open_at(row: Json, as_of: date) -> bool:
    return row["opened_at"][:10] < as_of.isoformat() and (row["closed_at"] or "9999")[:10] > as_of.isoformat()


@pytest.fixture(scope="module")
def waiting(rows: dict[str, list[Json]], as_of: date) -> Json:
    """An account with an open loop and an open ticket, that is a customer."""
    gone = {row["account_id"] for row in rows["churns"]}
    loops, tickets = ({r["account_id"] for r in rows[name] if open_at(r, as_of)} for name in ("loops", "tickets"))
    (found,) = histories(rows, [min((loops & tickets) - gone)])
    return found


@pytest.fixture(scope="module")
def client(bundle: Bundle, waiting: Json, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('what-if') / 'scores.db'}") as store:
        put(store, replace(SCORE, account_id=waiting["account"]["account_id"]))
        yield client_of(bundle, store)


def first_open(history: Json, table: str, as_of: date) -> Json:
    return next(row for row in history[table] if open_at(row, as_of))


def edits_of(history: Json, as_of: date) -> list[Json]:
    return [
        {"kind": "loop_closed", "loop_id": first_open(history, "loops", as_of)["loop_id"]},
        {"kind": "ticket_closed", "ticket_id": first_open(history, "tickets", as_of)["ticket_id"]},
        {"kind": "contact_named", "role": "Purchasing", "decision_maker": True},
        {"kind": "action_done", "action": "call"},
        {"kind": "invitation_sent"},
    ]


def by_hand(history: Json, as_of: date) -> list[Json]:
    """The same edits written into the JSON, one history an edit."""
    night, found = f"{as_of}T23:59:59Z", []
    changes: list[tuple[str, Json, Json]] = [
        ("loops", first_open(history, "loops", as_of), {"closed_at": night}),
        ("tickets", first_open(history, "tickets", as_of), {"closed_at": night}),
        ("contacts", {}, {"contact_id": "n", "valid_from": str(as_of), "role": "Purchasing", "decision_maker": True}),
        ("actions", {}, {"action_id": "n", "kind": "call", "done_at": night}),
        ("surveys", {}, {"survey_id": "n", "kind": "relationship", "sent_at": night}),
    ]
    for table, old, new in changes:
        kept = [row for row in history[table] if row is not old]
        found.append(history | {table: [*kept, old | new]})
    return found


def ask(client: Client, history: Json, body: Json, **options: Any) -> Any:
    path = f"/v1/accounts/{history['account']['account_id']}/what-if"
    return client.ask("POST", path, json=body, **options)


def test_each_edit_and_all_are_what_the_model_says_of_changed_records(
    client: Client, bundle: Bundle, waiting: Json, as_of: date
) -> None:
    edits = edits_of(waiting, as_of)
    answer = ask(client, waiting, {"edits": edits, "as_of": str(as_of), "records": waiting}).json()
    next_day = as_of + timedelta(days=1)
    assert (answer["edited_on"], answer["as_of"]) == (str(as_of), str(next_day))
    alone = by_hand(waiting, as_of)
    whole = waiting | {
        table: alone[n][table] for n, table in enumerate(("loops", "tickets", "contacts", "actions", "surveys"))
    }
    predictor = Predictor(bundle)
    expected = [
        predictor.predict(PredictionRequest.model_validate({"accounts": [each]}).accounts, next_day)[0]
        for each in (waiting, whole, *alone)
    ]
    found = [answer["before"], answer["after"], *answer["each"]]
    assert [each["churn_probability"] for each in found] == [score.churn_probability for score in expected]
    before = expected[0].churn_probability
    assert [each["change"] for each in answer["each"]] == [
        pytest.approx(score.churn_probability - before, abs=1e-9) for score in expected[2:]
    ]
    assert sum(each["change"] != 0 for each in answer["each"]) >= 2, "edits that move nothing would prove nothing"
    assert sum(theme["contribution"] for theme in answer["themes"]) == pytest.approx(answer["change"], abs=1e-5)
    assert "not the effect" in answer["note"]


def test_the_source_gives_what_records_sent_along_give(
    bundle: Bundle, book_folder: Path, waiting: Json, as_of: date, tmp_path: Path
) -> None:
    account_id, csv = waiting["account"]["account_id"], tmp_path / "csv"
    csv.mkdir()
    with duckdb.connect() as connection:
        for name in TABLES:
            connection.execute(f"COPY (FROM '{book_folder / name}.parquet') TO '{csv / name}.csv' (HEADER)")
    sent = PredictionRequest.model_validate({"accounts": [waiting]}).accounts[0].model_dump()
    for source in (book_folder, csv):
        read = history_in(str(source), account_id).model_dump()
        for name, rows in sent.items():
            if isinstance(rows, list):
                assert sorted(map(repr, rows)) == sorted(map(repr, read[name])), (source, name)
    body = {"edits": edits_of(waiting, as_of), "as_of": str(as_of)}
    with opened("sqlite://") as store:
        scores = [replace(SCORE, account_id=name) for name in (account_id, "ghost")]
        store.write(scores, {}, MODEL | {"cautions": [ENDED]}, SCORE.as_of, SCORE.scored_at)
        client = client_of(bundle, store, ServiceSettings(source=str(csv)))
        same = [ask(client, waiting, each).json() for each in (body, body | {"records": waiting})]
        codes = [[warning["code"] for warning in each.pop("warnings")] for each in same]
        assert codes == [["grade", "stale"], ["grade"]]  # What ended in the book is none of the records sent along.
        assert same[0].pop("request_id") != same[1].pop("request_id") and same[0] == same[1]
        answer = client.ask("POST", "/v1/accounts/ghost/what-if", json=body)
        assert_problem(answer, 409, "/records")
        for source in (str(tmp_path / "nowhere"), "postgresql://127.0.0.1:1/crm"):
            broken = client_of(bundle, store, ServiceSettings(source=source))
            assert_problem(ask(broken, waiting, body), 409, "/records")


def test_without_records_it_says_how_to_get_them(client: Client, waiting: Json) -> None:
    problem = assert_problem(ask(client, waiting, {"edits": [{"kind": "invitation_sent"}]}), 409, "/records")
    assert "CHURN_RISK_SOURCE" in problem["detail"]


def test_what_contradicts_the_records_is_told_at_once(client: Client, waiting: Json, as_of: date) -> None:
    loop = first_open(waiting, "loops", as_of)["loop_id"]
    closed = {"loop_id": "L9", "opened_at": "2020-01-01T00:00:00Z", "closed_at": "2020-01-02T00:00:00Z"}
    later = {"loop_id": "L10", "opened_at": f"{as_of + timedelta(days=9)}T00:00:00Z"}
    left = {"contact_id": "P9", "valid_from": "2020-01-01", "valid_to": "2020-02-01"}
    records = waiting | {"loops": [*waiting["loops"], closed, later], "contacts": [left], "actions": None}
    edits = [
        {"kind": "loop_closed", "loop_id": "L9"},
        {"kind": "loop_closed", "loop_id": "L10"},
        {"kind": "loop_closed", "loop_id": "none"},
        {"kind": "loop_closed"},
        {"kind": "loop_closed", "loop_id": loop},
        {"kind": "loop_closed", "loop_id": loop},
        {"kind": "invitation_sent", "contact_id": "P9"},
        {"kind": "invitation_sent", "contact_id": "P10"},
        {"kind": "action_done", "action": "call"},
        {"kind": "action_done"},
        {"kind": "invitation_sent", "role": "Chief"},
    ]
    answer = ask(client, waiting, {"edits": edits, "as_of": str(as_of), "records": records})
    places = [f"/edits/{n}/{name}" for n, name in enumerate(["loop_id"] * 4)]
    others = [
        "/edits/5/loop_id",
        "/edits/6/contact_id",
        "/edits/7/contact_id",
        "/edits/8/kind",
        "/edits/9/action",
        "/edits/9/kind",
        "/edits/10/role",
    ]
    problem = assert_problem(answer, 422, *places, *others)
    assert problem["detail"].startswith("an edit lacks a field, or has one of another kind, and an edit contradicts")
    assert problem["type"].endswith(":contradiction")
    told = json.dumps(problem["errors"])
    assert all(words in told for words in ("closed already", "opened later", "has left", "would be invented"))
    answers_only = waiting | {"known": {"surveys": {"invitations": False}}}
    body = {"edits": [{"kind": "invitation_sent"}], "as_of": str(as_of), "records": answers_only}
    assert_problem(ask(client, waiting, body), 422, "/edits/0/kind")


def test_a_field_that_is_missing_is_no_contradiction(client: Client, waiting: Json, as_of: date) -> None:
    edits = [{"kind": "ticket_closed"}, {"kind": "action_done", "role": "Chief"}, {"kind": "contact_named"}]
    answer = ask(client, waiting, {"edits": edits, "as_of": str(as_of), "records": waiting})
    problem = assert_problem(answer, 422, "/edits/0/ticket_id", "/edits/1/role", "/edits/1/action")
    assert problem["type"].endswith(":invalid-request")
    assert problem["detail"].startswith(
        "an edit lacks a field, or has one of another kind: /edits/0/ticket_id: missing"
    )


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"edits": []}, ["/edits"]),
        ({"edits": [{"kind": "answer_given", "score": 10}]}, ["/edits/0/kind", "/edits/0/score"]),
        ({"as_of": "2999-01-01"}, ["/as_of"]),
        ({"records": {"account": {"account_id": "B", "customer_since": "2020-01-01"}, "invoices": []}},
         ["/records/account/account_id"]),
        ({"records": {"account": {"customer_since": "x"}}},
         ["/records/account/account_id", "/records/account/customer_since", "/records/invoices"]),
    ],
    ids=["none", "an answer", "tomorrow", "another's", "broken"],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(client: Client, waiting: Json, change: Json, pointers: list[str]) -> None:
    body = {"edits": [{"kind": "action_done", "action": "call"}], "records": waiting} | change
    assert_problem(ask(client, waiting, body), 422, *pointers)


def test_one_who_is_no_customer_gets_no_figure(client: Client, waiting: Json, as_of: date) -> None:
    left = waiting | {"churns": [{"churned_on": str(as_of - timedelta(days=1))}]}
    left |= {"invoices": [], "contracts": []}
    body = {"edits": [{"kind": "action_done", "action": "call"}], "as_of": str(as_of), "records": left}
    assert_problem(ask(client, waiting, body), 422, "/records/churns")


# The page


@pytest.fixture(scope="module")
def reader(bundle: Bundle, book_folder: Path, waiting: Json, as_of: date) -> Iterator[Browser]:
    """Somebody on this machine, before a service that reads the book."""
    loop = {"level": None, "hours": 99.0, "score": 3, "category": "detractor", **first_open(waiting, "loops", as_of)}
    evidence = evidence_of(open_loops={"total": 1, "rows": [loop]})
    with opened("sqlite://") as store:
        names = (waiting["account"]["account_id"], "ghost")
        put(
            store,
            *(replace(SCORE, account_id=name, as_of=as_of) for name in names),
            evidence=dict.fromkeys(names, evidence),
        )
        yield Browser(client_of(bundle, store, ServiceSettings(source=str(book_folder))).app)


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_tells_the_route_s_figures(
    reader: Browser, client: Client, waiting: Json, as_of: date, lang: Lang
) -> None:
    path, formats = f"/accounts/{waiting['account']['account_id']}", Formats(lang)
    form = tree(reader.get(f"{path}?lang={lang}")).one("section", id="what-if").one("form")
    values = [each.attributes["value"] for each in form.all("input", type="checkbox")]
    loop = f"loop_closed:{first_open(waiting, 'loops', as_of)['loop_id']}"
    assert loop in values and "decision_maker_named" in values and "action_done" in values
    chosen = [loop, "decision_maker_named"]
    page = tree(reader.get(f"{path}?" + urlencode([("lang", lang), *(("edit", each) for each in chosen)])))
    found = page.one("section", id="what-if")
    edits = [edits_of(waiting, as_of)[0], {"kind": "contact_named", "decision_maker": True}]
    answer = ask(client, waiting, {"edits": edits, "as_of": str(as_of), "records": waiting}).json()
    shares = [answer["before"], *answer["each"], answer["after"]]
    rows = [[each.text for each in row.all("td")] for row in found.one("tbody").all("tr")]
    assert [row[0] for row in rows] == [" ".join(formats.percent(s["churn_probability"], 1).split()) for s in shares]
    before, *others = (each["churn_probability"] for each in shares)
    changes = [formats.points(shown_change(before, share)) for share in others]
    assert [row[1] for row in rows] == ["–", *changes]
    assert answer["note"] == found.one("p", class_="note").text or lang == "de"
    told = ask(client, waiting, {"edits": edits, "as_of": str(as_of), "records": waiting}, params={"lang": lang})
    warnings = [f"{warning['detail']}." for warning in told.json()["warnings"]]
    assert warnings == [each.text for each in found.all("p", class_="quiet")] and len(warnings) == 1
    ticked = [each.attributes["value"] for each in found.all("input") if "checked" in each.attributes]
    assert ticked == [each for each in values if each in chosen]


def test_the_page_says_what_is_not_to_be_had(reader: Browser, client: Client, waiting: Json) -> None:
    path = f"/accounts/{waiting['account']['account_id']}?lang=de&edit="
    answer = reader.get(path + quote("answer_given:10"))
    assert answer.status_code == 422 and "„answer_given:10“ steht hier nicht zur Wahl" in tree(answer).text
    nobody = reader.get("/accounts/ghost?lang=de&edit=contact_named")
    assert nobody.status_code == 409 and "keine Daten zu diesem Kunden" in tree(nobody).text
    without = tree(Browser(client.app).get(path.partition("?")[0] + "?lang=en")).one("section", id="what-if")
    assert "This is not set up here" in without.text and "CHURN_RISK" not in without.text and not without.all("form")


@pytest.mark.parametrize(("kind", "told"), [("up", True), ("down", False), ("same", False)])
def test_a_call_that_raises_the_estimate_is_no_reason_not_to_call(kind: str, told: bool) -> None:
    """It stood beside "best action: call" without a word."""
    lines = [Answered("", "", "", "same"), Answered("", "", "", "up"), Answered("", "", "", kind)]
    for lang in LANGS:
        words = screen_texts(lang)["what_if"]
        signs = (words["step_sign"],), (words["action_sign"], words["step_sign"])
        assert sign_of(lines, ["contact_named", "action_done"], words) == signs[told]
        assert sign_of(lines[2:], ["action_done"], words) == ()
