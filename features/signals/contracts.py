"""Contracts: their value, the end of the last term, and its price change."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf
from features.formulas.contract_terms import running_value
from features.signal import relation, theme

signal = theme("contract")


@relation("contracts")
def terms(view: AsOf) -> ir.Table:
    """Return the terms begun by as_of, with the age of the latest start."""
    rows = view["contracts"]
    return rows.mutate(latest_age=rows.age_days.min().over(group_by=view.keys))


@signal(
    over=terms,
    unit="currency per year",
    en="Contract value",
    de="Vertragswert",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def contract_value(rows: ir.Table) -> ir.Value:
    """Annual value of the running contracts."""
    return running_value(rows)


@signal(
    over=terms, unit="days", en="Days to the end of the term", de="Tage bis zum Ende der Laufzeit", riskier="either"
)
def contract_days_to_end(rows: ir.Table) -> ir.Value:
    """Days until the last signed term ends; below 0 when it has ended; null without a contract or a known end."""
    endless = rows.count(where=rows.ends_age_days.isnull()) > 0
    return ibis.ifelse(endless, ibis.null("float64"), -rows.ends_age_days.min())


@signal(
    over=terms,
    unit="fraction",
    en="Price change of the last term",
    de="Preisänderung der letzten Laufzeit",
    riskier="rising",
)
def contract_price_change(rows: ir.Table) -> ir.Value:
    """Price change of the latest term (0.08 is +8 %)."""
    return rows.price_change.mean(where=rows.age_days == rows.latest_age)


@signal(
    over=terms,
    unit="terms",
    en="Terms signed",
    de="Geschlossene Laufzeiten",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def contract_terms(rows: ir.Table) -> ir.Value:
    """Terms begun by as_of."""
    return rows.count()
