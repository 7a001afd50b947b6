"""Columns that nobody filled, answers without invitations, kinds in other words, departures of an export's date."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.small_books import TODAY, billed, small_book, written

from features.matrix import unknown_by
from features.signal import all_signals
from features.sources import open_source
from features.tables import Tables
from features.validation import validate

KINDS = "ticket_id,account_id,kind,opened_at,closed_at\n"


def days(count: int, over: int) -> list[date]:
    """Return so many days up to the end of the small book, over so many days."""
    return [date(2025, 12, 1) - timedelta(days=over * place // (count - 1)) for place in range(count)]


def tickets(count: int, over: int, closed: int = 0) -> list[str]:
    """Return tickets over so many days, the first few of them closed on the next day."""
    opened = days(count, over)
    return [
        f"t{place},a1,{day},{day + timedelta(days=1) if place < closed else ''}" for place, day in enumerate(opened)
    ]


def surveys(count: int, answered: int, scored: int) -> list[str]:
    """Return invitations over two years, the first few of them answered, and the first few of these with a score."""
    return [
        f"s{place},a{place % 3 + 1},relationship,{day},{day if place < answered else ''},{9 if place < scored else ''}"
        for place, day in enumerate(days(count, 730))
    ]


@pytest.mark.parametrize(
    ("rows", "is_told"),
    [
        (tickets(100, 400), True),
        (tickets(99, 400), False),
        (tickets(100, 300), False),
        (tickets(100, 400, closed=1), False),
    ],
)
def test_tickets_of_a_year_that_are_never_closed(tmp_path: Path, rows: list[str], is_told: bool) -> None:
    told = small_book(tmp_path, tickets=rows).warnings
    expected = "tickets.closed_at: no value in 100 rows over 400 days: each ticket counts as open for ever"
    assert [warning.split(";")[0] for warning in told] == [expected] * is_told


@pytest.mark.parametrize(
    ("answered", "scored", "told"),
    [
        (0, 0, "surveys.answered_at: no value in 150 rows over 730 days: each invitation counts as unanswered"),
        (100, 0, "surveys.score: no value in 100 answers over"),
        (150, 150, "surveys.answered_at: all 150 surveys are answered, so that nobody ever seems silent"),
        (149, 149, None),
        (99, 0, None),
    ],
)
def test_invitations_without_answers_and_answers_without_invitations(
    tmp_path: Path, answered: int, scored: int, told: str | None
) -> None:
    warnings = small_book(tmp_path, surveys=surveys(150, answered, scored)).warnings
    assert [warning.startswith(told or "") for warning in warnings] == [True] * (told is not None)


def test_that_only_answers_were_exported_is_known(tmp_path: Path) -> None:
    told = "[surveys]\ninvitations = false\n"
    assert small_book(tmp_path, told, surveys=surveys(150, 150, 150)).warnings == ()


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


def left(folder: Path, accounts: int, departures: list[str]) -> list[str]:
    """Return the warnings of a book of so many accounts, each invoiced in the last year, with departures in turn."""
    names = [f"b{place:02d}" for place in range(accounts)]
    invoices = [row for name in names for row in billed(name, ["2024-12-01", "2025-06-01"])]
    churns = [f"{name},{day}" for name, day in zip(names, departures, strict=False)]
    rows = {"accounts": [f"{name},2023-01-01" for name in names], "invoices": invoices, "churns": churns}
    return [
        warning for warning in small_book(folder, **rows).warnings if "churned_on: " in warning or "no dep" in warning
    ]


@pytest.mark.parametrize(
    ("accounts", "departures", "told"),
    [
        (
            30,
            [],
            "churns: no departure of 30 accounts: add who has left and when; where churn is to be read from silence",
        ),
        (29, [], None),
        (12, ["2025-05-31"] * 10, "churns.churned_on: all 10 departures on 2025-05-31: is it the day of an export"),
        (12, ["2025-05-31"] * 8 + ["2025-04-01"] * 2, "churns.churned_on: 8 of 10 departures on 2025-05-31: is it"),
        (12, ["2025-05-31"] * 9, None),
        (12, ["2025-05-31"] * 7 + ["2025-04-01"] * 3, None),
    ],
)
def test_no_departure_and_departures_of_one_day(
    tmp_path: Path, accounts: int, departures: list[str], told: str | None
) -> None:
    warnings = [each for each in left(tmp_path, accounts, departures) if "invoiced on" not in each]
    assert [warning.startswith(told or "") for warning in warnings] == [True] * (told is not None)
