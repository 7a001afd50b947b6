"""GET /v1/accounts: short rows, filters and cursors over HTTP; and nobody sees accounts of other account managers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from support.served import Client, Json, assert_problem, client_of
from support.stored import AT, DAY, SCORE, Clock, as_json, opened, put, scores

from serving.access.keys import KeyStore
from serving.database.engine import open_database
from serving.store import ScoreStore
from serving.words.reasons import reason_sentences
from training.bundle.bundle import Bundle

ROW = {
    "account_id", "name", "account_manager", "as_of", "model_version", "scored_at", "churn_probability", "revenue_365d",
    "value", "currency", "revenue_at_risk", "expected_profit", "best_action", "band", "threat", "base_probability",
    "reason_1", "reason_2", "reason_3", "unheard_180d", "renewals_due_90d", "contract_ends_on",
    "crm_url",
}  # fmt: skip
ANSWER = {"request_id", "as_of", "model_version", "model", "warnings", "accounts", "next_cursor"}
MANAGERS = {f"A{number}": ("Eva Groß", "Jörg", None)[number % 3] for number in range(9)}
EVIDENCE = {
    account_id: {"account": {"name": f"Company {account_id}", "account_manager": manager}}
    for account_id, manager in MANAGERS.items()
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[ScoreStore]:
    with opened(database_url, now=clock) as made:
        yield made


@pytest.fixture
def client(bundle: Bundle, store: ScoreStore) -> Iterator[Client]:
    made = [replace(score, band="safe" if score.account_id > "A5" else "at_risk") for score in scores(9)]
    put(store, *made, evidence=EVIDENCE)
    asking = client_of(bundle, store)
    yield asking
    asking.app.state.runtime.access.close()  # It notes that keys were used, beside the requests.


def keyed(client: Client, store: ScoreStore, manager: str | None) -> Client:
    """Return a client with a key that sees one account manager's accounts."""
    engine = open_database(store.url)
    _, token = KeyStore(engine).create(["read"], account_manager=manager)
    engine.dispose()
    return client.with_headers(Authorization=f"Bearer {token}")


def listed(client: Client, query: str = "") -> Json:
    answer = client.get(f"/v1/accounts{query}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert set(found) == ANSWER and found["request_id"]
    assert all(set(row) == ROW for row in found["accounts"])
    return found


def ids(client: Client, query: str = "") -> list[str]:
    return [row["account_id"] for row in listed(client, query)["accounts"]]


def test_a_row_is_the_score_in_short(client: Client) -> None:
    found = listed(client)
    assert (found["as_of"], found["model_version"], found["next_cursor"]) == ("2026-01-01", "1", None)
    row, plain = found["accounts"][0], as_json(SCORE)
    assert row | {"scored_at": "", "account_id": "A1", "revenue_at_risk": 300.0} == {
        **{name: plain[name] for name in ROW & set(plain)}, "scored_at": "", "name": "Company A0",
        "account_manager": "Eva Groß", "reason_1": row["reason_1"], "reason_2": row["reason_2"],
        "reason_3": row["reason_3"], "unheard_180d": None, "renewals_due_90d": None,
        "contract_ends_on": None, "crm_url": None,
    }  # fmt: skip
    said = reason_sentences(SCORE, EVIDENCE["A0"], "en")
    assert [row[f"reason_{place}"] for place in (1, 2, 3)] == [
        f"{item.theme}: {item.effect}. {item.sentence}" for item in said
    ]


def test_what_is_not_known_is_null(client: Client, store: ScoreStore) -> None:
    put(store, replace(SCORE, as_of=DAY + timedelta(days=1), reasons=SCORE.reasons[:1], currency=None))
    (row,) = listed(client)["accounts"]
    assert [name for name in sorted(ROW) if row[name] is None] == [
        "account_manager", "contract_ends_on", "crm_url", "currency", "name", "reason_2", "reason_3",
        "renewals_due_90d", "unheard_180d",
    ]  # fmt: skip


def test_without_scores_the_list_is_empty(bundle: Bundle, store: ScoreStore) -> None:
    found = listed(client_of(bundle, store))
    assert found | {"request_id": ""} == {
        "request_id": "", "as_of": None, "model_version": None, "model": None, "warnings": [], "accounts": [],
        "next_cursor": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "012345678"), ("?band=safe", "678"), ("?band=unknown", ""), ("?threat=false", ""),
        ("?threat=true&band=at_risk", "012345"), ("?account_manager=" + quote("Eva Groß"), "036"),
        ("?account_manager=Nobody", ""), ("?account_manager=", ""), ("?account_manager=%00%ff", ""),
        ("?unmanaged=true", "258"), ("?unmanaged=false&band=safe", "67"),
        ("?limit=200", "012345678"), ("?cursor=", "012345678"),
    ],
)  # fmt: skip
def test_filters(client: Client, query: str, expected: str) -> None:
    assert ids(client, query) == [f"A{digit}" for digit in expected]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("band=atrisk", "band"), ("band=", "band"), ("threat=maybe", "threat"), ("limit=0", "limit"),
        ("limit=201", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"),
        ("cursor=" + "A" * 5000, "cursor"),
    ],
)  # fmt: skip
def test_bad_parameters(client: Client, query: str, pointer: str) -> None:
    assert_problem(client.get(f"/v1/accounts?{query}"), 422, f"/query/{pointer}")


def test_pages(client: Client, store: ScoreStore, clock: Clock) -> None:
    found, query = [listed(client, "?limit=4")], "?limit=4&cursor="
    while found[-1]["next_cursor"]:
        put(store, *scores(3, churn_probability=0.9))
        found.append(listed(client, query + found[-1]["next_cursor"]))
    assert [row["account_id"] for page in found for row in page["accounts"]] == sorted(EVIDENCE)
    assert ids(client) == ["A0", "A1", "A2"]
    first = found[0]["next_cursor"]
    assert_problem(client.get(f"/v1/accounts?limit=4&band=safe&cursor={first}"), 422, "/query/cursor")
    clock.now = AT + timedelta(days=2)
    store.purge()
    problem = assert_problem(client.get(f"/v1/accounts?limit=4&cursor={first}"), 410, "/query/cursor")
    assert "begin anew" in problem["detail"]


def test_nobody_sees_what_is_not_theirs(client: Client, store: ScoreStore) -> None:
    eva, everything = keyed(client, store, "Eva Groß"), keyed(client, store, None)
    assert ids(everything) == sorted(EVIDENCE)
    assert ids(eva) == ids(eva, "?account_manager=" + quote("Eva Groß")) == ["A0", "A3", "A6"]
    for other in ("J%C3%B6rg", "", "eva%20gro%C3%9F", "Nobody"):
        found = listed(eva, f"?limit=1&account_manager={other}")
        assert (found["accounts"], found["next_cursor"], found["as_of"]) == ([], None, "2026-01-01")
    for account_id, manager in MANAGERS.items():
        for view in ("risk", "report"):
            answer = eva.get(f"/v1/accounts/{account_id}/{view}")
            if manager == "Eva Groß":
                assert answer.status_code == 200
            else:
                told = assert_problem(answer, 404, "/path/account_id")["detail"]
                unknown = assert_problem(eva.get(f"/v1/accounts/X{account_id}/{view}"), 404, "/path/account_id")
                assert unknown["detail"].replace("'XA", "'A") == told


def test_a_cursor_gives_no_right(client: Client, store: ScoreStore) -> None:
    """One key's cursor is of no use to another."""
    eva, everything = keyed(client, store, "Eva Groß"), keyed(client, store, None)
    for giver, taker in ((everything, eva), (eva, everything), (eva, keyed(client, store, "Jörg"))):
        token = listed(giver, "?limit=1")["next_cursor"]
        assert_problem(taker.get(f"/v1/accounts?limit=1&cursor={token}"), 422, "/query/cursor")


def test_an_account_goes_with_its_manager(client: Client, store: ScoreStore) -> None:
    """Whose it was at the latest score counts, for its earlier scores too."""
    eva, other = keyed(client, store, "Eva Groß"), keyed(client, store, "Jörg")
    assert eva.get("/v1/accounts/A0/risk").status_code == 200
    assert_problem(other.get("/v1/accounts/A0/risk"), 404, "/path/account_id")
    moved = replace(SCORE, account_id="A0", as_of=DAY + timedelta(days=1))
    put(store, moved, evidence={"A0": {"account": {"account_manager": "Jörg"}}})
    assert_problem(eva.get("/v1/accounts/A0/risk"), 404, "/path/account_id")
    assert len(other.get("/v1/accounts/A0/risk").json()["history"]) == 2
