"""Records that were exported again after a change: the latest version counts, or the rows are named with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import PLAIN, Exports

from features.errors import InvalidTables
from features.intake.asking.suggesting import suggest

HEAD = "id,customer,at,closed,changed\n"
TICKETS = """
[sources.desk]
files = "tickets*.csv"

[[tables.tickets]]
from = "desk"
[tables.tickets.columns]
ticket_id = "id"
account_id = "customer"
opened_at = { column = "at", zone = "UTC" }
closed_at = { column = "closed", zone = "UTC" }
"""
LAST = TICKETS.replace('from = "desk"\n', 'from = "desk"\nmany = "last"\norder = ORDER\n')


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\n1,A,2025-01-02,5\n")


def test_versions_that_differ_are_named_with_what_helps(exports: Exports) -> None:
    """The file of 2025 stands before the other by its name: 1 was closed since, 2 is the same in both."""
    exports.put("tickets.csv", HEAD + "1,A,2025-01-02,,\n2,A,2025-01-02,,\n")
    exports.put("tickets-2025.csv", HEAD + "1,A,2025-01-02,2025-01-09,\n2,A,2025-01-02,,\n")
    (problem,) = exports.refused(PLAIN + TICKETS)
    assert problem == (
        "tickets.ticket_id: duplicate key: rows of one record differ in closed_at. Where a column has the time of the "
        'last change, the newest counts by many = "last" with order = { column = "...", zone = "..." } in '
        "[[tables.tickets]]; else take the newer file only (2 rows: 1: tickets-2025.csv row 2 and tickets.csv row 2)"
    )
    (problem,) = exports.refused(PLAIN + LAST.replace("ORDER", '"changed"'))
    assert "duplicate key: rows of one record differ in closed_at. The column of order says the same" in problem
    two = TICKETS.replace("tickets*", "tickets-2025") + TICKETS.replace("desk", "old").replace("tickets*", "tickets")
    (problem,) = exports.refused(PLAIN + two)
    assert "Several sources fill tickets (desk, old): leave one of them out" in problem
    assert "2: tickets-2025.csv row 3 and tickets.csv row 3" in problem


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "iso"])
def test_the_latest_counts_whatever_the_form_of_its_time(exports: Exports, form: str) -> None:
    """As texts, 09.01.2025 stands above 01.02.2025, and 12:30 AM above 01:00 AM; 3 has no time in the older file."""
    times = {
        "%d.%m.%Y %H:%M": ("09.01.2025 08:00", "01.02.2025 08:00"),
        "%m/%d/%Y %I:%M %p": ("02/01/2025 12:30 AM", "02/01/2025 01:00 AM"),
        "iso": ("2025-01-31T23:30:00-02:00", "2025-02-01T02:00:00Z"),
    }[form]
    exports.put("tickets.csv", HEAD + f"1,A,2025-01-02,,{times[0]}\n3,A,2025-01-02,,\n")
    later = f"1,A,2025-01-02,2025-01-09,{times[1]}\n3,A,2025-01-02,2025-01-08,{times[0]}\n"
    exports.put("tickets-2025.csv", HEAD + later)
    exports.book(PLAIN + LAST.replace("ORDER", f'{{ column = "changed", date = "{form}", zone = "UTC" }}'))
    assert exports.rows("tickets", "ticket_id, day(closed_at)") == [("1", 9), ("3", 8)]


def test_a_time_that_cannot_be_read_is_a_problem_where_it_would_tell(exports: Exports) -> None:
    order = LAST.replace("ORDER", '{ column = "changed", zone = "UTC" }')
    exports.put("tickets.csv", HEAD + "1,A,2025-01-02,,yesterday\n2,A,2025-01-02,,2025-01-03\n")
    exports.book(PLAIN + order)
    exports.put("tickets.csv", HEAD + "1,A,2025-01-02,,yesterday\n1,A,2025-01-02,,2025-01-03\n")
    with pytest.raises(InvalidTables, match="the time that tells the newest cannot be read as the mapping says"):
        exports.book(PLAIN + order)
    with pytest.raises(InvalidTables, match="unknown zone 'Berlin'"):
        exports.book(PLAIN + order.replace('"changed", zone = "UTC"', '"changed", zone = "Berlin"'))


def test_a_ticket_of_zendesk_that_was_solved_since_counts_once(exports: Exports) -> None:
    head = "Id,Subject,Requester,Status,Organization,Created at,Updated at,Solved at\n"
    old = "1,x,Eva,Open,A,2025-01-02 10:00,2025-01-02 10:00,\n2,x,Eva,Open,A,2025-01-02 10:00,2025-01-02 10:00,\n"
    exports.put("tickets.csv", head + old)
    solved = "1,x,Eva,Solved,A,2025-01-02 10:00,2025-01-09 10:00,2025-01-09 10:00\n"
    exports.put("tickets-2025.csv", head + solved + "2,x,Eva,Deleted,A,2025-01-02 10:00,2025-01-03 10:00,\n")
    answers = {"zendesk_view_zone": "UTC"}
    text = suggest(exports.folder, ".", answers).text
    exports.book(text, partial=True)
    assert exports.rows("tickets", "ticket_id, day(closed_at)") == [("1", 9)]
