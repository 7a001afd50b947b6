"""What came after done steps: two runs of the account beside accounts left alone, worked by hand; never others'."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from support.pages import Site, tree
from support.served import Client
from support.stored import DAY, SCORE, opened, put

from serving.acting.acting_tables import STEPS
from serving.acting.after_steps import AfterSteps, after_steps
from serving.database.engine import reading, writing
from serving.store import ScoreStore

THEN = DAY - timedelta(days=90)
DONE = datetime(2025, 11, 1, 12, tzinfo=UTC)
#: Account -> manager, band and probability then, band and probability now. A has the done step, P a planned one.
BOOK: dict[str, tuple[str, Any, float, Any, float]] = {
    "A": ("Eva", "at_risk", 0.40, "at_risk", 0.30),
    **{f"B{number}": ("Eva", "at_risk", 0.32 + 0.04 * number, "safe", 0.35) for number in range(5)},
    "far": ("Eva", "at_risk", 0.51, "at_risk", 0.9),
    "other band": ("Eva", "safe", 0.40, "safe", 0.9),
    "not known now": ("Eva", "at_risk", 0.40, "unknown", 0.9),
    "P": ("Eva", "at_risk", 0.40, "at_risk", 0.9),
    "J": ("Jan", "at_risk", 0.40, "at_risk", 0.65),
}
KNOWN = AfterSteps(DONE.date(), THEN, DAY, 0.40, 0.30)


def fill(store: ScoreStore, runs: tuple[date, ...] = (THEN, DAY), **changed: Any) -> None:
    book = BOOK | changed
    facts = {name: {"account": {"account_manager": row[0]}} for name, row in book.items()}
    for as_of in runs:
        at = 1 if as_of == THEN else 3
        scores = [
            replace(SCORE, account_id=name, as_of=as_of, band=row[at], churn_probability=row[at + 1])
            for name, row in book.items()
        ]
        put(store, *scores, evidence=facts)
    with writing(store.engine) as connection:
        for number, (name, done_at) in enumerate((("A", DONE), ("A", DONE + timedelta(days=9)), ("P", None))):
            plan(connection, name, done_at, str(number))


def plan(connection: Connection, account_id: str, done_at: datetime | None, once: str) -> None:
    row = {"account_id": account_id, "kind": "call", "what": "Call", "owner": "Eva", "due_on": DAY, "done_at": done_at}
    connection.execute(sa.insert(STEPS), row | {"created_at": DONE, "created_by": "x", "once": once})


def of(store: ScoreStore, account_id: str = "A", whose: Any = None) -> AfterSteps | None:
    with reading(store.engine) as connection:
        return after_steps(connection, account_id, whose)


def test_the_mean_is_of_comparable_accounts_left_alone_that_the_reader_sees(database_url: str) -> None:
    with opened(database_url) as store:
        fill(store)
        whole, evas = of(store), of(store, whose=["Eva", "Nobody"])
        assert whole is not None and evas is not None
        assert whole.comparable == 6 and whole.alone_now == pytest.approx((5 * 0.35 + 0.65) / 6)
        assert evas.comparable == 5 and evas.missing is None
        assert (evas.alone_before, evas.alone_now) == (pytest.approx(0.40), pytest.approx(0.35))
        assert replace(evas, comparable=0, alone_before=None, alone_now=None) == KNOWN
        assert of(store, whose="Jan") == replace(KNOWN, comparable=1, missing="comparable")
        assert of(store, "P") is of(store, "B1") is None, "no step is done"


@pytest.mark.parametrize(
    ("runs", "changed", "expected"),
    [
        ((DAY,), {}, AfterSteps(DONE.date(), missing="before")),
        ((THEN, DAY), {"A": ("Eva", "unknown", 0.4, "safe", 0.3)}, AfterSteps(DONE.date(), missing="before")),
        ((THEN,), {}, AfterSteps(DONE.date(), THEN, before=0.4, missing="since")),
        (
            (THEN, DAY),
            {"A": ("Eva", "safe", 0.4, "unknown", 0.3)},
            AfterSteps(DONE.date(), THEN, before=0.4, missing="since"),
        ),
    ],
)
def test_what_there_is_no_estimate_of(tmp_path: Path, runs: Any, changed: Any, expected: AfterSteps) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        fill(store, runs, **changed)
        assert of(store) == expected


def test_no_row_of_the_other_accounts_is_read(tmp_path: Path) -> None:
    """A row carries its evidence along: the comparison is answered by indexes."""
    asked: list[tuple[str, Any]] = []
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        fill(store)
        sa.event.listen(store.engine, "before_cursor_execute", lambda *sent: asked.append(sent[2:4]))
        of(store)
        with reading(store.engine) as connection:
            (compared,) = [one for one in asked if "AS later" in one[0]]
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compared[0]}", compared[1]).all()
    reads = [row.detail for row in plan if re.search(r"(SEARCH|SCAN) (scores|later)", row.detail)]
    assert len(reads) == 2 and all("COVERING INDEX" in detail for detail in reads)


@pytest.mark.parametrize(
    ("lang", "told"),
    [("en", ("40% (as of", "30% (as of", "on average 40% then, 35% now", "no experiment")),
     ("de", ("40 % (Stand", "30 % (Stand", "im Mittel damals 40 %, jetzt 35 %", "kein Experiment"))],
)  # fmt: skip
def test_the_page_says_what_the_api_does(tmp_path: Path, lang: str, told: tuple[str, ...]) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        fill(store)
        site = Site(store)
        key = site.key("read", account_manager="Eva")
        text = tree(site.browser(key).get(f"/accounts/A?lang={lang}")).one("div", class_="after").text
        after = Client(site.app, {"X-API-Key": key}).get("/v1/accounts/A/steps").json()["after"]
        untouched = tree(site.browser(key).get("/accounts/B1"))
        with writing(store.engine) as connection:
            plan(connection, "B1", None, "one more")
        few = tree(site.browser(key).get(f"/accounts/A?lang={lang}")).one("div", class_="after").text
        site.app.state.runtime.access.close()
    assert [part for part in told if part not in text.replace("\u00a0", " ")] == []
    assert (after["before"], after["now"], after["comparable"], after["missing"]) == (0.4, 0.3, 5, None)
    assert after["alone_now"] == pytest.approx(0.35) and not untouched.all("div", class_="after")
    assert ("Fewer than 5" in few or "Weniger als 5" in few) and told[2] not in few and told[3] not in few
