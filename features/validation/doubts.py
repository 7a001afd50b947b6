"""What can be meant, but may mislead: where the data end and begin, states, and names that nobody reads.

In: a sound book and when it is recorded. Out: `Problem`s that refuse nothing. Those that leave the end of the data in
doubt stand apart: no model is registered from such a book until the user says the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from features.errors import Problem
from features.formulas.departure_days import NO_DEPARTURE, ONE_DAY, spread, told_by
from features.kept_queries import ask, count
from features.recording import EVENTS, LEAST_DAYS, Recording, Span
from features.tables import STATED, STATES, TABLES, Tables
from features.validation.names import near, near_files
from features.validation.quoting import problem

#: Departures are known ahead by a term of notice. Beyond this they are a slip, or no departures.
LONGEST_NOTICE_DAYS = 366
#: Tables of what lasts, each row from a day on: a long time without a new row is no end.
STATES_OF = ("contacts", "memberships")
#: From so many accounts on it is odd that none has ever left.
LEAST_ACCOUNTS = 30
#: Words for a ticket or loop that has ended, in a column of `STATES` beside `closed_at`.
ENDED = ("closed", "resolved", "solved", "done", "completed", "geschlossen", "erledigt", "gelöst", "abgeschlossen")
#: Whether rows are meant, by one of their columns and what else it depends on.
Condition = Callable[..., ir.BooleanValue]
#: Words of a state in which somebody has left: no trait of an account, but what is to be foreseen.
FORMER = (
    r"\b(former|ex|churned|inactive|lost|cancell?ed|terminated|gek(ü|ue)ndigt\w*|ehemalig\w*|inaktiv\w*|verloren\w*)\b"
)


def doubts_of_end(tables: Tables, recorded: Recording) -> tuple[list[Problem], list[Problem]]:
    """Return what leaves the end of the data in doubt, and what is only told of it."""
    book = recorded.book
    if book is None:
        return [], []
    early = dict(_early_ends(tables, recorded, book))
    # That nobody came or went for long is usual of people and programmes, and no end of what is known of them.
    quiet = [found for name, found in early.items() if name in STATES_OF]
    doubts = [*_stragglers(tables, recorded, book), *(found for name, found in early.items() if name not in STATES_OF)]
    ahead, far = _departures_ahead(tables, book.last if book.days >= LEAST_DAYS else recorded.today)
    breaks = [
        Problem("*", "", f"nothing is recorded between {last} and {first}: not known, not nothing")
        for last, first in recorded.breaks
    ]
    return [*doubts, *far], [*ahead, *breaks, *quiet]


def _stragglers(tables: Tables, recorded: Recording, book: Span) -> Iterator[Problem]:
    for name in EVENTS if book.after else ():
        text = f"after a gap in which no table has a record: all records end together on {book.last}"
        yield from _rows_problem(tables, name, TABLES[name].time, text, _between, book.last, recorded.today)


def _early_ends(tables: Tables, recorded: Recording, book: Span) -> Iterator[tuple[str, Problem]]:
    for name, span in recorded.tables.items():
        if name == "contracts" or tables.known[name].until or not span.is_quiet_at(book.last):
            continue
        days = (book.last - span.last).days
        gap = f"{days} days before the others (its longest gap before is {span.longest_gap} days)"
        known = f"[{name}] until = {span.last}"
        if name in STATES_OF:
            text = f"nobody is new since {span.last}, {gap}: fine if so; if the export is that old, say it: {known}"
        else:
            text = (
                f"the table ends on {span.last}, {gap}: what came after is not known, not nothing; "
                f"book.toml can say so: {known}"
            )
        yield name, Problem(name, TABLES[name].time, text)


def _departures_ahead(tables: Tables, last: date) -> tuple[list[Problem], list[Problem]]:
    """Return departures after the end of the records: those within a term of notice, and those beyond."""
    latest = ask(tables, _latest_departure)["day"][0].as_py()
    end, furthest = last + timedelta(days=1), last + timedelta(days=LONGEST_NOTICE_DAYS)
    if latest is None or latest <= end:
        return [], []
    near_text = f"after the end of the records on {last}: known ahead, not counted as having happened"
    far_text = f"more than a year after the end of the records on {last}: a slip, or no departure?"
    ahead = _rows_problem(tables, "churns", "churned_on", near_text, _between, end, furthest)
    far = _rows_problem(tables, "churns", "churned_on", far_text, _between, furthest, None)
    return list(ahead), list(far)


def _latest_departure(tables: Tables) -> ir.Table:
    rows = tables["churns"]
    return rows.aggregate(day=rows.churned_on.max())


def lone_beginnings(tables: Tables, recorded: Recording) -> Iterator[Problem]:
    """Yield the tables whose first records lie alone; nothing is recorded then but these."""
    for name, span in recorded.tables.items():
        if not span.before or name == "churns" or tables.known[name].since is not None:
            continue
        text = (
            f"alone, long before the others: the table counts as recorded from {span.first} on; "
            f"book.toml can say so, or another day: [{name}] since = {span.first}"
        )
        yield from _rows_problem(tables, name, TABLES[name].time, text, _between, None, span.first - timedelta(days=1))


def future_customers(tables: Tables, today: date) -> Iterator[Problem]:
    """Yield the accounts whose `customer_since` is after today: no score and no figure has them until then."""
    text = "after today: not a customer until then, so in no score or figure"
    yield from _rows_problem(tables, "accounts", "customer_since", text, _between, today, None)


def told_departures(tables: Tables) -> Iterator[Problem]:
    """Yield the traits of accounts that tell who has left: whoever writes that does so when somebody leaves."""
    for column in ("segment", "industry"):
        text = "says that somebody has left: a model would read the departure from it; leave the column out"
        yield from _rows_problem(tables, "accounts", column, text, _called_former)


def _called_former(rows: ir.Table, column: str) -> ir.BooleanValue:
    return rows[column].fill_null("").lower().re_search(FORMER)


def endless_contracts(tables: Tables) -> Iterator[Problem]:
    """Yield the accounts with contracts that began one after the other and never end: renewals, counted together."""
    (found,) = ask(tables, _endless).to_pylist()
    if found["accounts"]:
        text = (
            f"{found['accounts']} account{'s' * (found['accounts'] > 1)} with 2 or more contracts running at once, "
            f"none with an end, as account {found['one']} with {found['rows']}: if each renews the one before, "
            "contract value counts several times; ends_on must say when each ends"
        )
        yield Problem("contracts", "ends_on", text)


def _endless(tables: Tables) -> ir.Table:
    """Return how many accounts have such contracts, the first of them, and how many of them that one has."""
    endless = tables["contracts"].filter(lambda t: t.ends_on.isnull())
    several = endless.group_by("account_id").aggregate(rows=lambda t: t.count(), days=lambda t: t.starts_on.nunique())
    several = several.filter(several.days > 1)
    one, rows = several.account_id.min(), several.rows.argmin(several.account_id)
    return several.aggregate(accounts=several.count(), one=one, rows=rows)


def one_day_departures(tables: Tables) -> Iterator[Problem]:
    """Yield that a book of some size has no departure, or that nearly all fall on one day, as an export's date does."""
    if "churns" in tables.missing:
        return
    found = told_by(ask(tables, _spread))
    if found.is_one_day:
        yield Problem("churns", "churned_on", f"{found.told()}: {ONE_DAY}")
    accounts = 0 if found.rows else int(tables["accounts"].count().execute())
    if accounts >= LEAST_ACCOUNTS:
        yield Problem("churns", "", f"no departure of {accounts:,} accounts: {NO_DEPARTURE}")


def _spread(tables: Tables) -> ir.Table:
    return spread(tables["churns"])


def stateless(frames: Mapping[str, ir.Table]) -> Iterator[Problem]:
    """Yield tickets and loops that another column calls closed, but that have no `closed_at`: they count as open."""
    for name in STATED:
        raw = frames.get(name)
        plain = {} if raw is None else {column.strip().lower(): column for column in raw.columns}
        state = next((plain[column] for column in STATES if column in plain), None)
        table = TABLES[name]
        if raw is None or state is None or table.key[0] not in plain:
            continue
        rows = raw.select(
            **{table.key[0]: raw[plain[table.key[0]]].cast("string")},
            state=raw[state].cast("string").strip(),
            closed=raw[plain["closed_at"]].cast("string") if "closed_at" in plain else ibis.null("string"),
        )
        open_ones = rows.filter(rows.state.lower().isin(ENDED) & (rows.closed.fill_null("") == ""))
        if found := int(open_ones.count().execute()):
            text = f"without a value, though {state} says that it has ended: it counts as open"
            yield problem(table, open_ones, "closed_at", text, found, open_ones.state)


def misnamed(frames: Mapping[str, ir.Table], seen: Collection[str]) -> Iterator[Problem]:
    """Yield optional tables and columns that are absent while something of nearly their name is there, unread."""
    files = near_files([name for name in TABLES if name not in frames], seen)
    for name, table in TABLES.items():
        raw = frames.get(name)
        if raw is None:
            perhaps = files.get(name)
            if perhaps is not None:
                yield Problem(name, "", f"the table is absent, so not known; did you mean {perhaps!r}?")
            continue
        plain = {column.strip().lower() for column in raw.columns}
        others = [column for column in raw.columns if column.strip().lower() not in table.schema]
        for column in table.columns:
            perhaps = None if column.name in plain else near(column.name, others)
            if perhaps is not None:
                yield Problem(name, column.name, f"the column is absent; did you mean {perhaps!r}?")


def _rows_problem(
    tables: Tables, name: str, column: str, text: str, wrong: Condition, *arguments: date | None
) -> Iterator[Problem]:
    """Yield the problem of the rows of a table whose column meets a condition; nothing without such a row."""
    if found := count(tables, _meeting, name, column, wrong, *arguments):
        rows = _meeting(tables, name, column, wrong, *arguments)
        yield problem(TABLES[name], rows, column, text, found, rows[column])


def _meeting(tables: Tables, name: str, column: str, wrong: Condition, *arguments: date | None) -> ir.Table:
    return tables[name].filter(wrong(tables[name], column, *arguments))


def _between(rows: ir.Table, column: str, after: date | None, until: date | None) -> ir.BooleanValue:
    """Whether a day comes after one, where one is given, and until another, included."""
    day = rows[column].cast("date")
    later = ibis.literal(True) if after is None else day > ibis.date(after.isoformat())
    return later if until is None else later & (day <= ibis.date(until.isoformat()))
