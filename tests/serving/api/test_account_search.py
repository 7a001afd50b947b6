"""GET /v1/accounts?search= and sort=: within what the caller sees, with cursors of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from support.pages import Site
from support.served import Client, assert_problem
from support.stored import MODEL, SCORE, opened

EVA = "Eva Groß"
#: Account -> name, manager; by falling revenue at risk.
BOOK = {
    "M-1": ("Müller & Söhne", EVA), "M-2": ("MUELLER AG", "Jörg"), "x/müller": (None, EVA), "B-1": ("100 % Bio", EVA),
    "B-2": ("1000 Bäder", None), "Ø-1": ("Søndby A/S", "Łukasz"),
}  # fmt: skip


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with opened(database_url) as store:
        rows = [replace(SCORE, account_id=who, revenue_at_risk=90.0 - at) for at, who in enumerate(BOOK)]
        evidence = {who: {"account": {"name": name, "account_manager": whose}} for who, (name, whose) in BOOK.items()}
        store.write(rows, evidence, MODEL, SCORE.as_of, SCORE.scored_at)
        store.write(  # An older run, in which another account has the name.
            [replace(SCORE, account_id="B-2", as_of=SCORE.as_of.replace(year=2025))],
            {"B-2": {"account": {"name": "Müller"}}}, MODEL, SCORE.as_of.replace(year=2025), SCORE.scored_at,
        )  # fmt: skip
        made = Site(store, rate_limit="100000/minute")
        yield made
        made.app.state.runtime.access.close()


def test_it_finds_parts_of_names_and_ids_within_what_is_seen(site: Site) -> None:
    everybody, eva = (
        Client(site.app, {"Authorization": f"Bearer {site.key('read', account_manager=who)}"}) for who in (None, EVA)
    )

    def found(asking: Client, query: str) -> list[str]:
        answer = asking.get(f"/v1/accounts?{query}")
        assert answer.status_code == 200, answer.text
        return [row["account_id"] for row in answer.json()["accounts"]]

    for text in ("müller", " MUELLER ", "mu\u0308ller", "\x00müller"):
        assert found(everybody, f"search={quote(text)}") == ["M-1", "M-2", "x/müller"], text
        assert found(eva, f"search={quote(text)}") == ["M-1", "x/müller"], text
    assert found(everybody, "search=b-") == ["B-1", "B-2"]
    assert found(everybody, f"search={quote('0 %')}") == ["B-1"], "a sign of patterns is none"
    for text in ("søndby", "Soendby", "SONDBY", "ø-1", "o-1"):
        assert found(everybody, f"search={quote(text)}") == ["Ø-1"], text
    assert found(everybody, f"search={quote('muller')}") == ["M-1", "x/müller"]
    assert found(everybody, "search=nobody") == []
    assert found(everybody, f"search=mueller&account_manager={quote('Jörg')}") == ["M-2"]
    assert found(everybody, "search=") == found(everybody, "search=%20") == list(BOOK)
    assert_problem(everybody.get(f"/v1/accounts?search={'x' * 101}"), 422, "/query/search")

    first = everybody.get(f"/v1/accounts?limit=1&search={quote('Müller')}").json()
    assert [row["account_id"] for row in first["accounts"]] == ["M-1"]
    cursor = first["next_cursor"]
    assert found(everybody, f"limit=1&search=mueller&cursor={cursor}") == ["M-2"]
    assert_problem(everybody.get(f"/v1/accounts?limit=1&cursor={cursor}"), 422, "/query/cursor")


def test_the_list_falls_by_another_figure(site: Site) -> None:
    reader = Client(site.app, {"Authorization": f"Bearer {site.key('read')}"})
    usual, same = (reader.get(f"/v1/accounts{query}").json() for query in ("", "?sort=Revenue_At_Risk"))
    assert usual.pop("request_id") != same.pop("request_id") and usual == same
    by_profit = reader.get("/v1/accounts?sort=expected_profit&limit=2").json()
    assert [row["account_id"] for row in by_profit["accounts"]] == ["B-1", "B-2"], "ties by id"
    assert reader.get(f"/v1/accounts?sort=expected_profit&cursor={by_profit['next_cursor']}").is_success
    assert_problem(reader.get(f"/v1/accounts?cursor={by_profit['next_cursor']}"), 422, "/query/cursor")
    assert_problem(reader.get("/v1/accounts?sort=worth"), 422, "/query/sort")
