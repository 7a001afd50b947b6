"""A planned step is changed: once and whole, by who may, with what it was before; a faster one is not written over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.pages import Browser, Site, tree
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.stored import AT, DAY, opened, put

from serving.acting.acting_tables import FEEDBACK, STEP_CHANGED, STEPS
from serving.acting.acts import NewStep, action_rows, add_step, finish_step
from serving.database.engine import reading, writing
from serving.portfolio.portfolio_lines import lines_of
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import Wanted

PAGE = "/accounts/E1?lang=en"
PLAN = {"kind": "call", "what": "Ask <b>why</b>", "owner": "Eva", "due_on": "2099-02-01"}
NEW = {"kind": "visit", "what": "Go there", "owner": "Jana", "due_on": "2099-03-01"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put(store, *(score_of(name) for name in ACCOUNTS), evidence=evidence())
        made = Site(store)
        yield made
        made.app.state.runtime.access.close()


@pytest.fixture
def eva(site: Site) -> Browser:
    browser = site.browser(site.key("read", "feedback", account_manager=EVA))
    browser.send(PAGE, form_of(browser.get(PAGE), "step") | PLAN)
    return browser


def form_of(answer: httpx.Response, kind: str) -> dict[str, str]:
    (found,) = (each for each in tree(answer).all("form") if each.fields.get("form") == kind)
    return found.fields


def stored(site: Site) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the only step, and what else stands of the accounts."""
    with reading(site.store.engine) as connection:
        (step,), said = (connection.execute(table.select()).mappings().all() for table in (STEPS, FEEDBACK))
    return dict(step), [dict(row) for row in said]


def planned(step: dict[str, Any]) -> dict[str, str]:
    return {name: str(step[name]) for name in PLAN}


def alerts(answer: httpx.Response) -> list[str]:
    return [each.text for each in tree(answer).all("p", role="alert")]


def test_a_change_is_stored_once_with_who_and_when_and_what_it_was(site: Site, eva: Browser) -> None:
    made, _ = stored(site)
    site.clock.pass_by(seconds=60)
    form = form_of(eva.get(PAGE), "change")
    assert {name: form[name] for name in PLAN} == PLAN, "it comes with what is stored"
    answers = [eva.send(PAGE, form | NEW) for _ in range(3)]
    step, (said,) = stored(site)
    assert planned(step) == NEW
    assert (step["created_at"], step["created_by"]) == (made["created_at"], made["created_by"])
    assert (said["verdict"], said["created_by"], said["created_at"]) == (
        STEP_CHANGED, made["created_by"], site.clock.now(),
    )  # fmt: skip
    page = tree(answers[-1])
    assert page.one("p", role="status").text == "The step is changed."
    was = " by Eva Groß. Before: Call, Ask <b>why</b> (Eva, by 1 Feb 2099)"
    assert was in page.text and "Changed on " in page.text and "<b>why" not in answers[-1].text
    assert not [entry for entry in page.all("p", class_="what") if "step_changed" in entry.text]
    done = form_of(answers[-1], "done")
    eva.send(PAGE, done)
    with reading(site.store.engine) as connection:
        (action,) = action_rows(connection)
    assert (action["kind"], action["note"]) == ("visit", "Go there"), "what was done is what was planned last"


def test_what_is_the_same_leaves_no_trace_and_an_overdue_step_may_change_hands(site: Site, eva: Browser) -> None:
    form = form_of(eva.get(PAGE), "change")
    assert eva.send(PAGE, form).status_code == 200 and stored(site)[1] == []
    with writing(site.store.engine) as connection:
        connection.execute(STEPS.update().values(due_on=date(2025, 12, 1)))
    form = form_of(eva.get(PAGE), "change")
    assert eva.send(PAGE, form | {"owner": "Jana"}).status_code == 200
    assert planned(stored(site)[0]) == PLAN | {"owner": "Jana", "due_on": "2025-12-01"}
    form = form_of(eva.get(PAGE), "change")
    assert alerts(eva.send(PAGE, form | {"due_on": "2025-12-02"})) == [
        "2025-12-02 has passed: please say a day from today on."
    ]


def test_what_is_wrong_comes_back_into_the_form_it_was_typed_into(site: Site, eva: Browser) -> None:
    form = form_of(eva.get(PAGE), "change")
    answer = eva.send(PAGE, form | {"what": "", "owner": "Jana"})
    assert answer.status_code == 422 and len(alerts(answer)) == 1
    again = form_of(answer, "change")
    assert (again["what"], again["owner"]) == ("", "Jana")
    assert "open" in next(each for each in tree(answer).all("details") if each.all("form")).attributes
    assert form_of(answer, "step")["what"] == "" and planned(stored(site)[0]) == PLAN and stored(site)[1] == []


def test_who_was_slower_looks_again(site: Site, eva: Browser) -> None:
    form = form_of(eva.get(PAGE), "change")
    other = site.browser(site.key("read", "feedback"))
    assert other.send(PAGE, form_of(other.get(PAGE), "change") | NEW).status_code == 200
    answer = eva.send(PAGE, form | {"owner": "Eva G."})
    assert answer.status_code == 422 and "Somebody else has just changed this step" in alerts(answer)[0]
    assert planned(stored(site)[0]) == NEW
    again = form_of(answer, "change")
    assert again["owner"] == "Eva G.", "what was typed is kept"
    assert eva.send(PAGE, again).status_code == 200
    assert planned(stored(site)[0]) == PLAN | {"owner": "Eva G."} and len(stored(site)[1]) == 2


def test_a_done_step_another_s_step_and_a_forged_form_change_nothing(site: Site, eva: Browser) -> None:
    form = form_of(eva.get(PAGE), "change") | NEW
    jan = site.browser(site.key("read", "feedback", account_manager=JAN))
    own = form | {"token": form_of(jan.get("/accounts/J1"), "step")["token"]}
    assert jan.send("/accounts/J1?lang=en", own).status_code == 422 and jan.send(PAGE, own).status_code == 404
    assert eva.send(PAGE, form | {"token": "0" * 64}).status_code == 403
    assert alerts(eva.send(PAGE, form | {"step_id": "x"}))[0].startswith("There is no such step")
    eva.send(PAGE, form_of(eva.get(PAGE), "done"))
    answer = eva.send(PAGE, form)
    assert answer.status_code == 422 and "is done and cannot be changed" in alerts(answer)[0]
    assert planned(stored(site)[0]) == PLAN and stored(site)[1] == []


def test_a_step_that_was_done_since_the_scores_asks_for_no_other_until_the_next_run(site: Site) -> None:
    def now() -> tuple[int, dict[str, Any]]:
        with reading(site.store.engine) as connection:
            found = read_portfolio(connection, None, Wanted())
        (line,) = (line for line in lines_of(found, "de", DAY) if line.account_id == "E/2")
        return found.unplanned, {"flags": line.flags, "step": line.step, "note": line.step_note}

    with writing(site.store.engine) as connection:
        step = add_step(connection, "E/2", NewStep("call", "Ask", "Eva", DAY), "key:1", AT, "once")
    both, _ = now()
    with writing(site.store.engine) as connection:
        finish_step(connection, "E/2", step["step_id"], "key:1", AT + timedelta(days=3))
    assert now() == (both, {"flags": (), "step": "Ask", "note": "Eva, erledigt am 04.01.2026"})
    put(site.store, *(replace(score_of(name), scored_at=AT + timedelta(days=4)) for name in ACCOUNTS))
    after, line = now()
    assert after == both + 1 and line["step"] == "" and line["flags"] == ("Noch kein nächster Schritt",)
