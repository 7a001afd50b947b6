"""Columns that nobody filled, answers without invitations, kinds in other words, departures of an export's date."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.small_books import TODAY, billed, small_book, written

from features.formulas.departure_days import Departures
from features.matrix import unknown_by
from features.recording import Recording, Span
from features.signal import all_signals
from features.sources import open_source
from features.tables import BookKnown, Tables
from features.validation import validate
from features.validation.filled import Counts, never_filled, only_answers

KINDS = "ticket_id,account_id,kind,opened_at,closed_at\n"


#: A table of a bit more than a year, and one of less.
LONG = Span(date(2024, 10, 27), date(2025, 12, 1), 100, 4)
SHORT = Span(date(2025, 2, 4), date(2025, 12, 1), 100, 4)


def told(name: str, rows: int, filled: dict[str, int], span: Span = LONG) -> list[str]:
    """Return what is said of a table with so many rows and filled cells, up to the advice."""
    counts, recorded = Counts({name: rows}, {name: filled}), Recording(TODAY, {name: span}, span)
    found = [*never_filled(counts, recorded), *only_answers(counts, BookKnown())]
    return [str(problem).split(";")[0] for problem in found]


def test_what_is_never_filled_in_many_rows_of_a_year_is_told() -> None:
    assert told("loops", 100, {"closed_at": 0}) == [
        "loops.closed_at: no value in 100 rows over 400 days: each loop counts as open for ever"
    ]
    assert told("loops", 100, {"closed_at": 1}) == told("loops", 99, {"closed_at": 0}) == []
    assert told("loops", 100, {"closed_at": 0}, SHORT) == []


def test_invitations_without_answers_and_answers_without_invitations_or_scores_are_told_once() -> None:
    assert told("surveys", 150, {"answered_at": 0, "score": 0}) == [
        "surveys.answered_at: no value in 150 rows over 400 days: each invitation counts as unanswered"
    ]
    assert told("surveys", 150, {"answered_at": 100, "score": 0}) == [
        "surveys.score: no value in 100 answers over 400 days: no score is known"
    ]
    (only,) = told("surveys", 100, {"answered_at": 100, "score": 90})
    assert only.startswith("surveys.answered_at: all 100 surveys are answered, so that nobody ever seems silent")
    assert told("surveys", 150, {"answered_at": 99, "score": 0}) == []
    assert told("surveys", 99, {"answered_at": 99, "score": 99}) == []


def test_a_book_is_told_of_what_its_columns_lack(tmp_path: Path) -> None:
    days = [LONG.first + timedelta(days=4 * place) for place in range(101)]
    tables = {
        "tickets": [f"t{place},a1,{day}," for place, day in enumerate(days)],
        "surveys": [f"s{place},a{place % 3 + 1},relationship,{day},{day},9" for place, day in enumerate(days)],
    }
    closed, answers = small_book(tmp_path, **tables).warnings
    assert closed.startswith("tickets.closed_at: no value in 101 rows over 400 days")
    assert answers.endswith("book.toml says so: [surveys] invitations = false")
    tables["tickets"][0] += str(days[1])
    assert small_book(tmp_path, "[surveys]\ninvitations = false\n", **tables).warnings == ()


def kinds(folder: Path, *words: str) -> Tables:
    """Return the small book with a ticket a word, of the accounts in turn."""
    rows = [f"t{place},a{place % 3 + 1},{word},2025-11-03,2025-11-04" for place, word in enumerate(words)]
    (written(folder) / "tickets.csv").write_text(KINDS + "\n".join(rows) + "\n", encoding="utf-8")
    return validate(open_source(folder), TODAY)


def unknown(tables: Tables) -> list[str]:
    """Return the signals that are null by what is known of the book's sources."""
    (masked,) = unknown_by(tables.known, {}, np.array(["2025-12-01"], "datetime64[D]"))
    return [signal.name for signal, is_unknown in zip(all_signals(), masked, strict=True) if is_unknown]


def test_kinds_in_words_that_nobody_knows_are_quoted_and_tell_no_defects(tmp_path: Path) -> None:
    tables = kinds(tmp_path, "Störung", "Frage", "question", "Störung")
    (warning,) = tables.warnings
    assert warning.startswith("tickets.kind: no ticket is of kind 'defect', but of others: 'Störung' (2), 'Frage' (1):")
    assert unknown(tables) == ["tickets_defects_365d"]


@pytest.mark.parametrize("words", [["Störung", "defect", "Frage"], ["question", "billing", ""]])
def test_where_defects_are_named_or_all_words_are_known_the_number_is_known(tmp_path: Path, words: list[str]) -> None:
    tables = kinds(tmp_path, *words)
    assert tables.warnings == () and unknown(tables) == []


def spread(*days: str) -> Departures:
    """Return how departures on such days are spread."""
    fullest = max(sorted(set(days), reverse=True), key=days.count)
    first, last, day = map(date.fromisoformat, (min(days), max(days), fullest))
    return Departures(len(days), days.count(fullest), first, last, day)


def test_departures_of_one_day_are_many_and_nearly_all() -> None:
    day, other = "2025-05-31", "2025-04-01"
    assert spread(*[day] * 10).is_one_day and spread(*[day] * 8, *[other] * 2).is_one_day
    assert not spread(*[day] * 9).is_one_day and not spread(*[day] * 7, *[other] * 3).is_one_day


def left(folder: Path, accounts: int, departures: list[str]) -> list[str]:
    """Return the warnings of a book of so many accounts, each invoiced in the last year, with departures in turn."""
    names = [f"b{place:02d}" for place in range(accounts)]
    invoices = [row for name in names for row in billed(name, ["2024-12-01", "2025-06-01"])]
    churns = [f"{name},{day}" for name, day in zip(names, departures, strict=False)]
    rows = {"accounts": [f"{name},2023-01-01" for name in names], "invoices": invoices, "churns": churns}
    return [warning for warning in small_book(folder, **rows).warnings if warning.startswith("churns")]


@pytest.mark.parametrize(
    ("accounts", "days", "said"),
    [
        (30, [], ["churns: no departure of 30 accounts: add who has left and when; where churn is to be read from"]),
        (29, [], []),
        (
            12,
            ["2025-07-31"] * 8 + ["2025-06-30"] * 2,
            ["churns.churned_on: 8 of 10 departures on 2025-07-31: is"],
        ),
    ],
)
def test_a_book_is_told_of_no_departure_and_of_those_of_one_day(
    tmp_path: Path, accounts: int, days: list[str], said: list[str]
) -> None:
    warnings = left(tmp_path, accounts, days)
    assert len(warnings) == len(said) and all(map(str.startswith, warnings, said))
