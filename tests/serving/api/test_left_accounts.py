"""An account that the newest run has no score of is not said to be safe as if it were still a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.figures import figures_by_hand, kept_beside
from support.pages import Site
from support.served import Client
from support.stored import AT, MODEL, SCORE, opened, scores

from serving.scoring.book_figures import DEPARTURES
from serving.store import ScoreStore

NEXT, BEFORE = (SCORE.as_of + timedelta(days=days) for days in (31, -31))
#: A1 left before the newest run; A2 left, came back, and left in silence; A0 is a customer.
ENDS = {"A1": "2026-01-20", "A2": "2025-06-30"}
GONE = {
    "A1": {"en": "The account has left, on 20 Jan 2026 by the book of the newest run (1 Feb 2026): this estimate is "
                 "of 1 Jan 2026, before that, and its band is no statement about today",
           "de": "Der Kunde ist fort, seit 20.01.2026 nach dem Bestand des neuesten Laufs (01.02.2026): Diese "
                 "Einschätzung ist vom 01.01.2026, von davor, und ihre Einstufung sagt nichts über heute"},
    "A2": {"en": "The newest run (1 Feb 2026) has no estimate of the account, which was no customer any more or is not "
                 "in its book: this estimate is of 1 Jan 2026, and its band is no statement about today",
           "de": "Der neueste Lauf (01.02.2026) hat keine Einschätzung des Kunden, der kein Kunde mehr war oder in "
                 "seinem Bestand fehlt: Diese Einschätzung ist vom 01.01.2026, und ihre Einstufung sagt nichts über "
                 "heute"},
}  # fmt: skip
AGED = ("These estimates are", "Diese Einschätzungen sind")


def fill(store: ScoreStore) -> None:
    """Store a run of three accounts, and a month later one of a single account with what is kept of the others."""
    store.write(scores(3, band="safe", threat=False), {}, MODEL, SCORE.as_of, AT)
    left = {who: [{"ended_on": day, "reason": None, "returned": False, "revenue": 0.0}] for who, day in ENDS.items()}
    kept = replace(figures_by_hand(), beside=(kept_beside(DEPARTURES, left),))
    older = [replace(one, as_of=BEFORE, scored_at=AT - timedelta(days=31)) for one in scores(3)]
    store.write(older, {}, MODEL, BEFORE, older[0].scored_at)
    newest = [replace(one, as_of=NEXT, scored_at=AT + timedelta(days=31)) for one in scores(1)]
    store.write(newest, {}, MODEL, NEXT, newest[0].scored_at, figures=kept)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path: Path = tmp_path_factory.mktemp("store") / "scores.db"
    with opened(f"sqlite:///{path}") as store:
        fill(store)
        made = Site(store, rate_limit="100000/minute", secret="s" * 32)
        yield made
        made.app.state.runtime.access.close()


@pytest.fixture(scope="module")
def reader(site: Site) -> Client:
    return Client(site.app, {"Authorization": f"Bearer {site.key('read')}"})


@pytest.mark.parametrize("who", ["A0", *GONE])
@pytest.mark.parametrize("lang", ["en", "de"])
def test_every_answer_about_it_says_so(reader: Client, who: str, lang: str) -> None:
    body = {"account_id": who, "lang": lang}
    answers = [reader.get(f"/v1/accounts/{who}/{what}?lang={lang}").json() for what in ("risk", "steps")]
    answers.append(reader.ask("POST", "/v1/links", json=body).json())
    expected = GONE.get(who, {}).get(lang)
    for answer in answers:
        assert answer["as_of"] == str(SCORE.as_of if expected else NEXT)
        assert {each["code"]: each["detail"] for each in answer["warnings"]}.get("left") == expected
    moved = reader.get(f"/v1/accounts/{who}/movement?lang={lang}").json()["warnings"]
    assert moved == answers[0]["warnings"]
    link = answers[-1]["url"].removeprefix("http://127.0.0.1")
    for path in (f"/v1/accounts/{who}/report?lang={lang}", link):
        shown = reader.get(path).text
        for other, texts in GONE.items():
            assert (f"<p><strong>{texts[lang]}.</strong></p>" in shown) is (other == who), path
        assert any(f'<p class="caution">{begun}' in shown for begun in AGED), path


def test_the_page_says_it_once_and_its_age_once(site: Site) -> None:
    page = site.browser(site.key("read")).get("/accounts/A1?lang=en").text
    assert page.count(GONE["A1"]["en"]) == page.count("These estimates are") == 1


def test_the_store_tells_it_on_every_database(database_url: str) -> None:
    with opened(database_url) as store:
        fill(store)
        found = {who: store.latest(who).left for who in ("A0", *GONE)}
        assert {who: caution and caution.figures["ended_on"] for who, caution in found.items()} == {
            "A0": None, "A1": "2026-01-20", "A2": None,
        }  # fmt: skip
        assert [caution is None for caution in found.values()] == [True, False, False]
