"""How an account's loop was closed: within 48 hours, late, or not within 90 days.

In: a book and a comparison by a `Closing`. Out: a frame of starts: account_id, as_of, treated, and what was known of
the loop when it was opened.

An account starts on the day of its first loop of the period, and again on that of each later one, if 14 days or more
have passed since its last start: as far apart as the trials of `training.comparing.happenings`, since loops of a few
days are often of one survey. So an account may be treated at one start and not at another. Its later loops come as they
come, in both groups: what is compared is how this one was closed. The interval knows which rows are of one account.

Signals are those of the morning of that day. The answer that opened the loop is newer than that; its score, and the
level that the loop was given to, stand beside them: a bad score is answered sooner, and leaves sooner.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.as_of import KEYS, AsOf, still_customers
from features.formulas.closing import MARK_HOURS, NEVER_DAYS, TOLERANCE_HOURS
from features.tables import Tables
from training.comparing.asked import Asked
from training.comparing.treatments import TRIAL_DAYS, Closing, Comparison
from training.slices.labels import spine_of

LEVELS = ("frontline", "management", "executive")


def opened(tables: Tables, asked: Asked, comparison: Comparison, first: date) -> pd.DataFrame:
    """Return the starts: account_id (str), as_of (datetime64[us]), treated (bool), and columns `loop_...` (float)."""
    by = comparison.by
    assert isinstance(by, Closing)
    loops = _loops(tables, asked, comparison, first)
    hours = (loops["closed_at"].to_numpy() - loops["opened_at"].to_numpy()) / np.timedelta64(1, "h")
    fast = hours <= MARK_HOURS + TOLERANCE_HOURS
    late = ~fast & (hours <= NEVER_DAYS * 24)
    classes = np.select([fast, late], ["fast", "late"], "never")
    starts = loops.assign(treated=np.isin(classes, by.treated), later=False, loop_score=loops["score"].astype(float))
    for level in LEVELS:
        starts[f"loop_{level}"] = (loops["level"] == level).astype(float)
    kept = starts[np.isin(classes, (*by.treated, *by.others))]
    return kept[[*KEYS, "treated", "later", "loop_score", *(f"loop_{level}" for level in LEVELS)]].reset_index(
        drop=True
    )


def _loops(tables: Tables, asked: Asked, comparison: Comparison, first: date) -> pd.DataFrame:
    last = asked.last_start(comparison)
    loops, surveys = tables["loops"], tables["surveys"]
    begin = max(first, (pd.Timestamp(last) - pd.DateOffset(months=asked.months)).date())
    day = loops.opened_at.date()
    within = loops.mutate(as_of=day).filter((day >= ibis.date(begin.isoformat())) & (day <= ibis.date(str(last))))
    answers = surveys.filter(surveys.score.notnull()).select("survey_id", "score", "answered_at")
    joined = within.left_join(answers, "survey_id")
    known = (joined.answered_at <= joined.opened_at).fill_null(False)
    rows = joined.select(
        *KEYS, "opened_at", "closed_at", "loop_id", "level", score=ibis.ifelse(known, joined.score, ibis.null("int64"))
    ).execute()
    rows = rows.astype({name: "datetime64[us]" for name in ("as_of", "opened_at", "closed_at")})
    rows = rows.sort_values(["opened_at", "loop_id"]).drop_duplicates(KEYS).sort_values(KEYS, ignore_index=True)
    rows = rows.merge(_customers(tables, rows, asked.rule.by_silence), on=KEYS)
    return rows[_apart(rows, TRIAL_DAYS)]


def _apart(rows: pd.DataFrame, days: int) -> np.ndarray:
    """Mark, of rows sorted by key, each account's first, and each that is so many days or more after the last marked.

    Returns
    -------
    bool array of shape (rows,)
    """
    marked, last, since = np.zeros(len(rows), bool), None, 0
    on = rows["as_of"].to_numpy("datetime64[D]").astype(int)
    for number, (account, day) in enumerate(zip(rows["account_id"], on, strict=True)):
        if account != last or day - since >= days:
            marked[number], last, since = True, account, day
    return marked


def _customers(tables: Tables, rows: pd.DataFrame, by_silence: bool) -> pd.DataFrame:
    spine: ir.Table = still_customers(AsOf(tables, spine_of(tables, rows[KEYS])), by_silence)
    return spine.select(*KEYS).execute().astype({"as_of": "datetime64[us]"})
