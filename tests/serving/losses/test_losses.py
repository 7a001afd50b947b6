"""Loss reviews on a book and runs written by hand: nothing later is known, and no run whose model knew the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from support.pages import Tree
from support.programmes import book_of, rows_of
from support.served import run_command
from support.stored import MODEL, SCORE, opened

from features.errors import InputError
from serving.acting.acts import NewFeedback, add_feedback
from serving.database.engine import reading, writing
from serving.losses import past_runs
from serving.losses.departures import BEFORE, Departure, Departures, departures
from serving.losses.loss_report import loss_report
from serving.losses.past_runs import Run, Sight, read_runs, read_sights, run_before
from serving.losses.reviews import Review, reviews
from serving.store import ScoreStore

FIRST, AS_OF, END = date(2025, 1, 1), date(2026, 1, 1), date(2025, 6, 30)
SINCE = "2020-01-01"
#: Account, customer since, departures with their reasons; who is left out of the reviews, and why.
ACCOUNTS: dict[str, tuple[str, dict[str, str | None]]] = {
    "lost": (SINCE, {"2025-06-30": "price"}),
    "back": (SINCE, {"2025-09-01": None}),
    "young": ("2025-04-01", {"2025-05-11": "service"}),
    "earlier": (SINCE, {"2024-12-31": "before the period"}),
    "twice": (SINCE, {"2023-01-01": "left", "2025-03-01": "was no customer any more"}),
    "later": (SINCE, {"2026-01-01": "on the date: not known yet"}),
    "stays": (SINCE, {}),
}


def frames() -> dict[str, pd.DataFrame]:
    invoices = [
        (f"{name}-{day:%Y%m}", name, f"{day:%Y-%m-%d}", 100.0)
        for name in ("lost", "stays")
        for day in pd.date_range("2024-01-01", "2025-12-31", freq="MS")
        if name == "stays" or day.date() < END
    ]
    answers = (("early", "2025-01-05T09:00", 9), ("late", "2025-06-20T09:00", 2))
    return {
        "accounts": rows_of(
            "account_id customer_since name", *((name, since, f"{name} Ltd") for name, (since, _) in ACCOUNTS.items())
        ),
        "churns": rows_of(
            "account_id churned_on reason",
            *((name, day, why) for name, (_, left) in ACCOUNTS.items() for day, why in left.items()),
        ),
        "invoices": rows_of("invoice_id account_id invoiced_on amount", *invoices),
        "contracts": rows_of(
            "contract_id account_id starts_on ends_on annual_value",
            ("C1", "back", "2025-10-01", "2026-10-01", 50.0),
        ),
        "surveys": rows_of(
            "survey_id account_id kind sent_at answered_at score",
            *((name, "lost", "relationship", at, at, score) for name, at, score in answers),
        ),
    }


@pytest.fixture(scope="module")
def left() -> list[Departure]:
    return departures(book_of(frames()), FIRST, AS_OF)


def test_who_was_a_customer_and_left_within_the_period_is_reviewed(left: list[Departure]) -> None:
    assert [(each.account_id, each.reason, each.returned) for each in left] == [
        ("young", "service", False), ("lost", "price", False), ("back", None, True),
    ]  # fmt: skip
    young, lost, _ = left
    assert set(young.facts) == {30} and set(lost.facts) == set(BEFORE), "no facts of who was no customer then"
    assert lost.revenue == pytest.approx(1200.0)


def test_they_are_kept_and_read_some_accounts_at_a_time(left: list[Departure]) -> None:
    """The same in whatever pieces, by account and day, as often as they are asked for."""
    for piece in (1, 2, 100):
        kept = Departures(book_of(frames()), FIRST, AS_OF, piece)
        for _ in range(2):
            assert list(kept) == sorted(left, key=lambda each: each.account_id)


def test_facts_are_what_was_known_on_the_day(left: list[Departure]) -> None:
    """The answer of January came five days after the first look, that of June after the last."""
    facts = left[1].facts
    assert [facts[days]["nps_last"] for days in BEFORE] == [None, 9.0, 9.0]
    last = {days: (END - timedelta(days=days)).day - 1 for days in BEFORE}
    assert [facts[days]["invoice_recency_days"] for days in BEFORE] == [31.0, 31.0, last[30]]


def test_without_a_table_of_departures_there_is_nothing_to_review() -> None:
    with pytest.raises(InputError, match="there is no churns table"):
        departures(book_of(frames(), missing=["churns"]), FIRST, AS_OF)


# Runs


def run(as_of: date, known_until: date | None) -> Run:
    return Run(1, as_of, "1", datetime(2026, 1, 1, tzinfo=UTC), 10, known_until, 1)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((), "no_run"),
        ((run(date(2025, 4, 2), date(2024, 1, 1)),), "no_run"),
        ((run(date(2025, 4, 1), date(2025, 4, 2)),), "learnt_later"),
        ((run(date(2025, 4, 1), None),), "learnt_later"),
        ((run(date(2025, 4, 1), date(2025, 4, 1)),), 0),
        ((run(date(2025, 4, 1), date(2025, 9, 1)), run(date(2025, 1, 1), date(2024, 6, 1))), 1),
    ],
    ids=["none", "a day late", "learnt a day too much", "not told", "just in time", "the one before"],
)
def test_a_run_counts_by_its_date_and_by_what_its_model_had_learnt(runs: tuple[Run, ...], expected: Any) -> None:
    found = run_before(runs, date(2025, 4, 1))
    assert found == (runs[expected] if isinstance(expected, int) else expected)


def test_a_run_is_ranked_once_for_all_that_left(store: ScoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every 500 it was ranked anew, which of a large book took minutes."""
    monkeypatch.setattr(past_runs, "COUNTED", 0)
    with reading(store.engine) as connection:
        newest = read_runs(connection)[0]
        asked: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *query: asked.append(query[2]))
        sights = read_sights(connection, {newest: ["back", *(f"nobody {number}" for number in range(20_000))]})
    assert sum("ORDER BY" in query for query in asked) == 1 and [sight.rank for sight in sights.values()] == [2]


def store_run(store: ScoreStore, as_of: date, version: str, slices: list[str], *scores: Any) -> None:
    """Store a run of (account, probability, revenue at risk, band) by a model of these slices and 180 days."""
    model = MODEL | {"version": version, "slices": slices, "economics": {"capacity": 0.3}}
    made = [
        replace(
            SCORE, account_id=name, as_of=as_of, model_version=version, churn_probability=share, band=band,
            revenue_at_risk=risk,
        )
        for name, share, risk, band in scores
    ]  # fmt: skip
    store.write(made, {}, model, as_of, datetime(2025, 12, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoreStore]:
    """Return a store with a fair run of 2024, one by a model that knew of spring, and one of summer."""
    with opened(f"sqlite:///{tmp_path_factory.mktemp('losses') / 'scores.db'}") as made:
        rest = (("stays", 0.1, 900.0, "safe"),)
        store_run(made, date(2024, 12, 15), "1", ["2024-01-01", "2024-05-01"],
                  ("lost", 0.02, 20.0, "safe"), ("back", 0.3, 10.0, "unknown"), *rest)  # fmt: skip
        store_run(made, date(2025, 5, 1), "2", ["2025-03-01"], ("lost", 0.99, 999.0, "at_risk"), *rest)
        store_run(made, date(2025, 6, 1), "1", ["2024-05-01"], ("back", 0.2, 300.0, "at_risk"), *rest)
        with writing(made.engine) as connection:
            for text, day in (("They want a discount", 1), ("Told us goodbye", 15)):
                said = replace(SCORE, account_id="back")
                at = datetime(2025, 8 if day == 1 else 9, day, tzinfo=UTC)
                add_feedback(connection, said, NewFeedback("note", text), "key:1", at, text)
        yield made


@pytest.fixture(scope="module")
def made(store: ScoreStore, left: list[Departure]) -> dict[str, Review]:
    with reading(store.engine) as connection:
        assert [run.known_until for run in read_runs(connection)] == [
            date(2024, 10, 28), date(2025, 8, 28), date(2024, 10, 28),
        ]  # fmt: skip
        return {review.departure.account_id: review for review in reviews(connection, left)}


def test_surprises_come_first_and_what_is_not_known_is_no_surprise(made: dict[str, Review]) -> None:
    assert [(name, review.verdict, review.seen_days) for name, review in made.items()] == [
        ("lost", "surprise", None), ("young", "not_known", None), ("back", "seen_afterwards", 90),
    ]  # fmt: skip
    assert made["young"].sights == {180: "no_run", 90: "not_scored", 30: "not_scored"}


def test_the_model_that_knew_the_end_is_not_asked(made: dict[str, Review]) -> None:
    """Of May there is a run with 99 per cent, by a model that had learnt from the summer."""
    sights = made["lost"].sights
    assert all(isinstance(sight, Sight) and sight.run.as_of == date(2024, 12, 15) for sight in sights.values())
    first = sights[30]
    assert isinstance(first, Sight) and (first.rank, first.run.top, first.is_top) == (2, 1, False)


def test_the_top_of_the_list_is_seen_even_where_it_is_not_at_risk(store: ScoreStore, made: dict[str, Review]) -> None:
    sight = made["lost"].sights[30]
    assert isinstance(sight, Sight) and not sight.seen and replace(sight, rank=1).seen
    unknown = replace(sight, band="unknown")
    unclear = replace(made["lost"], sights=dict.fromkeys(BEFORE, unknown))
    assert unclear.verdict == "not_known", "too little was known of it to judge it"


def test_the_cause_is_the_book_s_or_what_was_written_before_the_end(made: dict[str, Review]) -> None:
    assert made["lost"].cause == ("price", "churns")
    assert made["back"].cause == ("They want a discount", "feedback")
    assert replace(made["back"], feedback=None).cause is None


# The command


def test_the_command(
    store: ScoreStore,
    left: list[Departure],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The departures are those of the tests above: their signals are dear."""
    monkeypatch.setenv("CHURN_RISK_STORE_URL", store.url)
    monkeypatch.setattr("serving.losses.departures.departures", lambda *asked: left)
    book, out = tmp_path / "book", tmp_path / "losses.html"
    book.mkdir()
    for name, rows in frames().items():
        rows.to_csv(book / f"{name}.csv", index=False)
    asked = ("losses", book, "--as-of", AS_OF)
    done = run_command(monkeypatch, capfd, *asked, "--lang", "de", "--out", out, "--json")
    assert done.code == 0, done.err
    found = done.result
    assert {name: each["losses"] for name, each in found["verdicts"].items()} == {
        "surprise": 1, "not_known": 1, "seen_afterwards": 1, "seen": 0,
    }  # fmt: skip
    lost, young, back = found["losses"]
    assert (lost["account_id"], lost["cause"], lost["verdict"], lost["revenue_365d"]) == (
        "lost",
        "price",
        "surprise",
        1200,
    )
    assert lost["known"][0]["on"] == "2025-01-01" and lost["known"][0]["run"]["scored_afterwards"]
    assert young["known"][0] == {
        "days": 180, "on": "2024-11-12", "run": None, "why": "no_run", "facts": None,
    }  # fmt: skip
    assert back["returned"] and back["seen_days_before"] == 90
    page = Tree(out.read_text(encoding="utf-8")).root
    listed = page.one("table", class_="lost").one("tbody").all("tr")
    assert [row.one("span", class_="what").text for row in listed] == ["lost Ltd", "young Ltd", "back Ltd"]
    for said in ("nein: Überraschung", "Preis", "damals kein Kunde", "Wären gesehen worden", "wieder Kunde"):
        assert said in page.text
    assert [row.all("td")[-1].text for row in listed] == [
        "nein: Überraschung, erst danach berechnet", "nicht bekannt",
        "wäre 90 Tage vorher gesehen worden; erst danach berechnet",
    ]  # fmt: skip
    monkeypatch.setattr("serving.cli.loss_commands.TOP", 1)
    terminal = " ".join(run_command(monkeypatch, capfd, *asked).err.split())
    assert "no: a surprise, scored only afterwards" in terminal
    assert "Not listed: 2 of 3 losses (Not known: 1, Would have been seen: 1)." in terminal and "--json" in terminal
    wrong = run_command(monkeypatch, capfd, *asked, "--months", 60, "--out", tmp_path / "x.docx")
    assert wrong.code == 2 and "--months 60: begins 2021-01-01" in wrong.err and ".html or .pdf" in wrong.err
    assert [path.name for path in tmp_path.iterdir() if path != book] == ["losses.html"]


def test_what_was_scored_only_after_the_loss_nobody_could_have_seen(made: dict[str, Review]) -> None:
    back = made["back"]
    sight = next(each for each in back.sights.values() if isinstance(each, Sight) and each.seen)
    late = datetime.combine(back.departure.ended_on, datetime.min.time(), UTC)
    after = replace(sight, run=replace(sight.run, scored_at=late))
    only_after = replace(back, sights=dict.fromkeys(BEFORE, "no_run") | {180: after})
    assert (only_after.verdict, only_after.seen_days) == ("seen_afterwards", 180)
    in_time = replace(sight, run=replace(sight.run, scored_at=late - timedelta(days=1)))
    both = replace(only_after, sights=only_after.sights | {30: in_time})
    assert (both.verdict, both.seen_days) == ("seen", 30)
    for lang, said in (("en", "would have been seen 180 days before"), ("de", "wäre 180 Tage vorher gesehen worden")):
        report = loss_report([only_after], FIRST, AS_OF, None, lang)  # type: ignore[arg-type]
        assert [int(number) for _, number, *_ in report.figures] == [0, 0, 1, 0]
        assert report.lines[0].verdict_label.startswith(said)


@pytest.mark.parametrize(
    ("lang", "said"),
    [("de", "Der Lauf vom 01.06.2025 zählt nicht, denn er war nur 29 Tage vorher; gefragt ist, was mindestens 30 Tage "
            "vorher bekannt war. Er sagte 23 %, Platz 1 von 2."),
     ("en", "The run of 1 Jun 2025 does not count, as it was only 29 days before; asked is what was known at least 30 "
            "days before. It said 23%, place 1 of 2.")],
)  # fmt: skip
@pytest.mark.parametrize(("slices", "learnt"), [(["2024-05-01"], False), (["2025-03-01"], True)])
def test_a_run_that_came_too_late_to_count_is_named(
    tmp_path: Path, lang: Any, said: str, slices: list[str], learnt: bool
) -> None:
    """It was told that no run was stored, though one of 27 days before had it at the top."""
    lost = Departure("lost", "Lost Ltd", None, END, None, False, 1200.0, {})
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as late:
        rows = (("lost", 0.23, 900.0, "at_risk"), ("stays", 0.1, 20.0, "safe"))
        store_run(late, date(2025, 6, 1), "1", slices, *rows)
        with reading(late.engine) as connection:
            found = reviews(connection, [lost])
    line = loss_report(found, FIRST, AS_OF, "EUR", lang).lines[0]
    assert line.verdict == "not_known" and line.late.replace("\u00a0", " ").startswith(said)
    assert ("Späterem" in line.late or "later, too" in line.late) is learnt
