"""Trials in a row: at dates a fortnight apart, customers to whom something happens until the next, and the others.

In: a book and a comparison by a `Happening`. Out: a frame of starts: account_id, as_of, treated.

Each date is a trial of its own, as it would have been planned then: who may take part is known at the date, who is
treated by what happens in the 14 days after it, and the outcome begins when these have passed, for both groups. So
nobody is counted as treated for having stayed long enough (immortal time). Who is not treated now may be so later, and
then takes part in a later trial: what is compared is doing it now with not doing it now. An account may take part in
several trials; the interval knows which rows are of one account.

References
----------
Danaei et al., "Observational data for comparative effectiveness research: an emulation of randomised trials", 2013.
Hernan & Robins, "Using big data to emulate a target trial", 2016.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.as_of import KEYS, stored_customers
from features.tables import Tables
from training.comparing.asked import Asked
from training.comparing.treatments import TRIAL_DAYS, Comparison, Happening

#: Days of invoices before the first trial, so that the signals tell of something.
HISTORY_DAYS = 180
MONTH_DAYS = 365 / 12


def trial_dates(asked: Asked, comparison: Comparison, first: date) -> list[date]:
    """Return the dates of the trials, rising: the last as late as its outcome is known, none before `first`."""
    last = asked.last_start(comparison)
    count = max(1, round(asked.months * MONTH_DAYS / TRIAL_DAYS))
    dates = [last - timedelta(days=TRIAL_DAYS * number) for number in range(count)]
    return sorted(day for day in dates if day >= first)


def happened(tables: Tables, asked: Asked, comparison: Comparison, dates: list[date]) -> pd.DataFrame:
    """Return the starts of a comparison: account_id (str), as_of (datetime64[us]), treated (bool), later (bool).

    `later` marks those who are not treated in the trial, but before the end of the outcome's window.
    """
    by = comparison.by
    assert isinstance(by, Happening)
    spine = stored_customers(tables, dates, asked.rule.by_silence).execute().astype({"as_of": "datetime64[us]"})
    events = _events(tables, comparison.table, by)
    known_end = pd.Timestamp(asked.end)
    events = events[events["at"] < known_end]
    chosen = asked.only.get(comparison.name)
    of_interest = events if chosen is None else events[events["what"] == chosen]
    rows = spine.sort_values("as_of", kind="stable")
    # At the very first instant of the day counts as after it, as everywhere: known is what lies before as_of.
    before = pd.merge_asof(
        rows, events, left_on="as_of", right_on="at", by="account_id", allow_exact_matches=False
    )["at"].to_numpy()  # fmt: skip
    after = pd.merge_asof(rows, of_interest, left_on="as_of", right_on="at", by="account_id", direction="forward")
    any_after = pd.merge_asof(rows, events, left_on="as_of", right_on="at", by="account_id", direction="forward")
    since = (rows["as_of"].to_numpy() - before) / np.timedelta64(1, "D")
    quiet = np.isnan(since) if by.quiet_days is None else np.isnan(since) | (since > by.quiet_days)
    reach = np.timedelta64(TRIAL_DAYS, "D")
    treated = (after["at"].to_numpy() - rows["as_of"].to_numpy()) < reach
    window = np.timedelta64(asked.rule_of(comparison).reach_days, "D")
    later = ~treated & ((after["at"].to_numpy() - rows["as_of"].to_numpy()) < window)
    other = ((any_after["at"].to_numpy() - rows["as_of"].to_numpy()) < reach) & ~treated
    kept = quiet & ~other
    return rows.assign(treated=treated, later=later)[kept].sort_values(KEYS, ignore_index=True)


def _events(tables: Tables, table: str, by: Happening) -> pd.DataFrame:
    rows = tables[table]
    what = rows[by.what] if by.what is not None else rows.account_id
    frame = rows.select("account_id", at=rows[by.time].cast("timestamp"), what=what).execute()
    frame = frame.astype({"at": "datetime64[us]"}).assign(account_id=frame["account_id"].astype(str))
    return frame.sort_values("at", ignore_index=True)
