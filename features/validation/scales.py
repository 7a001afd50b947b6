"""Values in another scale or unit than the contract's, rows that stand twice, and references into nothing.

In: a sound book. Out: `Problem`s that refuse nothing: each can be meant, but is mostly a slip of an export, and a score
made of it misleads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ibis
import ibis.expr.types as ir

from features.errors import Problem
from features.kept_queries import ask, count
from features.tables import TABLES, Tables
from features.validation.quoting import problem
from features.validation.unknown_ids import written_otherwise

#: Answers that show a scale, and the highest score of the scales that are not 0 to 10.
LEAST_ANSWERS, HIGHEST_OF_OTHERS = 30, 7
#: So many rows, of which so large a share repeats another but for the key, look like rows that were exported twice.
LEAST_ROWS, REPEATED_SHARE = 30, 0.4
#: Scores of 0 stand for no answer where they are so large a share, and so many times each of the scores 1 to 4.
ZERO_SHARE, ZERO_TIMES, LOW_SCORES = 0.25, 10, range(1, 5)
#: What a row tells, of tables whose keys an export may make anew.
TOLD = {
    "invoices": ("account_id", "invoiced_on", "amount"),
    "surveys": ("account_id", "contact_id", "kind", "sent_at", "answered_at", "score"),
    "tickets": ("account_id", "kind", "severity", "opened_at", "closed_at", "topic", "contact_id"),
    "contracts": ("account_id", "starts_on", "ends_on", "annual_value", "price_change"),
    "contacts": ("account_id", "role", "valid_from", "valid_to", "name", "email", "phone"),
}
#: References beside the accounts': a table and its column, and the table that should hold the value under its key.
REFERENCES = (
    ("surveys", "contact_id", "contacts"),
    ("tickets", "contact_id", "contacts"),
    ("loops", "survey_id", "surveys"),
)
#: Contracts are compared with what was invoiced in a year, of so many accounts at least, and by the median.
LEAST_CONTRACTS, YEAR_DAYS = 20, 365
UNITS = {"month": (8.0, 18.0), "quarter": (3.0, 5.0)}
#: Beyond so many times, or below its inverse, the two are not in one unit.
FAR_OFF = 20.0


def strange_values(tables: Tables) -> list[Problem]:
    """Return what looks like another scale or unit, rows that stand twice, and references into nothing."""
    return [
        *strange_scales(tables), *_per_cent_changes(tables), *_values_of_a_month(tables),
        *_repeated_rows(tables), *_dangling_references(tables),
    ]  # fmt: skip


def strange_scales(tables: Tables) -> Iterator[Problem]:
    """Yield the kinds of surveys whose scores lie in 1 to 5 or 1 to 7, or of which many are a 0 for no answer."""
    for kind, scores in ask(tables, _scores).to_pandas().groupby("kind"):
        low, high, rows = int(scores["score"].min()), int(scores["score"].max()), int(scores["rows"].sum())
        yield from _zeros(kind, dict(zip(scores["score"], scores["rows"], strict=True)), rows)
        if rows >= LEAST_ANSWERS and high <= HIGHEST_OF_OTHERS:
            held = ", ".join(f"{score}: {count}" for score, count in zip(scores["score"], scores["rows"], strict=True))
            text = (
                f"0 to 10 is expected, but the {rows} scores of kind {kind} lie in {low} to {high} ({held}): "
                f"if that is another scale, convert it, since every score up to 6 counts as a detractor"
            )
            yield Problem("surveys", "score", text)


def _scores(tables: Tables) -> ir.Table:
    """Return how often each score was given, by the kind of survey."""
    answered = tables["surveys"].filter(lambda t: t.score.notnull())
    return answered.group_by("kind", "score").aggregate(rows=lambda t: t.count()).order_by("kind", "score")


def _zeros(kind: str, scores: Mapping[int, int], rows: int) -> Iterator[Problem]:
    """Yield that 0 stands apart: people who are angry give a 1 or 2 nearly as often."""
    zeros, others = scores.get(0, 0), max(scores.get(score, 0) for score in LOW_SCORES)
    if rows >= LEAST_ANSWERS and zeros >= ZERO_SHARE * rows and zeros >= ZERO_TIMES * max(others, 1):
        text = (
            f"{zeros:,} of the {rows:,} scores of kind {kind} are 0, and each of 1 to 4 {others:,} at most: if 0 "
            "stands for no answer, leave it empty, since each counts as a detractor"
        )
        yield Problem("surveys", "score", text)


def _per_cent_changes(tables: Tables) -> Iterator[Problem]:
    if rows := count(tables, _large_changes):
        text, large = (
            "a change of the price by more than 100 %: a share is expected, .08 for 8 % more",
            _large_changes(tables),
        )
        yield problem(TABLES["contracts"], large, "price_change", text, rows, large.price_change)


def _large_changes(tables: Tables) -> ir.Table:
    return tables["contracts"].filter(lambda t: t.price_change.abs() > 1)


def _values_of_a_month(tables: Tables) -> Iterator[Problem]:
    """Yield a problem where contracts are worth a month or a quarter of what is invoiced in a year."""
    accounts, ratio = ask(tables, _invoiced_times_value).to_pylist()[0].values()
    if accounts < LEAST_CONTRACTS:
        return
    if not 1 / FAR_OFF < ratio < FAR_OFF:
        text = (
            f"the median of {accounts:.0f} accounts was invoiced {ratio:.4g} times the annual value of its contracts "
            "within a year: are both in one unit?"
        )
        yield Problem("contracts", "annual_value", text)
    for unit, (low, high) in UNITS.items():
        if low <= ratio < high:
            text = (
                f"the median of {accounts:.0f} accounts was invoiced {ratio:.1f} times the annual value of its "
                f"contracts within a year: if it is the value of a {unit}, make it a year's"
            )
            yield Problem("contracts", "annual_value", text)


def _invoiced_times_value(tables: Tables) -> ir.Table:
    """Return of how many accounts it is known, and the median of what was invoiced in a year over the contracts' value.

    Of each account the year from its newest contract on that has passed, beside all contracts that ran on that day.
    """
    year, invoices = ibis.interval(days=YEAR_DAYS), tables["invoices"]
    contracts = tables["contracts"].filter(lambda t: t.annual_value > 0)
    last = invoices.aggregate(last=invoices.invoiced_on.max())
    passed = contracts.cross_join(last).filter(lambda t: t.starts_on + year <= t.last)
    begun = passed.group_by("account_id").aggregate(begun=passed.starts_on.max())
    both = contracts.inner_join(begun, "account_id")
    runs = (both.starts_on <= both.begun) & (both.ends_on.isnull() | (both.ends_on > both.begun))
    worth = both.filter(runs).group_by("account_id", "begun").aggregate(value=lambda t: t.annual_value.sum())
    billed = worth.inner_join(invoices.select("account_id", "invoiced_on", "amount"), "account_id")
    billed = billed.filter((billed.invoiced_on >= billed.begun) & (billed.invoiced_on < billed.begun + year))
    ratios = billed.group_by("account_id").aggregate(ratio=billed.amount.sum() / billed.value.max())
    return ratios.filter(ratios.ratio > 0).aggregate(rows=lambda t: t.count(), ratio=lambda t: t.ratio.median())


def _repeated_rows(tables: Tables) -> Iterator[Problem]:
    """Yield the tables of which many rows stand twice under different keys; counted roughly first."""
    counted = {found["table"]: found for found in ask(tables, _rows_and_different).to_pylist()}
    for name in TOLD:
        rows, different = counted[name]["rows"], counted[name]["different"]
        if rows < LEAST_ROWS or rows - different < REPEATED_SHARE * rows:
            continue
        key, again = TABLES[name].key[0], _again(tables, name)
        text = f"rows that others repeat in all but {key}, of {rows:,}: if they were exported twice, keep one of each"
        yield problem(TABLES[name], again, key, text, int(again.times.sum().execute()))


def _rows_and_different(tables: Tables) -> ir.Table:
    """Return how many rows a table has, and about how many that differ in what they tell."""
    counted = []
    for name, columns in TOLD.items():
        rows = _telling(tables, name)
        different = ibis.struct({column: rows[column] for column in columns}).approx_nunique()
        counted.append(rows.aggregate(rows=rows.count(), different=different).mutate(table=ibis.literal(name)))
    return ibis.union(*counted)


def _telling(tables: Tables, name: str) -> ir.Table:
    """Return the rows that may be told apart by what they tell."""
    return tables[name].filter(lambda t: t.contact_id.notnull()) if name == "surveys" else tables[name]


def _again(tables: Tables, name: str) -> ir.Table:
    """Return what several rows tell alike, with the first of their keys and how many they are."""
    rows, key = _telling(tables, name), TABLES[name].key[0]
    again = rows.group_by(list(TOLD[name])).aggregate(**{key: rows[key].min()}, times=rows.count())
    return again.filter(again.times > 1)


def _dangling_references(tables: Tables) -> Iterator[Problem]:
    for name, column, other in REFERENCES:
        if not {name, other} & tables.missing and (rows := count(tables, _loose, name, column, other)):
            loose, held = _loose(tables, name, column, other), tables[other][TABLES[other].key[0]]
            text = f"not in {other}: nothing is known of it{written_otherwise(loose[column], held)}"
            yield problem(TABLES[name], loose, column, text, rows, loose[column])


def _loose(tables: Tables, name: str, column: str, other: str) -> ir.Table:
    """Return the rows of a table whose reference is no key of the other."""
    held = tables[other].select(**{column: TABLES[other].key[0]})
    return tables[name].drop_null([column]).anti_join(held, column)
