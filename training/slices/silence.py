"""A rule of silence against the rhythm of the customers: who pays more seldom than the rule waits?

In: a book, a rule of silence and an as-of date. Out: a `Rhythm`, to be said before anything is learnt. A customer's
usual gap is the median of the days between its positive invoices. A silence that is shorter than the usual gap makes
churn of customers who never left. One who pays about once a year is no customer by the rule at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.as_of import ACTIVE_DAYS, ACTIVE_INVOICES, stored_customers
from features.errors import ShortSilence
from features.formulas.reversals import REVERSED_ON, with_reversals
from features.tables import Tables
from training.settings import ChurnRule
from training.slices.labels import labels

#: Share of customers slower than the rule from which on it is said, and above which it is refused.
TOLD_SHARE, REFUSED_SHARE = 0.05, 0.5
#: Share of customers whose usual gap a fitting silence covers.
COVERED_SHARE = 0.95
#: A payer still pays if its last invoice is at most so many usual gaps old.
STILL_TIMES = 1.5


@dataclass(frozen=True)
class Rhythm:
    """How the customers at one date pay, beside a rule of silence.

    Attributes
    ----------
    silence_days : int
        Days of the rule.
    at : date
        The as-of date: the latest whose labels are known.
    customers, slower : int
        Customers by the rule, and those of them whose usual gap is longer than the silence.
    churned_slower, churned_others : float or None
        Share of either that counts as churned, 0-1; None without such a customer.
    fitting_days : int or None
        The silence that is not shorter than the usual gap of 95 % of the customers; None without one.
    left_out : int
        Accounts that still pay in their rhythm, but too seldom to be customers by the rule.
    """

    silence_days: int
    at: date
    customers: int
    slower: int
    churned_slower: float | None
    churned_others: float | None
    fitting_days: int | None
    left_out: int

    @property
    def slower_share(self) -> float:
        """Share of the customers whose usual gap is longer than the silence, 0-1."""
        return self.slower / self.customers if self.customers else 0.0

    def warnings(self) -> list[str]:
        """Return what is to be said before training."""
        told = []
        if self.slower_share > TOLD_SHARE:
            told.append(self._too_short())
        if self.left_out:
            total = self.left_out + self.customers
            told.append(
                f"{self.left_out} of {total} accounts that pay in their usual rhythm at {self.at} have fewer than "
                f"{ACTIVE_INVOICES} invoices in {ACTIVE_DAYS} days: by the rule of silence they are no customers, "
                "so they are neither learnt from nor judged nor scored"
            )
        return told

    def demand_fitting(self) -> None:
        """Raise ShortSilence where the rule is shorter than the usual gap of most customers."""
        if self.slower_share > REFUSED_SHARE:
            raise ShortSilence(f"{self._too_short()}. Give that, or --accept-short-silence if it is meant")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self) | {"at": self.at.isoformat()}

    def _too_short(self) -> str:
        shares = f"{self.churned_slower or 0.0:.0%} of them count as churned"
        if self.churned_others is not None:
            shares += f", {self.churned_others:.0%} of the others"
        return (
            f"--silence-days {self.silence_days} is shorter than the usual gap between invoices of {self.slower} of "
            f"{self.customers} customers ({self.slower_share:.0%}) at {self.at}: {shares}; "
            f"--silence-days {self.fitting_days} covers the usual gap of {COVERED_SHARE:.0%}"
        )


def rhythm(tables: Tables, rule: ChurnRule, at: date) -> Rhythm:
    """Compare a rule of silence with the gaps between the invoices of the customers at a mature as-of date."""
    assert rule.silence_days is not None
    spine = stored_customers(tables, [at], by_silence=True)
    labelled = labels(tables, spine, rule)
    payers = _payers(tables, at).execute()
    judged = labelled.merge(payers, on="account_id")
    usual = judged["usual"].to_numpy(float)
    slower = usual > rule.silence_days
    churned = judged["churned"].to_numpy(bool)
    still = payers["age"] <= STILL_TIMES * payers["usual"]
    seldom = (
        still & ~payers["account_id"].isin(labelled["account_id"]) & (payers["usual"] > ACTIVE_DAYS / ACTIVE_INVOICES)
    )
    return Rhythm(
        silence_days=rule.silence_days,
        at=at,
        customers=len(labelled),
        slower=int(slower.sum()),
        churned_slower=_share(churned[slower]),
        churned_others=_share(churned[~slower]),
        fitting_days=int(np.ceil(np.quantile(usual, COVERED_SHARE))) if len(usual) else None,
        left_out=int(seldom.sum()),
    )


def _payers(tables: Tables, at: date) -> ir.Table:
    """Return the usual gap and the days since the last payment of each account with two days of positive invoices.

    An invoice that is known to be reversed by then is none.
    """
    known, rows = ibis.date(at.isoformat()), with_reversals(tables["invoices"])
    stands = rows[REVERSED_ON].isnull() | (rows[REVERSED_ON] >= known)
    invoices = rows.filter((rows.amount > 0) & (rows.invoiced_on < known) & stands)
    days = invoices.select("account_id", day=_day_number(invoices.invoiced_on)).distinct()
    order = ibis.window(group_by="account_id", order_by="day")
    gaps = days.mutate(gap=days.day - days.day.lag().over(order))
    by_account = gaps.group_by("account_id").aggregate(usual=gaps.gap.median(), last=gaps.day.max())
    at_day = (pd.Timestamp(at) - pd.Timestamp(0)).days
    return by_account.filter(by_account.usual.notnull()).select("account_id", "usual", age=at_day - by_account["last"])


def _day_number(day: ir.Value) -> ir.Value:
    return (day.cast("timestamp").epoch_seconds() / ibis.literal(86_400.0)).round()


def _share(churned: np.ndarray) -> float | None:
    return float(churned.mean()) if len(churned) else None
