"""`book.toml`: what it may say, and that every other word of it is a problem with its place and value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from features.book_facts import read_book_facts
from features.errors import InvalidTables
from features.sources import open_source
from features.tables import TableKnown
from features.validation import validate

SAID = """
[surveys]
invitations = false
answered_at = "sent_at"

[tickets]
since = 2023-05-01
until = "2025-06-30"

[fingerprints]
"accounts.csv" = "0f3a"
"""


def written(folder: Path, text: str) -> Path:
    pd.DataFrame({"account_id": ["a"], "customer_since": ["2020-01-01"]}).to_csv(folder / "accounts.csv", index=False)
    pd.DataFrame(columns=["invoice_id", "account_id", "invoiced_on", "amount"]).to_csv(
        folder / "invoices.csv", index=False
    )
    (folder / "book.toml").write_text(text, encoding="utf-8")
    return folder


def test_what_is_said_comes_with_the_tables(tmp_path: Path) -> None:
    known = validate(open_source(written(tmp_path, SAID))).known
    assert known["surveys"] == TableKnown(invitations=False, answered_at_is_sent_at=True)
    assert known["tickets"] == TableKnown(since=date(2023, 5, 1), until=date(2025, 6, 30))
    assert known["loops"] == TableKnown()


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    known, problems = read_book_facts(tmp_path)
    assert not problems
    assert known["surveys"] == TableKnown(invitations=True, answered_at_is_sent_at=False, since=None, until=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[survey]\ninvitations = false", "book.toml.survey: unknown; a section is named as a table: accounts, "),
        ("[surveys]\ninvitation = false", "book.toml.surveys.invitation: unknown; surveys may have since, until, inv"),
        ("[tickets]\ninvitations = false", "book.toml.tickets.invitations: unknown; tickets may have since, until"),
        ("[surveys]\ninvitations = 'no'", "surveys.invitations: true or false is expected, found 'no'"),
        ("[surveys]\nanswered_at = 'sent'", "surveys.answered_at: \"sent_at\" is expected, found 'sent'"),
        ("[loops]\nsince = 20230501", "loops.since: a date is expected, as 2023-05-01, found 20230501"),
        ("[loops]\nsince = '2023-02-30'", "loops.since: a date is expected, as 2023-05-01, found '2023-02-30'"),
        ("[loops]\nuntil = 2023-05-01T10:00:00", "loops.until: a date is expected"),
        ("[loops]\nsince = 2024-01-01\nuntil = 2023-12-31", "loops.until: 2023-12-31 is before since, 2024-01-01"),
        ("surveys = 3", "book.toml.surveys: a section of facts is expected, found 3"),
        ("[surveys", "book.toml: cannot be read: "),
    ],
)
def test_what_cannot_be_meant_is_a_problem_with_its_place_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidTables) as caught:
        validate(open_source(written(tmp_path, text)))
    (problem,) = caught.value.problems
    assert message in str(problem)


def test_every_problem_is_listed_beside_those_of_the_tables(tmp_path: Path) -> None:
    folder = written(tmp_path, "[nonsense]\n[surveys]\nsince = 1\ninvitations = 2")
    (folder / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n1,b,2024-01-01,5\n")
    with pytest.raises(InvalidTables) as caught:
        validate(open_source(folder))
    assert [(problem.table, problem.column) for problem in caught.value.problems] == [
        ("book.toml", "nonsense"),
        ("book.toml", "surveys.since"),
        ("book.toml", "surveys.invitations"),
        ("invoices", "account_id"),
    ]
