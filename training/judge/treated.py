"""Judge treated accounts, for which a retention action was done, apart from the others.

In: labelled rows, their churn probabilities and the actions table. Out: an `Apart`, metrics of both parts.

An action in the label's window may keep an account that the model rightly expected to leave. The label then says that
the account stayed, and the prediction looks too high. So both parts get their own metrics. An action before as_of is no
treatment here: it is known at as_of, and the model has to predict what follows.

The treatment is known only after the window. It serves to judge and is never a signal. The two parts do not measure the
effect of actions either. Accounts at risk are chosen for actions. And an account that leaves early has had less time
for an action, so the treated churn less for that reason alone (immortal time).

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

#: Fewest accounts that give a figure; a ranking needs so many of each outcome.
LEAST_ACCOUNTS = 10


@dataclass(frozen=True)
class Part:
    """Figures of the model on the treated or on the untreated rows; None when there are too few rows.

    Attributes
    ----------
    rows, churned : int
    churn_rate, mean_probability : float or None
        0-1.
    calibration_gap : Interval or None
        Mean probability minus churn rate, -1 to 1. Above 0 the model expected more churns than occurred.
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
    """Figures of the treated and of the untreated rows."""

    treated: Part
    untreated: Part

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"treated": self.treated.as_dict(), "untreated": self.untreated.as_dict()}


def judge_apart(
    tables: Tables, data: Dataset, rule: ChurnRule, probability: np.ndarray, bootstraps: int, seed: int
) -> Apart | None:
    """Judge churn probabilities separately on treated and untreated rows.

    Parameters
    ----------
    data : Dataset
        n rows from which the model did not learn.
    rule : ChurnRule
        The rule of their labels.
    probability : array of shape (n,)
        Churn probability, 0-1.
    bootstraps, seed : int
        Number of resamples and seed of the intervals. Accounts are resampled within each part.

    Returns
    -------
    Apart or None
        None when it is not known who was treated.
    """
    rows = treated(tables, data, rule)
    if rows is None:
        return None
    parts = [_judge(data.take(part), probability[part], bootstraps, seed) for part in (rows, ~rows)]
    return Apart(*parts)


def treated(tables: Tables, data: Dataset, rule: ChurnRule) -> np.ndarray | None:
    """Mark the rows whose account had an action in [as_of, as_of + lead + horizon), before it churned.

    Returns
    -------
    bool array of shape (n,), or None
        None when actions are not recorded: the table is absent, or its first record lies after all windows.
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
    following = pd.merge_asof(
        following, churns.sort_values("churned_on"), left_on="as_of", right_on="churned_on", by="account_id",
        direction="forward",
    ).sort_values("row")  # fmt: skip
    acted_at, churned_on = following["done_at"], following["churned_on"]
    return ((acted_at < following["as_of"] + reach) & ~(acted_at >= churned_on)).to_numpy()


def _judge(part: Dataset, probability: np.ndarray, bootstraps: int, seed: int) -> Part:
    accounts = [len(np.unique(part.accounts[part.churned == outcome])) for outcome in (True, False)]
    enough = len(np.unique(part.accounts)) >= LEAST_ACCOUNTS
    figures: dict[str, Figure] = {}
    if enough:
        gap = probability - part.churned
        figures["calibration_gap"] = lambda weight: weight @ gap / weight.sum(axis=-1)
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
