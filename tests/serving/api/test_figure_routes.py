"""GET /v1/figures and GET /v1/figures/{name}: values, series and definitions, by the rights of who asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.figures import ACCOUNTS, ANA, BO, DATES, put_figures
from support.pages import Site
from support.served import Client, assert_problem
from support.stored import SCORE, opened, put

from features.figures.figure import all_figures
from serving.store import ScoreStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ScoreStore]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as made:
        yield made


@pytest.fixture
def site(store: ScoreStore) -> Iterator[Site]:
    made = Site(store, rate_limit="100000/minute")
    yield made
    made.app.state.runtime.access.close()


def client(site: Site, manager: str | None = None) -> Client:
    return Client(site.app, {"Authorization": f"Bearer {site.key('read', account_manager=manager)}"})


def by_name(body: Any) -> dict[str, Any]:
    return {figure["name"]: figure for figure in body["figures"]}


def test_every_figure_comes_with_series_definition_and_reason(store: ScoreStore, site: Site) -> None:
    put_figures(store)
    reader = client(site)
    english, german = (reader.get(f"/v1/figures?lang={lang}").json() for lang in ("en", "de"))
    assert list(by_name(english)) == [figure.name for figure in all_figures()]
    assert (english["as_of"], english["currency"], english["whole_book"]) == ("2026-01-01", "EUR", True)
    for figure, one, eins in zip(all_figures(), english["figures"], german["figures"], strict=True):
        assert (one["label"], one["definition"], one["source"]) == (figure.en, figure.definition_en, figure.source)
        assert (eins["label"], eins["definition"], eins["unit"]) == (figure.de, figure.definition_de, figure.unit)
        assert [point["as_of"] for point in one["series"]] == DATES
        last = one["series"][-1]
        assert {name: one[name] for name in ("value", "low", "high", "n", "reason")} == {
            name: last[name] for name in ("value", "low", "high", "n", "reason")
        }
        assert (one["value"] is None) == (one["reason"] is not None)
    assert by_name(english)["loops_closed_48h"]["reason"] == "table loops is missing"
    assert by_name(german)["loops_closed_48h"]["reason"] == "Tabelle loops fehlt"
    assert by_name(english)["logo_churn"]["low"] == 0.2


def test_a_manager_gets_the_figures_of_the_manager_s_accounts_only(store: ScoreStore, site: Site) -> None:
    put_figures(store)
    everybody, ana = client(site), client(site, ANA)
    mine = sum(row[1] for row in ACCOUNTS.values() if row[0] == ANA)
    whole = sum(row[1] for row in ACCOUNTS.values())
    for asking, query, value in (
        (everybody, "", whole), (everybody, f"?account_manager={quote(ANA)}", mine),
        (ana, "", mine), (ana, f"?account_manager={quote(ANA)}", mine),
    ):  # fmt: skip
        body = asking.get(f"/v1/figures{query}").json()
        assert by_name(body)["revenue_customers"]["value"] == value
        assert body["whole_book"] == (asking is everybody and not query)
        one = asking.get(f"/v1/figures/revenue_customers{query}").json()
        assert sum(row["value"] for row in one["accounts"]) + one["others_value"] == one["value"] == value
    foreign = [ana.get(f"/v1/figures?account_manager={quote(who)}").json() for who in (BO, "there is none", "")]
    for body in foreign:
        assert {figure["value"] for figure in body["figures"]} == {None}
        reason = "you see no account of this run with the account manager asked for"
        assert {figure["reason"] for figure in body["figures"]} == {reason}
        assert body | {"request_id": "", "warnings": []} == foreign[0] | {"request_id": "", "warnings": []}
    for name in ("revenue_customers", "revenue_lost_invoiced"):
        text = "".join(ana.get(f"/v1/figures/{name}{query}").text for query in ("", f"?account_manager={quote(BO)}"))
        text = text.replace(f"has the account manager “{BO}”", "")  # What was asked is told back.
        assert BO not in text and "bo-" not in text and "nobodys" not in text and "7000" not in text


def test_the_accounts_behind_a_figure(store: ScoreStore, site: Site) -> None:
    put_figures(store)
    reader = client(site)
    lost = reader.get("/v1/figures/revenue_lost_invoiced?limit=1&lang=de").json()
    assert lost["accounts"] == [{"account_id": "bo-2", "name": "Name of bo-2", "account_manager": BO, "value": -1234.5}]
    assert (lost["others"], lost["others_value"], lost["value"]) == (1, -50.0, -1284.5)
    rate = reader.get("/v1/figures/logo_churn").json()
    assert (rate["accounts"], rate["others"], rate["adds_up"]) == (None, None, False)
    unknown = reader.get("/v1/figures/loops_opened").json()
    assert (unknown["accounts"], unknown["reason"]) == (None, "table loops is missing")


def test_what_is_not_stored_is_null_and_says_so(store: ScoreStore, site: Site) -> None:
    reader = client(site)
    nothing = reader.get("/v1/figures").json()
    assert nothing["as_of"] is None
    assert {figure["reason"] for figure in nothing["figures"]} == {"no scores are stored yet"}
    assert reader.get("/v1/figures/logo_churn").json()["series"] == []
    put(store, SCORE)
    without = reader.get("/v1/figures?lang=de").json()
    assert without["as_of"] == "2026-01-01"
    assert {figure["reason"] for figure in without["figures"]} == {"mit diesem Bewertungslauf nicht gespeichert"}


@pytest.mark.parametrize(
    ("path", "status", "pointer", "words"),
    [
        ("/v1/figures/nps_relation", 404, "/path/name", "is it nps_relationship"),
        ("/v1/figures/x", 404, "/path/name", "'x': there is no such figure"),
        (f"/v1/figures/{'x' * 101}", 422, "/path/name", "100"),
        ("/v1/figures?lang=fr", 422, "/query/lang", "fr"),
        ("/v1/figures/logo_churn?limit=0", 422, "/query/limit", "1"),
    ],
)
def test_bad_input_is_named(site: Site, path: str, status: int, pointer: str, words: str) -> None:
    body = assert_problem(client(site).get(path), status, pointer)
    assert words in body["errors"][0]["detail"]
