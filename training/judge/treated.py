"""Accounts for which something was done to keep them, judged apart from the others, since a saved account looks safe.

An action in the label's window may keep an account that the model rightly saw leaving: its label says that it stayed,
and the prediction looks too high. So metrics are shown for both parts. What was done before as_of is no treatment here:
it is known at as_of, and what became of the account afterwards is what the model has to say.

Who is treated is known only in hindsight: it is for judging, never a signal. Nor do the parts measure what actions
achieve: accounts at risk are chosen for them, and one that leaves early has had less time to be acted on, so that the
treated churn less for that alone (immortal time).

References
----------
Suissa, "Immortal time bias in pharmacoepidemiology", 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from features.tables import Tables
from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, intervals
from training.worth.evaluation import auc_figure, captured_figure

#: Fewer accounts than this tell nothing; for a ranking, fewer of either outcome.
LEAST_ACCOUNTS = 10


@dataclass(frozen=True)
class Part:
    """How the model did on the treated or on the untreated rows; None where there are too few to tell.

    Attributes
    ----------
    rows, churned : int
    churn_rate, mean_probability : float or None
        0-1.
    calibration_gap : Interval or None
        Mean probability less churn rate, -1 to 1: above 0 the model expected more to leave than did.
    roc_auc, captured_10 : Interval or None
        As in `training.worth.evaluation.Metrics`, within the part, 0-1.
    """

    rows: int
    churned: int
    churn_rate: float | None
    mean_probability: float | None
    calibration_gap: Interval | None
    roc_auc: Interval | None
    captured_10: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, an interval as value, low and high."""
        figures = vars(self).items()
        return {name: value.as_dict() if isinstance(value, Interval) else value for name, value in figures}


@dataclass(frozen=True)
class Apart:
    """The treated and the untreated rows."""

    treated: Part
    untreated: Part

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"treated": self.treated.as_dict(), "untreated": self.untreated.as_dict()}


def judge_apart(
    tables: Tables, data: Dataset, rule: ChurnRule, probability: np.ndarray, bootstraps: int, seed: int
) -> Apart | None:
    """Judge churn probabilities on treated and untreated rows apart.

    Parameters
    ----------
    data : Dataset
        n rows that the model had not learnt from.
    rule : ChurnRule
        The rule of their labels.
    probability : array of shape (n,)
        Churn probability, 0-1.
    bootstraps, seed : int
        For the intervals; accounts are resampled within each part.

    Returns
    -------
    Apart or None
        None where it isn't known who was treated.
    """
    rows = treated(tables, data, rule)
    if rows is None:
        return None
    parts = [_judge(data.take(part), probability[part], bootstraps, seed) for part in (rows, ~rows)]
    return Apart(*parts)


def treated(tables: Tables, data: Dataset, rule: ChurnRule) -> np.ndarray | None:
    """Mark the rows whose account was acted on in [as_of, as_of + lead + horizon), before it churned.

    Returns
    -------
    bool array of shape (n,), or None
        None where actions are not recorded: without the table, or when its first record lies beyond all windows.
    """
    if "actions" in tables.missing:
        return None
    actions = tables["actions"].select("account_id", "done_at").execute().astype({"done_at": "datetime64[us]"})
    keys = data.matrix.keys.astype({"as_of": "datetime64[us]"})
    reach = timedelta(days=rule.reach_days)
    if actions.empty or actions["done_at"].min() >= keys["as_of"].max() + reach:
        return None
    rows = keys.assign(row=range(len(keys))).sort_values("as_of")
    following = pd.merge_asof(
        rows, actions.sort_values("done_at"), left_on="as_of", right_on="done_at", by="account_id", direction="forward"
    )
    churns = tables["churns"].select("account_id", "churned_on").execute().astype({"churned_on": "datetime64[us]"})
    following = following.merge(churns, on="account_id", how="left").sort_values("row")
    acted_at, churned_on = following["done_at"], following["churned_on"]
    return ((acted_at < following["as_of"] + reach) & ~(acted_at >= churned_on)).to_numpy()


def _judge(part: Dataset, probability: np.ndarray, bootstraps: int, seed: int) -> Part:
    accounts = [len(np.unique(part.accounts[part.churned == outcome])) for outcome in (True, False)]
    enough = len(np.unique(part.accounts)) >= LEAST_ACCOUNTS
    figures: dict[str, Figure] = {}
    if enough:
        gap = probability - part.churned
        figures["calibration_gap"] = lambda weight: float(weight @ gap / weight.sum())
    if min(accounts) >= LEAST_ACCOUNTS:
        figures["roc_auc"] = auc_figure(part, probability)
        figures["captured_10"] = captured_figure(part, probability * part.revenue)
    measured = intervals(part.accounts, figures, bootstraps, seed) if figures else {}
    known = {name: interval for name, interval in measured.items() if not np.isnan(interval.value)}
    return Part(
        rows=len(part),
        churned=int(part.churned.sum()),
        churn_rate=float(part.churned.mean()) if enough else None,
        mean_probability=float(probability.mean()) if enough else None,
        calibration_gap=known.get("calibration_gap"),
        roc_auc=known.get("roc_auc"),
        captured_10=known.get("captured_10"),
    )
