"""The book as the figures see it: at each as-of date and at the beginning of the period before it.

In: a book, as-of dates, the length of the period. Out: views and tables from which the figures' rows are built. All of
it comes from views of `features.as_of`, so nothing later than the date is seen; the beginning of the period is seen as
it was known then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.as_of import KEYS, AsOf, every_account, still_customers
from features.figures.estimates import Estimates, store_estimates
from features.figures.kept_rows import KeptRows
from features.figures.recognised import pays_for_time, revenue
from features.formulas.contract_terms import standing_value
from features.formulas.reversals import REVERSED_ON, stands, with_reversals
from features.tables import Tables

YEAR_MONTHS = 12
RECENT_DAYS = 365
#: The most accounts times dates that are computed at once.
MOST_PAIRS = 300_000
#: Splits by what an account is. `account` is the drill-down: every account is a group of its own.
ACCOUNT_SPLITS = ("segment", "industry", "country", "account_manager", "cohort", "tenure", "size", "account")
#: The group of accounts of whom the attribute is not known is null.
TENURES = ((1, "0-1 years"), (3, "1-3 years"), (5, "3-5 years"))
OLDEST_TENURE = "5+ years"


class Programme:
    """A book at some as-of dates, each with the period before it.

    Parameters
    ----------
    tables : Tables
        The book.
    dates : list of date
        As-of dates.
    months : int
        Length of the period, 12 by default.
    scored : Estimates, optional
        What a scoring run estimates of the customers at one of the dates.
    kept : KeptRows, optional
        Where rows are kept; those of one book share it.

    Attributes
    ----------
    openings : dict
        As-of date -> the first day of its period.
    periods : Ibis table
        The same: as_of and opened_on.
    customers : AsOf
        The book seen from the customers at each as-of date.
    """

    def __init__(
        self, tables: Tables, dates: Sequence[date], months: int = YEAR_MONTHS, scored: Estimates | None = None,
        kept: KeptRows | None = None,
    ) -> None:  # fmt: skip
        self.dates, self.months, self.scored = sorted(set(dates)), months, scored
        self.connection = tables["accounts"].get_backend()
        self.kept = KeptRows(self.connection) if kept is None else kept
        invoices = tables["invoices"]
        if REVERSED_ON not in invoices.columns:
            invoices = self.kept.table("invoices", lambda: with_reversals(tables["invoices"]), of_book=True)
        self.tables = replace(tables, frames={**tables.frames, "invoices": invoices})
        self.openings = {day: months_before(day, months) for day in self.dates}
        days = [(day,) for day in sorted({*self.dates, *self.openings.values()})]
        self._days = self.kept.dates("days", ("as_of",), days)
        self.periods = self.kept.dates("periods", ("as_of", "opened_on"), list(self.openings.items()))

    def parts(self) -> Iterator[Programme]:
        """Yield the same book at a few of the dates each, so that a long series takes no more memory than a short one.

        The tables of a part are there until the next one is asked for.
        """
        accounts = int(self.tables["accounts"].count().execute())
        size = max(1, MOST_PAIRS // max(1, accounts))
        for first in range(0, len(self.dates), size):
            self.kept.begin()
            yield Programme(self.tables, self.dates[first : first + size], self.months, self.scored, self.kept)

    @cached_property
    def estimates(self) -> ir.Table:
        """Return what the scoring run estimates, see `features.figures.estimates`; no row without one."""
        return self.kept.given("estimates", lambda to, name: store_estimates(to, name, self.scored))

    @cached_property
    def customers(self) -> AsOf:
        """Return the book seen from its customers at each as-of date."""
        return AsOf(self.tables, self.kept.table("customers", lambda: self._known.filter("is_customer").select(*KEYS)))

    @cached_property
    def accounts(self) -> AsOf:
        """Return the book seen from every account known at each as-of date, customers or not."""
        return AsOf(self.tables, self.kept.table("accounts_known", lambda: self._known.select(*KEYS)))

    @cached_property
    def openings_view(self) -> AsOf:
        """Return the book seen from every account known at the beginning of each period."""
        days = self.periods.select(as_of="opened_on").distinct()
        return AsOf(self.tables, self.kept.table("openings", lambda: self._spine.semi_join(days, "as_of")))

    @cached_property
    def surveys(self) -> ir.Table:
        """Return the view of customers' surveys that were sent or answered in 365 days."""
        return self.kept.table("surveys", self._surveys)

    def _surveys(self) -> ir.Table:
        rows = self.customers["surveys"]
        rows = rows.filter((rows.age_days <= RECENT_DAYS) | (rows.answered_age_days <= RECENT_DAYS).fill_null(False))
        return rows.drop("comment", "bounced_age_days", "sent_age_days")

    @property
    def _spine(self) -> ir.Table:
        """Return every account known at as-of dates and beginnings of periods."""
        return self.kept.table("spine", lambda: every_account(self.tables, self._days))

    @property
    def _known(self) -> ir.Table:
        """Return how each account stands at as-of dates."""
        return self.standing.semi_join(self.periods, "as_of")

    @cached_property
    def standing(self) -> ir.Table:
        """Return how each account stands at as-of dates and beginnings of periods.

        Columns: account_id, as_of, is_customer, invoiced (recognised revenue of twelve months), contracted (annual
        value of contracts, see `standing_value`), both 0 for who is no customer; had_invoiced and had_contracted
        (whether it ever had an invoice that stands, a contract), had_invoiced_again (on another day), since_days.
        """
        return self.kept.table("standing", self._standing)

    def _standing(self) -> ir.Table:
        spine = self._spine
        view = AsOf(self.tables, spine)
        customers = still_customers(view, by_silence=False).mutate(customer=ibis.literal(1))
        invoices, contracts = view["invoices"], view["contracts"]
        pays_for = self.kept.table("pays_for", lambda: pays_for_time(self.tables), of_book=True)
        parts = [
            customers,
            view["accounts"].select(*KEYS, since_days="age_days"),
            revenue(view, pays_for),
            contracts.group_by(KEYS).aggregate(signed=standing_value(contracts), contracts=contracts.count()),
            invoices.filter(stands(invoices))
            .group_by(KEYS)
            .aggregate(again=lambda t: t.age_days.min() < t.age_days.max()),
        ]
        rows = spine
        for part in parts:
            rows = rows.left_join(part, KEYS).drop("account_id_right", "as_of_right")
        is_customer = rows.customer.notnull()
        return rows.select(
            *KEYS, "since_days",
            is_customer=is_customer,
            invoiced=ibis.ifelse(is_customer, rows.revenue.fill_null(0.0), 0.0),
            contracted=ibis.ifelse(is_customer, rows.signed.fill_null(0.0), 0.0),
            had_invoiced=rows.again.notnull(),
            had_invoiced_again=rows.again.fill_null(False),
            had_contracted=rows.contracts.fill_null(0) > 0,
        )  # fmt: skip

    @cached_property
    def both_ends(self) -> ir.Table:
        """Return each account at as_of, with its standing at the beginning of the period in columns `was_...`.

        An account that was not known then has nulls there.
        """
        return self.kept.table("both_ends", self._both_ends)

    def _both_ends(self) -> ir.Table:
        now = self.standing.inner_join(self.periods, "as_of")
        before = self.standing.rename(lambda name: name if name == "account_id" else f"was_{name}")
        joined = now.left_join(before, [now.account_id == before.account_id, now.opened_on == before.was_as_of])
        return joined.drop("account_id_right", "was_as_of")

    @cached_property
    def attributes(self) -> ir.Table:
        """Return one row per account and as-of date with a text for each split.

        Tenure and size are those at the beginning of the period, of who was known then: an account that shrinks
        would otherwise shrink out of its class.
        """
        return self.kept.table("attributes", self._attributes)

    def _attributes(self) -> ir.Table:
        rows = self.both_ends.inner_join(self.tables["accounts"], "account_id")
        years = ibis.coalesce(rows.was_since_days, rows.since_days) / 365.25
        tenure = ibis.cases(*((years < most, name) for most, name in TENURES), else_=OLDEST_TENURE)
        return rows.select(
            *KEYS, "segment", "industry", "country", "account_manager", "is_customer",
            account="account_id",
            cohort=rows.customer_since.year().cast("string"),
            tenure=tenure,
            size=_size(ibis.ifelse(rows.was_is_customer.fill_null(False), rows.was_invoiced, rows.invoiced)),
        )  # fmt: skip


def _size(revenue: ir.Value) -> ir.Value:
    """Return the order of magnitude of a year's revenue: `1,000-9,999`."""
    bands = ((0, "none"), (1_000, "0-999"), (10_000, "1,000-9,999"), (100_000, "10,000-99,999"))
    # No revenue is its own class; so is a negative one, which credit notes make.
    first, *others = bands
    return ibis.cases(
        (revenue <= first[0], first[1]), *((revenue < most, name) for most, name in others), else_="100,000+"
    )


def months_before(day: date, months: int) -> date:
    """Return the day so many months earlier; the last of the month where it has no such day."""
    return (pd.Timestamp(day) - pd.DateOffset(months=months)).date()
