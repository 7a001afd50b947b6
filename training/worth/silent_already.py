"""Judged rows that had been silent for the rule's days already, and how well the others are ranked.

By a rule of silence a customer is who was invoiced twice in a year (see `features.as_of`), so that accounts which have
been silent for longer than the rule's days are judged too. Nearly all of them stay silent, and the days since the last
invoice tell them from the others. They raise the ROC AUC of every ranking that knows those days, and nobody can be kept
there. So the others get figures of their own. Grade and gate take all rows, as the contract has it.

In: labelled rows, their rule, and the churn probabilities of the model and of recency alone. Out: a `SilentAlready`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, difference, intervals, whole
from training.worth.evaluation import auc_figure, captured_figure

#: Days since the last invoice, and these in usual gaps of the account's own.
DAYS, OVERDUE = "invoice_recency_days", "invoice_overdue_ratio"
MEASURES: Mapping[str, str] = {"roc_auc": "ROC AUC", "captured_10": "lost revenue captured, top 10 %,"}


def silent_already(data: Dataset, rule: ChurnRule) -> np.ndarray:
    """Mark the rows whose last invoice is older than the rule's days, bool of shape (n,); none without such a rule.

    An account whose last invoice is just as old as the rule's days has been silent for one day less.
    """
    if rule.silence_days is None:
        return np.zeros(len(data), dtype=bool)
    return data.matrix.signals[DAYS].to_numpy(float) > rule.silence_days


def overdue(data: Dataset) -> np.ndarray:
    """Mark the rows whose last invoice is older than the account's usual gap, bool of shape (n,)."""
    return data.matrix.signals[OVERDUE].to_numpy(float) > 1


@dataclass(frozen=True)
class SilentAlready:
    """How many judged rows had been silent already, and how the others are ranked.

    Attributes
    ----------
    silence_days : int
        Days of the rule.
    rows, churned : int
        Rows that had been silent for longer than these days at their as-of date, and those of them that churned.
    others, others_churned : int
        The other rows.
    figures : mapping of name to Interval
        Of the others, the model's `roc_auc` and `captured_10` (see `training.worth.evaluation.Metrics`), and where
        recency alone was judged `MEASURE of recency` and the paired difference `MEASURE - recency`; NaN where they
        cannot be told.
    overdue : int
        Of the others, those that were overdue by their own rhythm: their silence had begun.
    in_rhythm_roc_auc : float or None
        The model's ROC AUC among the rest of the others, 0-1; None where it cannot be told.
    """

    silence_days: int
    rows: int
    churned: int
    others: int
    others_churned: int
    figures: Mapping[str, Interval]
    overdue: int = 0
    in_rhythm_roc_auc: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the sentence."""
        figures = {name: interval.as_dict() for name, interval in self.figures.items()}
        return vars(self) | {"figures": figures, "sentence": self.sentence()}

    def share(self) -> str:
        """Return in words how many of the judged rows, and of those that churned, had been silent already."""
        rows, churned = self.rows + self.others, self.churned + self.others_churned
        return (
            f"{self.rows:,} of the {rows:,} rows judged, {self.churned:,} of the {churned:,} that churned, had been "
            f"silent for more than {self.silence_days:,} days already"
        )

    def sentence(self) -> str:
        """Return the share, and the figures of the other rows."""
        if not self.rows:
            return f"no row judged had been silent for more than {self.silence_days:,} days already"
        among = f"among the other {self.others:,} rows, {self.others_churned:,} of which churned"
        told = [self._told(measure, label) for measure, label in MEASURES.items()]
        known = [text for text in told if text]
        return f"{self.share()}; {among}, " + ("; ".join(known) if known else "nothing can be told of the ranking")

    def _told(self, measure: str, label: str) -> str:
        ours, lead = self.figures.get(measure), self.figures.get(f"{measure} - recency")
        if ours is None or np.isnan(ours.value):
            return ""
        text = f"the {label} is {_limits(ours, '.3f')}"
        if lead is None:
            return text
        return f"{text}, of recency alone {self.figures[f'{measure} of recency'].value:.3f}: {_limits(lead, '+.3f')}"


def apart(
    data: Dataset, rule: ChurnRule, model: np.ndarray, recency: np.ndarray | None, bootstraps: int, seed: int
) -> SilentAlready | None:
    """Count the rows silent already, and judge the others; None where churn is not told by silence.

    Parameters
    ----------
    data : Dataset
        n rows from which the model did not learn.
    model, recency : array of shape (n,)
        Churn probability, 0-1, of the model and of recency alone; None where the latter was not judged.
    bootstraps, seed : int
        Number of resamples and seed of the intervals.
    """
    if rule.silence_days is None:
        return None
    silent = silent_already(data, rule)
    rest = data.take(~silent)
    figures = _figures(rest, "", model[~silent])
    if recency is not None:
        theirs = _figures(rest, " of recency", recency[~silent])
        leads = {f"{name} - recency": difference(figures[name], theirs[f"{name} of recency"]) for name in MEASURES}
        figures |= theirs | leads
    return SilentAlready(
        silence_days=rule.silence_days,
        rows=int(silent.sum()),
        churned=int(data.churned[silent].sum()),
        others=len(rest),
        others_churned=int(rest.churned.sum()),
        figures=intervals(rest.accounts, figures, bootstraps, seed) if len(rest) else {},
        overdue=int(overdue(rest).sum()),
        in_rhythm_roc_auc=_roc_auc(rest.take(~overdue(rest)), model[~silent][~overdue(rest)]),
    )


def _roc_auc(data: Dataset, probability: np.ndarray) -> float | None:
    value = whole(auc_figure(data, probability), len(data))
    return None if np.isnan(value) else value


def _figures(data: Dataset, whose: str, probability: np.ndarray) -> dict[str, Figure]:
    return {
        f"roc_auc{whose}": auc_figure(data, probability),
        f"captured_10{whose}": captured_figure(data, probability * data.revenue),
    }


def _limits(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
