"""What every answer from stored scores says beside them: that they are old, and that a filter names nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from support.figures import MODEL, figures_by_hand
from support.pages import Site
from support.served import Client, Json, assert_problem
from support.stored import SCORE, opened

from serving.scoring import cautions
from serving.scoring.cautions import Caution
from serving.store import ScoreStore
from serving.words.caution_words import told
from serving.words.formats import LANGS, Lang

EVA = "Eva Groß"
MANAGERS = {"A1": EVA, "A2": "Jörg", "A3": None, "A4": None}
LISTS = ("/v1/accounts", "/v1/renewals", "/v1/losses", "/v1/figures", "/v1/figures/revenue_customers")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path: Path = tmp_path_factory.mktemp("store") / "scores.db"
    with opened(f"sqlite:///{path}") as store:
        evidence = {who: {"account": {"name": who, "account_manager": name}} for who, name in MANAGERS.items()}
        rows = [replace(SCORE, account_id=who) for who in MANAGERS]
        store.write(rows, evidence, MODEL, SCORE.as_of, SCORE.scored_at, figures=figures_by_hand())
        made = Site(store, rate_limit="100000/minute")
        yield made
        made.app.state.runtime.access.close()


def client(site: Site, manager: str | None = None) -> Client:
    return Client(site.app, {"Authorization": f"Bearer {site.key('read', account_manager=manager)}"})


def warned(asking: Client, path: str) -> Json:
    answer = asking.get(path)
    assert answer.status_code == 200, answer.text
    return {warning["code"]: warning["detail"] for warning in answer.json()["warnings"]}


@pytest.mark.parametrize("lang", LANGS)
def test_old_scores_say_their_age(site: Site, lang: Lang, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, said = client(site), told(Caution("aged", {"days": "?"}), lang).partition("?")[0]
    for most, expected in ((100_000, False), (-1, True)):
        monkeypatch.setattr(cautions, "AGED_DAYS", most)
        for path in (*LISTS, "/v1/accounts/A1/risk"):
            found = warned(reader, f"{path}?lang={lang}")
            assert found.get("aged", "").startswith(said) is expected and ("aged" in found) is expected, path


def test_every_list_names_the_model_and_warns_of_a_weak_one(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'weak.db'}") as store:
        weak = MODEL | {"grade": "D", "cautions": [{"code": "grade", "figures": {"grade": "D"}}]}
        store.write([SCORE], {}, weak, SCORE.as_of, SCORE.scored_at, figures=figures_by_hand())
        site = Site(store, rate_limit="100000/minute")
        for path in LISTS:
            answer = client(site).get(path).json()
            codes = [warning["code"] for warning in answer["warnings"]]
            assert (answer["model"]["version"], answer["model"]["grade"], "grade" in codes) == ("1", "D", True), path
        site.app.state.runtime.access.close()


def test_a_manager_who_is_nobody_is_told_with_who_may_be_meant(site: Site) -> None:
    everybody, eva = client(site), client(site, EVA)
    for path in LISTS:
        misspelt = warned(everybody, f"{path}?account_manager={quote('Eva Gros')}")["filter"]
        assert "“Eva Gros”" in misspelt and misspelt.endswith("is “Eva Groß” meant?"), path
        assert "filter" not in warned(everybody, f"{path}?account_manager={quote(EVA)}")
        assert "unmanaged=true" in warned(everybody, f"{path}?account_manager=")["filter"]
        # Somebody else's name is told as nobody's, and none that the caller does not see is proposed.
        foreign, nobody = (warned(eva, f"{path}?account_manager={quote(who)}")["filter"] for who in ("Jörg", "Jorg"))
        assert foreign.replace("Jörg", "Jorg") == nobody and "meant" not in nobody
    assert "filter" not in warned(everybody, f"/v1/accounts?band=unknown&account_manager={quote(EVA)}")
    assert "„Eva Gros“" in warned(everybody, f"/v1/losses?lang=de&account_manager={quote('Eva Gros')}")["filter"]


def test_the_reason_of_a_figure_tells_nobody_from_nothing(site: Site) -> None:
    figures = client(site).get("/v1/figures?account_manager=Nobody").json()["figures"]
    assert {one["reason"] for one in figures} == {"you see no account of this run with the account manager asked for"}


def test_accounts_that_nobody_manages_can_be_asked_for(site: Site) -> None:
    def ids(asking: Client, query: str) -> list[str]:
        return [row["account_id"] for row in asking.get(f"/v1/accounts?{query}").json()["accounts"]]

    everybody, eva = client(site), client(site, EVA)
    assert [ids(everybody, f"unmanaged={value}") for value in ("true", "false")] == [["A3", "A4"], ["A1", "A2"]]
    assert [ids(eva, f"unmanaged={value}") for value in ("true", "false")] == [[], ["A1"]]
    assert ids(everybody, f"unmanaged=false&account_manager={quote(EVA)}") == ["A1"]
    refused = everybody.get(f"/v1/accounts?unmanaged=true&account_manager={quote(EVA)}")
    assert_problem(refused, 422, "/query/unmanaged")
    first = everybody.get("/v1/accounts?unmanaged=true&limit=1").json()["next_cursor"]
    assert ids(everybody, f"unmanaged=true&cursor={first}") == ["A4"]
    assert_problem(everybody.get(f"/v1/accounts?cursor={first}"), 422, "/query/cursor")


def test_no_answer_from_the_store_is_kept_by_who_passes_it_on(site: Site) -> None:
    reader = client(site)
    for path in (*LISTS, "/v1/accounts/A1/risk", "/v1/accounts/none/risk", "/v1/none", "/v1/accounts?limit=0"):
        assert reader.get(path).headers.get_list("cache-control") == ["private, no-store"], path
    assert Client(site.app).get("/v1/accounts").headers["cache-control"] == "private, no-store"


def test_an_empty_store_warns_of_nobody(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        nothing: ScoreStore = store
        made = Site(nothing, rate_limit="100000/minute")
        assert [warned(client(made), f"{path}?account_manager=Eva") for path in LISTS] == [{}] * len(LISTS)
        made.app.state.runtime.access.close()
