"""The days with invoices as each row of a part saw them, stored once for all relations that are made of them.

What looks back from a day, as the gap since the billing day before it, is the same at every as-of date. So it is worked
out once for the dates of an account instead of once for each. A pair of invoice and credit note that is not known yet
changes the days of its account at a few dates; those have a history of their own. `features.billing` and
`features.signals.rhythm` say what the columns mean, and make the same of the invoices where nothing is stored.

In: the rows of a part and the invoices of its accounts with `reversed_on`. Out: SQL that stores the days.
"""

from __future__ import annotations

from features.as_of import INVOICE_DAYS
from features.billing import GAPS, WINDOWS

HISTORIES, DAYS = "part_histories", "part_days"


def storing(rows: str, row: str, invoices: str, seen: str) -> tuple[str, ...]:
    """Return the statements that store the days, in their order.

    Parameters
    ----------
    rows : str
        The table of the part's rows, with account_id and as_of.
    row : str
        The column that tells them apart.
    invoices : str
        The table of the invoices, with `reversed_on`.
    seen : str
        The table that is made: `row` and the columns of `features.as_of.INVOICE_DAYS`.
    """
    stands = "(reversed_on IS NULL OR reversed_on >= as_of)"
    histories = f"""
        WITH pending AS (
            SELECT DISTINCT {row} AS own FROM {rows} JOIN {invoices} USING (account_id)
            WHERE invoiced_on < as_of AND reversed_on >= as_of
        )
        SELECT {row}, account_id, as_of, own IS NOT NULL AS is_own,
            CASE WHEN own IS NULL THEN min({row}) OVER (PARTITION BY account_id) ELSE -1 - own END AS history
        FROM {rows} LEFT JOIN pending ON own = {row}"""
    days = f"""
        WITH kept AS (
            SELECT history, invoiced_on, amount
            FROM (SELECT DISTINCT history, account_id FROM {HISTORIES} WHERE NOT is_own)
            JOIN {invoices} USING (account_id) WHERE reversed_on IS NULL
            UNION ALL
            SELECT history, invoiced_on, amount FROM {HISTORIES} JOIN {invoices} USING (account_id)
            WHERE is_own AND invoiced_on < as_of AND {stands}
        ),
        daily AS (
            SELECT history, invoiced_on AS day, sum(amount) FILTER (amount > 0) AS amount, sum(amount) AS net,
                CASE WHEN count(*) FILTER (amount > 0) > 0 THEN invoiced_on END AS billed_on
            FROM kept GROUP BY history, invoiced_on
        )
        SELECT history, day, amount, net, count(billed_on) OVER upto AS number,
            coalesce(max(billed_on) OVER upto, day) AS anchor,
            billed_on - lag(billed_on) OVER (PARTITION BY history, billed_on IS NULL ORDER BY day) AS gap
        FROM daily WINDOW upto AS (PARTITION BY history ORDER BY day ROWS UNBOUNDED PRECEDING)"""
    as_seen = f"""
        WITH seen AS (
            SELECT {row}, as_of - day AS age, as_of - anchor AS anchor, amount, net, gap, number
            FROM {HISTORIES} JOIN {DAYS} USING (history) WHERE day < as_of
        ),
        whole AS (
            SELECT {row}, max(number) AS numbers, count(amount) FILTER (age <= {WINDOWS[-1]}) AS recent_days
            FROM seen GROUP BY {row}
        )
        SELECT {row}, {", ".join(f"({_MADE.get(name, name)})::{kind} AS {name}" for name, kind in INVOICE_DAYS.items())}
        FROM seen JOIN whole USING ({row})"""
    made = ((HISTORIES, histories), (DAYS, days), (seen, as_seen))
    return tuple(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}" for name, query in made)


_MADE = {"age_days": "age", "recent": f"number > numbers - {GAPS}"}
