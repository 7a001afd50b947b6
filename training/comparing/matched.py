"""Compare accounts that something was done for with comparable others: who stayed, and what they were billed.

In: a book and what is asked. Out: a `Compared` a comparison: a difference among the treated with its interval, how
alike the groups are, or why they cannot be compared. It is never a cause: what is not recorded cannot be matched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.as_of import KEYS
from features.batch.computing import compute
from features.matrix import first_records
from features.tables import Tables
from training.comparing.asked import Asked
from training.comparing.balance import Balanced, balanced
from training.comparing.covariates import Covariates, covariates
from training.comparing.difference import Difference, Group, difference
from training.comparing.expected import expected_churn, expected_revenue
from training.comparing.starts import Labelled, first_start, starts_of
from training.comparing.treatments import Comparison
from training.slices.labels import spine_of

#: Fewest accounts of each group, and fewest that churned and that stayed in both together.
LEAST_ACCOUNTS, LEAST_OUTCOMES = 30, 5
#: Largest share of treated without a comparable account, largest difference left, fewest effective others.
MOST_ALONE, MOST_LEFT, LEAST_EFFECTIVE = 0.2, 0.1, 30.0
#: Largest weighted share of the others that are treated themselves before the outcome's window ends.
MOST_LATER = 1 / 3
YEAR = 365
#: The columns of `Compared.behind`.
BEHIND = (*KEYS, "treated", "churned", "revenue", "comparable", "weight")


@dataclass(frozen=True)
class Why:
    """Why groups are not compared: a code of `training.comparing.told.REASONS` and what its sentence names."""

    code: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Imbalance:
    """How far a covariate differs between the groups, in standard deviations, before and after weighting."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Compared:
    """What came of one comparison.

    Attributes
    ----------
    first, last : date or None
        First and last day on which an account starts; None where no day is possible.
    treated, others : int
        Accounts of either group.
    treated_rows, others_rows : int
        What they make over all trials.
    alone : int
        Rows of the treated without a comparable one: left out of the difference.
    effective : float or None
        How many rows the weighted others are worth.
    later : float or None
        Weighted share of the others that are treated themselves before the outcome's window ends, 0-1.
    churn, revenue : Difference or None
        Churn in the window, 0-1; and revenue billed in it, a row of the treated, less the pace of the year before.
    unmatched : float or None
        Difference of the churn rates as they are, without any matching.
    balance : tuple of Imbalance
        Every covariate, largest difference before weighting first.
    why : Why or None
        Why the groups are not compared; the differences are then None.
    behind : DataFrame
        The rows that are compared: account_id, as_of, treated, churned, revenue billed in the window, comparable (not
        left alone), and weight, which sums to 1 in either group.
    """

    comparison: Comparison
    first: date | None
    last: date | None
    treated: int = 0
    others: int = 0
    treated_rows: int = 0
    others_rows: int = 0
    alone: int = 0
    effective: float | None = None
    later: float | None = None
    churn: Difference | None = None
    revenue: Difference | None = None
    unmatched: float | None = None
    balance: tuple[Imbalance, ...] = ()
    why: Why | None = None
    behind: pd.DataFrame | None = None


def compare(tables: Tables, asked: Asked, comparison: Comparison) -> Compared:
    """Make one comparison.

    Parameters
    ----------
    tables : Tables
        The book.
    asked : Asked
    comparison : Comparison
    """
    if comparison.table in tables.missing:
        return Compared(comparison, None, None, why=Why("missing", {"table": comparison.table}))
    recorded, last = first_records(tables), asked.last_start(comparison)
    if comparison.table not in recorded or "invoices" not in recorded:
        return Compared(comparison, None, None, why=Why("empty", {"table": comparison.table}))
    first = first_start(comparison, recorded)
    if last < first:
        reach = asked.rule_of(comparison).reach_days
        facts = {"table": comparison.table, "first": first, "reach": reach, "end": asked.end}
        return Compared(comparison, None, None, why=Why("not_over", facts))
    starts = starts_of(tables, asked, comparison, first)
    if starts.empty:
        return Compared(comparison, first, last, why=Why("nobody", {"first": first, "last": last}))
    days = starts["as_of"].dt.date
    return _of_starts(tables, asked, Labelled.of(tables, asked, comparison, starts), (min(days), max(days)))


def _of_starts(tables: Tables, asked: Asked, rows: Labelled, span: tuple[date, date]) -> Compared:
    on = rows.treated
    found = Compared(
        rows.comparison, *span, treated=len(np.unique(rows.accounts[on])), others=len(np.unique(rows.accounts[~on])),
        treated_rows=int(on.sum()), others_rows=int((~on).sum()),
    )  # fmt: skip
    too_few = _too_few(rows, found)
    if too_few is not None:
        return replace(found, why=too_few)
    matrix = compute(tables, spine_of(tables, rows.starts[KEYS]), first_records(tables))
    columns = covariates(matrix, rows.starts)
    expected = expected_churn(columns.every, rows.churned, on, rows.accounts)
    columns = columns.with_outlook(expected)
    weighed = balanced(columns.balanced[on], columns.balanced[~on])
    later = float(weighed.weights @ rows.starts["later"].to_numpy(bool)[~on])
    found = replace(
        found,
        alone=int((~weighed.comparable).sum()),
        effective=weighed.effective,
        later=later,
        balance=_balance(columns, weighed),
        why=_not_alike(columns, weighed, later),
        behind=_behind(rows, weighed),
    )
    if found.why is not None:
        return found
    measured = _measure(rows, weighed)
    pace = matrix.facts["revenue_365d"].to_numpy(float) * asked.rule.horizon_days / YEAR
    moved = rows.revenue - pace
    return replace(
        found,
        unmatched=float(rows.churned[on].mean() - rows.churned[~on].mean()),
        churn=measured(rows.churned.astype(float), expected, True),
        revenue=measured(moved, expected_revenue(columns.balanced, moved, on, rows.accounts), False),
    )


def _behind(rows: Labelled, weighed: Balanced) -> pd.DataFrame:
    behind = rows.starts[[*KEYS, "treated", "churned", "revenue"]].assign(comparable=True, weight=0.0)
    behind.loc[rows.treated, "comparable"] = weighed.comparable
    behind.loc[rows.treated, "weight"] = weighed.comparable / max(1, weighed.comparable.sum())
    behind.loc[~rows.treated, "weight"] = weighed.weights
    return behind[list(BEHIND)]


def _too_few(rows: Labelled, found: Compared) -> Why | None:
    counts = {"treated": found.treated, "others": found.others}
    for group, accounts in counts.items():
        if accounts == 0:
            return Why(f"no_{group}", {})
    if min(counts.values()) < LEAST_ACCOUNTS:
        return Why("few", {**counts, "least": LEAST_ACCOUNTS})
    churned, stayed = (len(np.unique(rows.accounts[rows.churned == outcome])) for outcome in (True, False))
    if min(churned, stayed) < LEAST_OUTCOMES:
        return Why("few_outcomes", {"churned": churned, "stayed": stayed, "least": LEAST_OUTCOMES})
    return None


def _balance(columns: Covariates, weighed: Balanced) -> tuple[Imbalance, ...]:
    """Return one line a covariate: of its columns (a text has one a level) the largest difference."""
    largest: dict[str, Imbalance] = {}
    for name, before, after in zip(columns.names, np.abs(weighed.before), np.abs(weighed.after), strict=True):
        known = largest.get(name, Imbalance(name, 0.0, 0.0))
        largest[name] = Imbalance(name, max(known.before, float(before)), max(known.after, float(after)))
    return tuple(sorted(largest.values(), key=lambda item: -item.before))


def _not_alike(columns: Covariates, weighed: Balanced, later: float) -> Why | None:
    rows, alone = len(weighed.comparable), int((~weighed.comparable).sum())
    worst = [item.name for item in _balance(columns, weighed)[:3]]
    if alone > MOST_ALONE * rows:
        return Why("alone", {"alone": alone, "rows": rows, "covariates": worst})
    left = sorted((item for item in _balance(columns, weighed) if item.after > MOST_LEFT), key=lambda item: -item.after)
    if left:
        facts = {"covariates": [item.name for item in left[:3]], "largest": left[0].after, "most": MOST_LEFT}
        return Why("unbalanced", facts)
    if weighed.effective < LEAST_EFFECTIVE:
        return Why("few_effective", {"effective": weighed.effective, "least": int(LEAST_EFFECTIVE)})
    if later > MOST_LATER:
        return Why("crossed", {"share": 100 * later, "most": 100 * MOST_LATER})
    return None


def _measure(rows: Labelled, weighed: Balanced) -> Callable[[np.ndarray, np.ndarray, bool], Difference]:
    on = np.flatnonzero(rows.treated)[weighed.comparable]
    off = np.flatnonzero(~rows.treated)

    def measured(outcome: np.ndarray, expected: np.ndarray, is_rate: bool) -> Difference:
        groups = [
            Group(outcome[part], expected[part], weights, rows.accounts[part])
            for part, weights in ((on, np.full(len(on), 1 / len(on))), (off, weighed.weights))
        ]
        return difference(groups[0], groups[1], is_rate, fitted=len(weighed.before))

    return measured
