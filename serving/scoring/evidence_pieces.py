"""Evidence of some accounts of a book, and what a list sums up of them: an account's takes some 25 KB, so nobody holds
that of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.as_of import AsOf
from features.tables import Tables
from serving.scoring.evidence import Record, collect_evidence

#: Where the evidence of an account holds its standing.
STANDING = "standing"
#: An account is unheard without an answer in so many days; a contract is due that ends in fewer than so many.
UNHEARD_DAYS, DUE_DAYS = 180, 90


def piece_of_evidence(
    tables: Tables, accounts: Sequence[str], as_of: date, outlooks: Mapping[str, Record] | None = None
) -> dict[str, Record]:
    """Return the evidence by account_id, as `collect_evidence` gives it, of accounts that follow one another.

    Each has its standing beside it, as `standings` gives it.

    Parameters
    ----------
    accounts : sequence of str
        Their ids, rising; an account that lies between two of them and is not named is left out.
    """
    if not accounts:
        return {}
    first, last = accounts[0], accounts[-1]
    frames = {name: rows.filter(rows.account_id.between(first, last)) for name, rows in tables.frames.items()}
    ids = pa.table({"account_id": pa.array(accounts, pa.string())})
    spine = ibis.memtable(ids).mutate(as_of=ibis.literal(as_of))
    part = replace(tables, frames=frames)
    standing = standings(part, spine, as_of)
    evidence = collect_evidence(part, spine, as_of, outlooks)
    return {account_id: found | {STANDING: standing[account_id]} for account_id, found in evidence.items()}


def standings(tables: Tables, spine: ir.Table, as_of: date) -> dict[str, Record]:
    """Return of every account of a spine what a portfolio sums up: whom nobody hears, what is due.

    Returns
    -------
    dict of account_id to dict
        `unheard_180d`: whether the account gave no answer in 180 days; null without surveys, and where the book says
        that surveys are recorded for less. `renewals_due_90d`: annual value of its contracts whose signed end lies in
        the next 90 days, as the figure of this name has it; null without contracts. `contract_ends_on`: the next signed
        end of its running contracts, as ISO text; null where none is known.
    """
    rows = AsOf(tables, spine, personal=True).run(_standing).to_pylist()
    since = tables.known["surveys"].since
    cut = since is not None and (as_of - since).days < UNHEARD_DAYS
    no_surveys, no_contracts = (name in tables.missing for name in ("surveys", "contracts"))
    return {
        row["account_id"]: {
            "unheard_180d": None if no_surveys or (cut and not row["heard"]) else not row["heard"],
            "renewals_due_90d": None if no_contracts else row["due"],
            "contract_ends_on": None
            if row["ends_in"] is None
            else (as_of + timedelta(days=round(row["ends_in"]))).isoformat(),
        }
        for row in rows
    }


def _standing(view: AsOf) -> ir.Table:
    surveys, contracts = view["surveys"], view["contracts"]
    answered = surveys.filter(surveys.answered_age_days <= UNHEARD_DAYS)
    heard = answered.group_by("account_id").aggregate(answers=answered.count())
    soon = contracts.filter((contracts.ends_age_days <= 0) & (contracts.ends_age_days > -DUE_DAYS))
    due = soon.group_by("account_id").aggregate(due=soon.annual_value.sum())
    running = contracts.filter(contracts.ends_age_days <= 0)
    ends = running.group_by("account_id").aggregate(ends_in=-running.ends_age_days.max())
    rows = view.spine
    for part in (heard, due, ends):
        rows = rows.left_join(part, "account_id").drop("account_id_right")
    return rows.select("account_id", "ends_in", heard=rows.answers.fill_null(0) > 0, due=rows.due.fill_null(0.0))
