"""The book as the figures see it: at each as-of date and at the beginning of the period before it.

In: a book, as-of dates, the length of the period. Out: views and tables from which the figures' rows are built. All of
it comes from views of `features.as_of`, so nothing later than the date is seen; the beginning of the period is seen as
it was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from features.as_of import KEYS, AsOf, every_account, still_customers
from features.figures.estimates import Estimates, estimates_table
from features.figures.recognised import recognised
from features.formulas.contract_terms import standing_value
from features.formulas.reversals import stands, with_reversals
from features.sources import stored
from features.tables import Tables

YEAR_MONTHS = 12
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

    Attributes
    ----------
    customers : AsOf
        The book seen from the customers at each as-of date.
    """

    def __init__(
        self, tables: Tables, dates: Sequence[date], months: int = YEAR_MONTHS, scored: Estimates | None = None
    ) -> None:
        self.tables, self.dates, self.months, self.scored = tables, sorted(set(dates)), months, scored
        self.connection = tables["accounts"].get_backend()
        frames = {**tables.frames, "invoices": with_reversals(tables["invoices"])}
        self.tables = Tables(
            {name: stored(self.connection, f"figures_{name}", rows) for name, rows in frames.items()},
            tables.missing, tables.currency, tables.warnings, tables.known, tables.doubts,
        )  # fmt: skip

    @cached_property
    def estimates(self) -> ir.Table:
        """Return what the scoring run estimates, see `features.figures.estimates`; no row without one."""
        return estimates_table(self.connection, self.scored)

    @cached_property
    def openings(self) -> dict[date, date]:
        """Return the first day of the period of each as-of date."""
        return {day: months_before(day, self.months) for day in self.dates}

    @cached_property
    def customers(self) -> AsOf:
        """Return the book seen from its customers at each as-of date."""
        rows = self.standing.filter(self.standing.is_customer & self.standing.as_of.isin(self.dates))
        return AsOf(self.tables, stored(self.connection, "figures_customers", rows.select(*KEYS)))

    @cached_property
    def accounts(self) -> AsOf:
        """Return the book seen from every account known at each as-of date, customers or not."""
        rows = self.standing.filter(self.standing.as_of.isin(self.dates))
        return AsOf(self.tables, stored(self.connection, "figures_accounts_known", rows.select(*KEYS)))

    @cached_property
    def openings_view(self) -> AsOf:
        """Return the book seen from every account known at the beginning of each period."""
        rows = self.standing.filter(self.standing.as_of.isin(sorted(set(self.openings.values()))))
        return AsOf(self.tables, stored(self.connection, "figures_openings", rows.select(*KEYS)))

    @cached_property
    def standing(self) -> ir.Table:
        """Return how each account stands at as-of dates and beginnings of periods.

        Columns: account_id, as_of, is_customer, invoiced (recognised revenue of twelve months), contracted (annual
        value of contracts, see `standing_value`), both 0 for who is no customer; had_invoiced and had_contracted
        (whether it ever had an invoice that stands, a contract), since_days.
        """
        days = sorted({*self.dates, *self.openings.values()})
        dates = self._table("figures_days", {"as_of": days})
        spine = stored(self.connection, "figures_spine", every_account(self.tables, dates))
        view = AsOf(self.tables, spine)
        customers = still_customers(view, by_silence=False).mutate(customer=ibis.literal(1))
        invoices, contracts = view["invoices"], view["contracts"]
        parts = [
            customers,
            view["accounts"].select(*KEYS, since_days="age_days"),
            recognised(view).group_by(KEYS).aggregate(revenue=lambda t: t.recognised.sum()),
            contracts.group_by(KEYS).aggregate(signed=standing_value(contracts), contracts=contracts.count()),
            invoices.filter(stands(invoices)).group_by(KEYS).aggregate(invoices=lambda t: t.count()),
        ]
        rows = spine
        for part in parts:
            rows = rows.left_join(part, KEYS).drop("account_id_right", "as_of_right")
        is_customer = rows.customer.notnull()
        return stored(
            self.connection,
            "figures_standing",
            rows.select(
                *KEYS,
                "since_days",
                is_customer=is_customer,
                invoiced=ibis.ifelse(is_customer, rows.revenue.fill_null(0.0), 0.0),
                contracted=ibis.ifelse(is_customer, rows.signed.fill_null(0.0), 0.0),
                had_invoiced=rows.invoices.fill_null(0) > 0,
                had_contracted=rows.contracts.fill_null(0) > 0,
            ),
        )

    @cached_property
    def periods(self) -> ir.Table:
        """Return as_of and opened_on, the first day of its period."""
        pairs = {"as_of": list(self.openings), "opened_on": list(self.openings.values())}
        return self._table("figures_periods", pairs)

    def _table(self, name: str, columns: dict[str, list[date]]) -> ir.Table:
        """Return dates as a temporary table: queries that are run as text know no table in memory."""
        rows = pa.table({column: pa.array(days, pa.date32()) for column, days in columns.items()})
        return self.connection.create_table(name, rows, temp=True, overwrite=True)

    @cached_property
    def both_ends(self) -> ir.Table:
        """Return each account at as_of, with its standing at the beginning of the period in columns `was_...`.

        An account that was not known then has nulls there.
        """
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
        ends = self.both_ends
        accounts = self.tables["accounts"]
        rows = ends.inner_join(accounts, "account_id")
        years = ibis.coalesce(rows.was_since_days, rows.since_days) / 365.25
        tenure = ibis.cases(*((years < most, name) for most, name in TENURES), else_=OLDEST_TENURE)
        return stored(
            self.connection,
            "figures_attributes",
            rows.select(
                *KEYS, "segment", "industry", "country", "account_manager", "is_customer",
                account="account_id",
                cohort=rows.customer_since.year().cast("string"),
                tenure=tenure,
                size=_size(ibis.ifelse(rows.was_is_customer.fill_null(False), rows.was_invoiced, rows.invoiced)),
            ),
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
