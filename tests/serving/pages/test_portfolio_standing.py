"""Above the portfolio: the revenue of the accounts that nobody hears, and what is due; known or said to be unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.stored import AT, opened, put

from features.as_of import customers
from features.sources import open_source
from features.validation import validate
from serving.acting.acts import NewFeedback, add_feedback
from serving.database.engine import reading, writing
from serving.portfolio.portfolio_head import head_of
from serving.portfolio.portfolio_lines import lines_of
from serving.portfolio.portfolio_query import Found, read_portfolio
from serving.portfolio.portfolio_report import portfolio_report, render_portfolio
from serving.portfolio.wanted import Wanted
from serving.scoring.book_figures import book_figures
from serving.scoring.evidence_pieces import standings
from serving.store import ScoreStore

AS_OF = date(2026, 1, 15)
#: A: heard 180 days ago, B: 181 days ago, C: on as_of, which is not known yet; D: asked, never heard; E: never asked.
ANSWERED = {"A": "2025-07-19T00:00:00", "B": "2025-07-18T00:00:00", "C": "2026-01-15T00:00:00", "D": ""}
#: Ends of contracts: as_of itself and the 89th day are due, the day before and the 90th are not, nor one not known.
ENDS = {"A": ("2026-01-15", "2026-04-14"), "B": ("2026-01-14", "2026-04-15"), "C": ("",)}


def book(folder: Path, known: str = "", without: tuple[str, ...] = ()) -> Any:
    rows = {
        "accounts": ["account_id,customer_since", *(f"{name},2020-01-01" for name in "ABCDE")],
        "invoices": [
            "invoice_id,account_id,invoiced_on,amount",
            *(f"I{name},{name},2025-12-01,100" for name in "ABCDE"),
        ],
        "churns": ["account_id,churned_on"],
        "surveys": [
            "survey_id,account_id,kind,sent_at,answered_at,score",
            *(
                f"S{name},{name},relationship,2025-07-01T00:00:00,{at},{9 if at else ''}"
                for name, at in ANSWERED.items()
            ),
        ],
        "contracts": [
            "contract_id,account_id,starts_on,ends_on,annual_value",
            *(f"K{name}{end},{name},2024-01-01,{end},10" for name, ends in ENDS.items() for end in ends),
        ],
    }
    for name, lines in rows.items():
        if name not in without:
            (folder / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "book.toml").write_text(known, encoding="utf-8")
    return validate(open_source(folder))


def told(tables: Any, name: str) -> dict[str, Any]:
    found = standings(tables, customers(tables, [AS_OF]), AS_OF)
    return {account_id: each[name] for account_id, each in found.items()}


def test_who_is_unheard_and_what_is_due_to_the_day(tmp_path: Path) -> None:
    tables = book(tmp_path)
    assert told(tables, "unheard_180d") == {"A": False, "B": True, "C": True, "D": True, "E": True}
    assert told(tables, "renewals_due_90d") == {"A": 20.0, "B": 0.0, "C": 0.0, "D": 0.0, "E": 0.0}
    ends = {"A": "2026-01-15", "B": "2026-04-15", "C": None, "D": None, "E": None}
    assert told(tables, "contract_ends_on") == ends, "the next end of what runs; one of yesterday is over"
    figures = book_figures(tables, AS_OF).parts[0].record["figures"]
    assert figures["renewals_due_90d"]["value"][-1] == 20.0, "the figure of this name says the same"


def test_what_a_book_does_not_know_is_null(tmp_path: Path) -> None:
    for name in ("absent", "cut"):
        (tmp_path / name).mkdir()
    absent = book(tmp_path / "absent", without=("surveys", "contracts"))
    for name in ("unheard_180d", "renewals_due_90d", "contract_ends_on"):
        assert set(told(absent, name).values()) == {None}
    cut = book(tmp_path / "cut", known="[surveys]\nsince = 2025-07-19\n", without=("surveys",))
    assert set(told(cut, "unheard_180d").values()) == {None}


def found(store: ScoreStore, mine: str | None = None, **wanted: str) -> Found:
    with reading(store.engine) as connection:
        return read_portfolio(connection, mine, Wanted(**wanted))


def test_sums_are_of_what_is_seen_and_listed(database_url: str) -> None:
    with opened(database_url) as store:
        put(store, *(score_of(name) for name in ACCOUNTS), evidence=evidence())
        assert (found(store).sums.unheard, found(store).sums.due) == (800_000.0, 1.0)
        for each in (found(store, EVA), found(store, manager=EVA)):
            assert (each.sums.unheard, each.sums.due) == (450_000.0, 1.0)
        assert (found(store, JAN).sums.unheard, found(store, JAN).sums.due) == (350_000.0, 0.0)
        assert (found(store, band="safe").sums.unheard, found(store, band="safe").sums.due) == (450_000.0, 0.0)
        assert found(store, q="nobody at all").sums.unheard is None
        for typed in ("ärzte", "ÄRZTE", "aerzte", "AeRZTE", "a\u0308rzte", "arzte"):
            assert [row["account_id"] for row in found(store, q=typed).rows] == ["E1"], typed
        assert not found(store, q="%").rows
        with writing(store.engine) as connection:  # as a run from before it was kept
            connection.execute(sa.text("UPDATE scores SET searched = NULL"))
        assert [row["account_id"] for row in found(store, q="E1").rows] == ["E1"]
        assert {row["account_id"] for row in found(store, sort="name").rows} == set(ACCOUNTS)
        assert found(store, sort="ends").rows[0]["account_id"] == "E/2", "in 40 days, others in 400"


@pytest.mark.parametrize(("lang", "no"), [("en", "not known: the book has no"), ("de", "nicht bekannt: keine")])
def test_a_sum_of_which_one_account_is_not_known_is_not_known(database_url: str, lang: Any, no: str) -> None:
    """As in runs from before it was kept; page and paper say it."""
    facts = evidence()
    del facts["E1"]["standing"]
    with opened(database_url) as store:
        put(store, *(score_of(name) for name in ACCOUNTS), evidence=facts)
        whole = found(store)
        assert (whole.sums.unheard, whole.sums.due) == (None, None)
        assert found(store, JAN).sums.unheard == 350_000.0
    unheard, due = head_of(whole, lang, AS_OF).figures[-3:-1]
    assert unheard.value == due.value == "–" and unheard.note.startswith(no) and due.note.startswith(no)
    assert render_portfolio(portfolio_report(whole, None, Wanted(), lang, AS_OF)).count(no) == 2


@pytest.mark.parametrize(("lang", "handled", "decide"), [
    ("de", "Als schon erledigt gemeldet", "Der Hinweis verschwindet"),
    ("en", "Reported as handled already", "The note goes once"),
])  # fmt: skip
def test_the_list_says_what_was_reported_and_what_is_to_decide(
    tmp_path: Path, lang: Any, handled: str, decide: str
) -> None:
    """What was handled looked like what nobody had touched, and what was called wrong stood on top for good."""
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put(store, *(score_of(name) for name in ACCOUNTS), evidence=evidence())
        with writing(store.engine) as connection:
            for name, verdict in (("J1", "handled"), ("E1", "wrong")):
                add_feedback(connection, score_of(name), NewFeedback(verdict, "so"), "key:1", AT, name)
        with reading(store.engine) as connection:
            found = read_portfolio(connection, None, Wanted())
    lines = {line.account_id: line for line in lines_of(found, lang, AS_OF)}
    assert (lines["J1"].step, lines["J1"].flags) == (handled, ()) and not lines["E/2"].step
    assert decide in head_of(found, lang, AS_OF).decide
