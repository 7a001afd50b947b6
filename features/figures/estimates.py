"""What a scoring run estimates of each customer, as a table beside the book: figures of what is to come stand on it.

In: a frame that a scoring run hands over. Out: an Ibis table with all of `COLUMNS`. A figure names the columns that it
needs; where they are not there, or it is asked for another date, it is not known and says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

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
    columns : tuple of str
        Which of `COLUMNS` the run estimates at all.
    accounts : iterable of DataFrame
        account_id and the columns, some accounts at a time; NaN where too little is known of an account for an
        estimate.
    """

    as_of: date
    lead_days: int
    columns: tuple[str, ...]
    accounts: Iterable[pd.DataFrame]

    def has(self, columns: tuple[str, ...]) -> bool:
        """Return whether the run estimates these at all."""
        return set(columns) <= set(self.columns)


def store_estimates(connection: Backend, name: str, estimates: Estimates | None) -> None:
    """Store the estimates as account_id, as_of and `COLUMNS`; without estimates, and of a lacking column, nulls."""
    columns = ", ".join(["account_id VARCHAR", "as_of DATE", *(f"{column} DOUBLE" for column in COLUMNS)])
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    if estimates is None:
        return
    rows = ", ".join(f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END" for column in COLUMNS)
    for frame in estimates.accounts:
        given = frame.reindex(columns=["account_id", *COLUMNS])
        given = given.astype({"account_id": object} | dict.fromkeys(COLUMNS, float))
        connection.con.register(f"{name}_given", given)
        query = f"SELECT account_id::VARCHAR, DATE '{estimates.as_of}', {rows} FROM {name}_given"
        connection.con.execute(f"INSERT INTO {name} {query}")
        connection.con.unregister(f"{name}_given")
