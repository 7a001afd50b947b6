"""Accounts that have left already by a model's rule of silence: said in a sentence, and no call to keep anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.pages import Site, tree
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.stored import AT, DAY, MODEL, opened

from serving.database.engine import reading
from serving.digest.digest_findings import Bounds, read_findings
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import SORTS, Wanted
from serving.store import ScoreStore
from serving.webhooks.alerts import AlertRules
from serving.words.formats import LANGS, Lang

GONE = {"days": 231, "silence_days": 180, "contracts": True}
SAID = {
    "en": "No contract runs any more. This is about winning back, not keeping.",
    "de": "Ein Vertrag läuft nicht mehr. Hier geht es ums Zurückgewinnen, nicht ums Halten.",
}
ABOVE = {
    "en": "1 account has left already by this model's own rule (no invoice for 180 days",
    "de": "1 Kunde ist nach der Regel dieses Modells schon abgewandert (seit 180 Tagen keine Rechnung",
}


def fill(store: ScoreStore, **rule: Any) -> None:
    """Store a run in which J1, the largest threat, has left already."""
    facts = evidence()
    facts["J1"]["lapsed"] = GONE
    scores = [score_of(name) for name in ACCOUNTS]
    store.write(scores, facts, MODEL | {"rule": MODEL["rule"] | rule}, DAY, AT)  # type: ignore[operator]


def test_they_stand_after_what_can_be_kept_and_wait_for_nothing(database_url: str) -> None:
    with opened(database_url) as store:
        fill(store, silence_days=180)
        with reading(store.engine) as connection:
            found = read_portfolio(connection, None, Wanted())
            waits = read_portfolio(connection, None, Wanted(todo="yes"))
            of_eva = read_portfolio(connection, EVA, Wanted())
            bounds = Bounds(10, 5.0, AlertRules(kinds=()))
            digest = read_findings(connection, JAN, bounds, None, AT, DAY)
        assert [row["account_id"] for row in found.rows] == ["E/2", "E1", "E4", "J1", "E3", "N1"]
        assert [row["account_id"] for row in waits.rows] == ["E/2"] and (found.unplanned, found.lapsed) == (1, 1)
        assert of_eva.lapsed == 0
        assert digest is not None and not digest.found.rows and digest.more == 0
        fill(store)
        with reading(store.engine) as connection:
            assert read_portfolio(connection, None, Wanted()).rows[0]["account_id"] == "J1", "no rule of silence"


@pytest.mark.parametrize(
    "wanted",
    [*(Wanted(sort=sort) for sort in SORTS), Wanted(q="ä"), Wanted(ending="yes"), Wanted(unheard="yes")],
    ids=str,
)
def test_whole_rows_are_read_of_the_accounts_that_are_shown_alone(tmp_path: Path, wanted: Wanted) -> None:
    """A row carries its evidence along, so that every other question is answered by an index."""
    asked: list[tuple[str, Any]] = []
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        fill(store, silence_days=180)
        sa.event.listen(store.engine, "before_cursor_execute", lambda *sent: asked.append(sent[2:4]))
        with reading(store.engine) as connection:
            read_portfolio(connection, None, wanted)
            over_run = [one for one in asked if "scores.run_id = ?" in one[0] and "scores.evidence" not in one[0]]
            plans = [
                plan.detail
                for statement, values in over_run
                for plan in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                if re.search(r"(SEARCH|SCAN) (scores|before)", plan.detail)
            ]
    assert len(plans) >= 6 and not [plan for plan in plans if "COVERING INDEX" not in plan]


@pytest.fixture
def site(tmp_path: Any) -> Iterator[Site]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        fill(store, silence_days=180)
        made = Site(store)
        yield made
        made.app.state.runtime.access.close()


@pytest.mark.parametrize("lang", LANGS)
def test_the_pages_say_it(site: Site, lang: Lang) -> None:
    browser = site.browser(site.key("read"))
    page = tree(browser.get(f"/?lang={lang}"))
    row = next(row for row in page.all("tr") if "J1" in row.text)
    assert SAID[lang] in row.one("td", class_="watch").text and not row.all("strong", class_="flag")
    assert ABOVE[lang] in page.text
    assert SAID[lang] in tree(browser.get(f"/accounts/J1?lang={lang}")).one("section", class_="headline").text
    of_eva = site.browser(site.key("read", account_manager=EVA))
    assert ABOVE[lang] not in tree(of_eva.get(f"/?lang={lang}")).text
