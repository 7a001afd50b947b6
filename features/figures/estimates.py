"""What a scoring run estimates of each customer, as a table beside the book: figures of what is to come stand on it.

In: a frame that a scoring run hands over. Out: an Ibis table with all of `COLUMNS`. A figure names the columns that it
needs; where they are not there, or it is asked for another date, it is not known and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

#: Lifetime value, its variance by chance, what the level of all estimates takes of it, and the most it can be.
LIFETIME = ("lifetime_value", "lifetime_variance", "lifetime_by_level", "lifetime_most")
MONTHS = tuple(f"month_{month}" for month in range(1, 13))
#: Probability of leaving in each month of 30 days, given the months before; the last one goes on. `harsher` and
#: `milder` multiply the logarithm of staying where the level of all estimates is a standard deviation higher or lower.
COURSE = (*MONTHS, "harsher", "milder")
COLUMNS = (*LIFETIME, *COURSE)


@dataclass(frozen=True)
class Estimates:
    """Estimates of a book's customers at one date.

    Attributes
    ----------
    as_of : date
    lead_days : int
        Days from as_of to the first month.
    accounts : DataFrame
        account_id and some of `COLUMNS`; NaN where too little is known of an account for an estimate.
    """

    as_of: date
    lead_days: int
    accounts: pd.DataFrame

    def has(self, columns: tuple[str, ...]) -> bool:
        """Return whether the run estimates these at all."""
        return set(columns) <= set(self.accounts.columns)


def estimates_table(connection: Backend, estimates: Estimates | None) -> ir.Table:
    """Store the estimates as account_id, as_of and `COLUMNS`; without estimates, and of a lacking column, nulls."""
    none = pd.DataFrame({"account_id": pd.Series([], dtype=str)})
    frame = none if estimates is None else estimates.accounts
    frame = frame.reindex(columns=["account_id", *COLUMNS]).astype(
        {"account_id": object} | dict.fromkeys(COLUMNS, float)
    )
    day = np.datetime64("1970-01-01" if estimates is None else estimates.as_of, "us")
    rows = ", ".join(f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {name}" for name in COLUMNS)
    connection.con.register("figures_given", frame.assign(as_of=pd.Series(day, frame.index, "datetime64[us]")))
    connection.con.execute(
        "CREATE OR REPLACE TEMP TABLE figures_estimates AS "
        f"SELECT account_id::VARCHAR AS account_id, as_of::DATE AS as_of, {rows} FROM figures_given"
    )
    connection.con.unregister("figures_given")
    return connection.table("figures_estimates")
