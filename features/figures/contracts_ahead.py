"""Contracts of customers that are to be renewed: those that end soon, and those that ended without a successor.

In: a `Programme`. Out: Ibis tables with a row a contract, for the figures and for a run's list of renewals.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from features.figures.estimates import MONTHS
from features.figures.kept_accounts import KeptAccounts
from features.figures.programme import Programme
from features.formulas.contract_terms import UNSEEN_DAYS

YEAR_DAYS, OVERDUE_DAYS = 365, 90
MONTH_DAYS, GRACE_DAYS = 30, 30
#: A hazard of 1 has no finite logarithm.
LARGEST_HAZARD = 1 - 1e-12
#: Days ahead to which a run keeps each contract that ends: the first look before an end is taken on this very day.
LISTED_DAYS = 180
KEYS = ["account_id", "as_of"]


def due(programme: Programme) -> ir.Table:
    """Return contracts of customers whose signed end lies in the 365 days from as_of on, with its day, `ends_on`."""
    rows = programme.customers["contracts"]
    ahead = -rows.ends_age_days
    return _with_end(rows.filter((ahead >= 0) & (ahead < YEAR_DAYS)))


def overdue(programme: Programme) -> ir.Table:
    """Return contracts of customers that ended in 90 days while none of the account runs.

    One that ended the day before is none of them: its successor may have begun and cannot be seen yet.
    """
    rows = programme.customers["contracts"]
    running = rows.filter((rows.ends_age_days <= 0).fill_null(True)).select(*KEYS)
    ended = rows.filter((rows.ends_age_days > UNSEEN_DAYS) & (rows.ends_age_days <= OVERDUE_DAYS))
    return _with_end(ended.anti_join(running, KEYS))


def with_staying(programme: Programme, rows: ir.Table) -> ir.Table:
    """Return contracts with `kept`, the probability that the customer is there 30 days after the signed end.

    Columns: `known`, whether there is an estimate; `log`, the logarithm of `kept`; `harsher` and `milder`.
    """
    lead = 0 if programme.scored is None else programme.scored.lead_days
    rows = rows.left_join(programme.estimates, KEYS).drop("account_id_right", "as_of_right")
    months = ibis.greatest(GRACE_DAYS - rows.ends_age_days - lead, 0.0) / MONTH_DAYS
    within = [ibis.greatest(ibis.least(months - place, 1.0), 0.0) for place in range(len(MONTHS) - 1)]
    within.append(ibis.greatest(months - len(within), 0.0))  # The last month goes on.
    parts = [
        (1.0 - ibis.least(rows[name], LARGEST_HAZARD)).ln() * part for name, part in zip(MONTHS, within, strict=True)
    ]
    rows = rows.mutate(log=sum(parts[1:], parts[0]), known=rows[MONTHS[0]].notnull())
    return rows.mutate(kept=rows.log.exp())


def listed(programme: Programme, day: date) -> KeptAccounts:
    """Keep by account and end the contracts that are overdue at a date or end by the 180th day after it; see `told`."""
    soon = due(programme)
    parts = (
        soon.filter(-soon.ends_age_days <= LISTED_DAYS).mutate(overdue=ibis.literal(False)),
        overdue(programme).mutate(overdue=ibis.literal(True)),
    )
    columns = (*KEYS, "contract_id", "ends_on", "ends_age_days", "annual_value", "overdue")
    rows = with_staying(programme, ibis.union(*(part.select(*columns) for part in parts)))
    query = programme.connection.compile(rows.filter(rows.as_of == day).drop("log", *MONTHS))
    return KeptAccounts(programme.connection, query, ("ends_on", "contract_id"))


def told(contract: Any) -> dict[str, Any]:
    """Return a contract of `listed` as plain values.

    `stays` is `kept` of `with_staying`, None where there is no estimate or the end is past.
    """
    return {
        "contract_id": contract.contract_id, "ends_on": contract.ends_on.date().isoformat(),
        "value": float(contract.annual_value), "overdue": bool(contract.overdue),
        "stays": float(contract.kept) if contract.known and not contract.overdue else None,
    }  # fmt: skip


def _with_end(rows: ir.Table) -> ir.Table:
    seconds = rows.as_of.cast("timestamp").epoch_seconds() - (rows.ends_age_days * 86_400).round().cast("int64")
    return rows.mutate(ends_on=seconds.as_timestamp("s"))
