"""What a column tells by how often it is filled: closings that never come, answers only, kinds that nobody knows.

In: how many rows of a table have what, which the query that counts its broken rules counts too, and when the book is
recorded. Out: `Problem`s that refuse nothing. A column that is filled once something has happened, and that holds
nothing in years, was mostly not exported: what it would tell is then taken as never having happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ibis.expr.types as ir

from features.errors import Problem
from features.kept_queries import ask
from features.recording import Recording
from features.tables import DEFECT, OTHER_KINDS, BookKnown, Tables
from features.validation.quoting import shortened

#: Columns that are filled later, and what follows where none ever is.
LATER: Mapping[str, Mapping[str, str]] = {
    "tickets": {"closed_at": "each ticket counts as open for ever"},
    "loops": {"closed_at": "each loop counts as open for ever"},
    "surveys": {"answered_at": "each invitation counts as unanswered", "score": "no score is known"},
    "referrals": {"won_at": "no referral counts as won"},
    "memberships": {"left_on": "each member counts as staying"},
    "contacts": {"valid_to": "each contact counts as still there"},
}
#: So many rows over so many days without one value are no chance.
LEAST_ROWS, LEAST_DAYS = 100, 365
#: Surveys that are all answered, from so many on, are an export of answers.
LEAST_ANSWERS = 100
#: Words that are quoted, the most frequent first.
MOST_WORDS = 5
#: Names of what is counted beside filled columns.
DEFECTS, FOREIGN = "kind = defect", "kind of an export's own"


@dataclass(frozen=True)
class Counts:
    """What is counted of the tables that are there, by name: all rows, and what `countings` says."""

    rows: Mapping[str, int]
    filled: Mapping[str, Mapping[str, int]]


def countings(name: str, rows: ir.Table) -> dict[str, ir.IntegerScalar]:
    """Return what is counted of a converted table, by name: the rows that have a value, by column, and kinds."""
    counts = {column: rows[column].count() for column in LATER.get(name, {})}
    if name == "tickets":
        counts[DEFECTS] = rows.count(where=rows.kind == DEFECT)
        counts[FOREIGN] = rows.count(where=rows.kind.notin([DEFECT, *OTHER_KINDS]))
    return counts


def never_filled(counts: Counts, recorded: Recording) -> Iterator[Problem]:
    """Yield the columns without a value in a table of many rows over more than a year."""
    for name, columns in LATER.items():
        span = recorded.tables.get(name)
        if name not in counts.filled or span is None or (days := (span.last - span.first).days) < LEAST_DAYS:
            continue
        filled = counts.filled[name]
        for column, follows in columns.items():
            # A score is given in answers, and nothing is said of it twice.
            due = filled["answered_at"] if column == "score" else counts.rows[name]
            if due >= LEAST_ROWS and not filled[column]:
                what = "answers" if column == "score" else "rows"
                text = (
                    f"no value in {due:,} {what} over {days:,} days: {follows}; "
                    f"if the export lacks it, fill it, or leave the table out, so that it is not known"
                )
                yield Problem(name, column, text)


def only_answers(counts: Counts, known: BookKnown) -> Iterator[Problem]:
    """Yield that each survey is answered, though `book.toml` does not say that only answers were exported."""
    count = counts.rows.get("surveys", 0)
    if count >= LEAST_ANSWERS and counts.filled["surveys"]["answered_at"] == count and known["surveys"].invitations:
        text = (
            f"all {count:,} surveys are answered, so that nobody ever seems silent: if only answers were exported, "
            "response rates cannot be told; book.toml says so: [surveys] invitations = false"
        )
        yield Problem("surveys", "answered_at", text)


def tells_no_defects(counts: Counts) -> bool:
    """Return whether tickets have kinds in words that nobody knows, and none that is a defect."""
    tickets = counts.filled.get("tickets", {})
    return bool(tickets.get(FOREIGN)) and not tickets[DEFECTS]


def foreign_kinds(tables: Tables) -> Iterator[Problem]:
    """Yield the words of tickets' kinds, where none of them is known to be a defect."""
    if tables.known["tickets"].kinds:
        return
    found = ask(tables, _foreign_words).to_pydict()
    more = ", ..." if found["words"][0] > MOST_WORDS else ""
    pairs = zip(found["kind"], found["rows"], strict=True)
    quoted = ", ".join(f"{shortened(kind)!r} ({count:,})" for kind, count in pairs)
    text = (
        f"no ticket is of kind {DEFECT!r}, but of others: {quoted}{more}: which of them are defects is not known, so "
        f"their number is null; write {DEFECT!r} for a defect, other words may stay"
    )
    yield Problem("tickets", "kind", text)


def _foreign_words(tables: Tables) -> ir.Table:
    """Return the most frequent kinds of tickets that nobody knows, with the number of all."""
    rows = tables["tickets"].filter(lambda t: t.kind.notin([DEFECT, *OTHER_KINDS]))
    counted = rows.group_by("kind").aggregate(rows=rows.count())
    words = counted.mutate(words=counted.kind.count().over())
    return words.order_by([words.rows.desc(), words.kind]).limit(MOST_WORDS)
