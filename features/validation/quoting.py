"""A broken rule becomes a `Problem`: up to five keys, and what stands in those rows.

In: the rows that break a rule. Out: the problem. Only a broken rule costs these queries.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.errors import Problem
from features.schema import Table
from features.validation.conversion import typed
from features.validation.forms import told_apart
from features.validation.row_rules import Rule

EXAMPLES = 5
#: With this begins the rule about a key that stands more than once.
DUPLICATE = "duplicate key"
#: Distinct refused values that are looked at, the most frequent first.
MOST_VALUES = 1000
LONGEST_VALUE = 60


def broken_rule(table: Table, rule: Rule, converted: ir.Table, raw: ir.Table, rows: int) -> Problem:
    """Return the problem of a rule that some rows of a table break.

    Parameters
    ----------
    converted, raw : Ibis tables
        The table as it was converted, and as the source has it.
    rows : int
        How many rows break the rule.
    """
    if not rule.is_unread:
        text = f"{rule.text}{_caused(rule, converted, rows)}"
        return problem(table, converted.filter(rule.broken), rule.column, text, rows, rule.quoted)
    again = typed(table, raw, quoted=rule.column)
    refused = again.filter(again[f"{rule.column}__bad"])
    text = refused[f"{rule.column}__raw"]
    forms = told_apart(table.column(rule.column).kind, _most_frequent(refused.select(value=text)))
    return problem(table, refused, rule.column, f"{rule.text}; {forms}" if forms else rule.text, rows, text)


def _caused(rule: Rule, converted: ir.Table, rows: int) -> str:
    """Return what explains some of the rows, as the end of a sentence; nothing where it explains none."""
    if rule.cause is None:
        return ""
    met, text = rule.cause
    explained = int(converted.filter(rule.broken & met).count().execute())
    return f"; {'' if explained == rows else f'{explained} of them '}{text}" if explained else ""


def problem(
    table: Table, broken: ir.Table, column: str, text: str, rows: int, quoted: ir.Value | None = None
) -> Problem:
    """Return a problem with up to five keys of the broken rows, and the value of `quoted` beside each."""
    key = key_of(table, broken)
    if quoted is None:
        found = broken.select(key=key).distinct().order_by("key").limit(EXAMPLES).execute()
        return Problem(table.name, column, text, rows, tuple(found["key"]))
    pairs = broken.select(key=key, value=quoted.cast("string").fill_null("")).group_by("key")
    found = pairs.aggregate(value=lambda t: t.value.min()).order_by("key").limit(EXAMPLES).execute()
    return Problem(table.name, column, text, rows, tuple(found["key"]), tuple(map(shortened, found["value"])))


def key_of(table: Table, rows: ir.Table) -> ir.StringValue:
    """Return the key of each row as one text, a `?` where a part of it is null."""
    key = rows[table.key[0]].fill_null("?")
    for name in table.key[1:]:
        key = key + " " + rows[name].cast("string").fill_null("?")
    return key


def shortened(value: str) -> str:
    """Return a text that fits into a message."""
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def _most_frequent(values: ir.Table) -> list[tuple[str, int]]:
    counted = values.group_by("value").aggregate(rows=lambda t: t.count())
    frame = counted.order_by([counted.rows.desc(), counted.value]).limit(MOST_VALUES).execute()
    return [(value, int(rows)) for value, rows in zip(frame["value"], frame["rows"], strict=True)]
