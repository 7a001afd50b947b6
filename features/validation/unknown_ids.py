"""Ids that no account has, which are refused, and accounts whose ids differ by how they are written only.

In: the converted tables, or a sound book. Out: `Problem`s. A spreadsheet takes leading zeros away, and systems differ
in case.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.errors import Problem
from features.kept_queries import ask
from features.schema import Table
from features.tables import TABLES, Tables
from features.validation.conversion import CONVERTED
from features.validation.quoting import EXAMPLES, shortened

#: Compiled countings that are kept.
COUNTINGS = 64
#: The form of an id of Salesforce in which case counts: it is a number to the base of 62.
SIGNS, BASE_62 = 15, "^[0-9A-Za-z]+$"


def unknown_accounts(connection: Backend, converted: dict[str, ir.Table]) -> list[Problem]:
    """Return a problem for each table that names unknown accounts, listed by their ids; none without any account."""
    others = tuple(name for name in converted if name != "accounts")
    if "accounts" not in converted or not others:
        return []
    counted = dict(connection.raw_sql(_foreign_rows(others)).fetchall())
    known = converted["accounts"].select("account_id").drop_null()
    return [
        _foreign(TABLES[name], converted[name].drop_null(["account_id"]).anti_join(known, "account_id"), known)
        for name in others
        if counted[name]
    ]


def written_otherwise(ids: ir.StringColumn, known: ir.StringColumn) -> str:
    """Return the end of a message: how many ids differ from a known one in writing only, with a pair; or nothing.

    Parameters
    ----------
    ids, known : column of texts
        Ids that are not among the known ones, and these.
    """
    own, there = ids.name("own").as_table().distinct(), known.name("there").as_table().distinct()
    pairs = own.mutate(plain=_plain(own.own)).inner_join(there.mutate(plain=_plain(there.there)), "plain")
    pairs = pairs.filter(pairs.plain != "").group_by("own").aggregate(there=lambda t: t.there.min())
    found = pairs.mutate(all=pairs.own.count().over()).order_by("own").limit(1).execute()
    if not len(found):
        return ""
    mine, theirs, count = found.iloc[0][["own", "there", "all"]]
    differs = "1 differs" if count == 1 else f"{count} differ"
    return (
        f"; {differs} in case, outer blanks or leading zeros only: {shortened(mine)!r} is {shortened(theirs)!r} there; "
        "write them alike"
    )


def one_customer_twice(tables: Tables) -> Iterator[Problem]:
    """Yield the accounts whose ids another account has too, but for how it is written: one customer in two halves.

    Two accounts that are billed in one month are two customers. Ids that differ in case are one customer only if one
    of them is never billed, and only in a book in which no two such ids are billed: there case tells customers apart.
    """
    pairs = ask(tables, _pairs).to_pylist()
    if pairs:
        theirs = f"{shortened(pairs[0]['account_id'])!r} is {shortened(pairs[0]['other'])!r}"
        text = (
            "another account has the same id but for case, outer blanks or leading zeros: if they are one customer, "
            f"write them alike, since each has a part of the records ({theirs})"
        )
        ids = tuple(pair["account_id"] for pair in pairs[:EXAMPLES])
        yield Problem("accounts", "account_id", text, pairs[0]["all"], ids)


def _pairs(tables: Tables) -> ir.Table:
    """Return one account of each such pair, with the other, and how many pairs there are."""
    ids = tables["accounts"].select("account_id").mutate(cased=lambda t: _cased(t.account_id))
    is_base_62 = (ids.account_id.strip().length() == SIGNS) & ids.cased.re_search(BASE_62)
    ids = ids.mutate(plain=ibis.ifelse(is_base_62, ids.cased, ids.cased.lower())).filter(ids.cased != "")
    several = ids.group_by("plain").having(ids.count() > 1).aggregate(account_id=ids.account_id.collect())
    ids = several.unnest("account_id").mutate(cased=lambda t: _cased(t.account_id))
    invoices = tables["invoices"].select("account_id", month=lambda t: t.invoiced_on.truncate("M"))
    rows = ids.left_join(invoices, "account_id").select("account_id", "cased", "plain", "month").distinct()
    rows = rows.mutate(billed=rows.account_id.count().over(group_by=("plain", "month")))
    alike = rows.group_by("plain").aggregate(
        account_id=lambda t: t.account_id.min(), other=lambda t: t.account_id.max(),
        is_cased=lambda t: t.cased.nunique() > 1, written=lambda t: t.cased.nunique(where=t.month.notnull()),
        is_half=lambda t: t.month.isnull().any() & t.month.notnull().any(),
        is_apart=lambda t: t.billed.max(where=t.month.notnull()).fill_null(0) < 2,
    )  # fmt: skip
    alike = alike.mutate(by_case=(alike.written > 1).any().over())
    alike = alike.filter(alike.is_apart & (~alike.is_cased | (alike.is_half & ~alike.by_case)))
    return alike.mutate(all=alike.account_id.count().over()).order_by("account_id").limit(EXAMPLES)


def _cased(ids: ir.StringValue) -> ir.StringValue:
    return ids.strip().re_replace("^0+", "")


def _plain(ids: ir.StringValue) -> ir.StringValue:
    return _cased(ids).lower()


@lru_cache(COUNTINGS)
def _foreign_rows(names: tuple[str, ...]) -> str:
    """Return as SQL: for each converted table the rows that name an unknown account, 0 without any account."""
    ids = {name: ibis.table({"account_id": "string"}, name=f"{CONVERTED}{name}") for name in ("accounts", *names)}
    known = ids["accounts"].drop_null()
    counts = []
    for name in names:
        foreign = ids[name].drop_null().anti_join(known, "account_id")
        counts.append(foreign.aggregate(rows=foreign.count()).select(table=ibis.literal(name), rows="rows"))
    some = known.aggregate(accounts=known.count())
    counted = ibis.union(*counts) if len(counts) > 1 else counts[0]
    judged = counted.cross_join(some).select("table", rows=lambda t: ibis.ifelse(t.accounts > 0, t.rows, 0))
    return str(ibis.to_sql(judged, dialect="duckdb"))


def _foreign(table: Table, rows: ir.Table, known: ir.Table) -> Problem:
    by_account = rows.group_by("account_id").aggregate(rows=lambda t: t.count())
    counted = by_account.order_by("account_id").execute()
    ids, total = tuple(counted["account_id"][:EXAMPLES]), int(counted["rows"].sum())
    text = "not in accounts" if len(counted) == 1 else f"{len(counted)} accounts that are not in accounts"
    alike = written_otherwise(rows.account_id, known.account_id)
    return Problem(table.name, "account_id", text + alike, total, ids)
