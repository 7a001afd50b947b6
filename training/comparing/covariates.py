"""What the groups are made alike in: declared signals, known before the start; and all signals, for the expectation.

In: a matrix of starts and what else is known of each. Out: `Covariates`, standardised columns with their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.matrix import Matrix
from features.signal import all_signals
from training.comparing.treatments import Lang
from training.experts.standard_columns import Columns

#: At least one signal of each subject; few enough that a hundred treated accounts can be matched.
BALANCED_ON = (
    "account_segment", "account_industry", "account_country", "tenure_days",
    "revenue_365d", "revenue_trend_180d", "invoice_overdue_ratio", "contract_value", "contract_days_to_end",
    "contacts_active", "contacts_decision_makers",
    "nps_last", "nps_mean_365d", "response_rate_180d", "invitations_unanswered_in_a_row",
    "tickets_opened_365d", "tickets_severe_365d", "tickets_open",
    "loops_opened_365d", "loops_never_closed",
    "actions_180d", "referrals_made_365d", "memberships_active",
)  # fmt: skip
EXTRA = {
    "start": {"en": "Date of the start", "de": "Datum des Beginns"},
    "start_squared": {"en": "Date of the start, squared", "de": "Datum des Beginns, quadriert"},
    "loop_score": {"en": "Score of the answer that opened the loop", "de": "Note der Antwort zum Feedback"},
    "loop_score_null": {"en": "No answer opened the loop", "de": "Feedback ohne Antwort"},
    "loop_frontline": {"en": "Level: frontline", "de": "Ebene: operativ"},
    "loop_management": {"en": "Level: management", "de": "Ebene: Leitung"},
    "loop_executive": {"en": "Level: executive", "de": "Ebene: Geschäftsführung"},
    "outlook": {"en": "Churn to be expected, all signals", "de": "Erwartete Abwanderung, alle Signale"},
}


@dataclass(frozen=True)
class Covariates:
    """Columns of the starts.

    Attributes
    ----------
    names : list of str
        The signal, or the key of `EXTRA`, of each balanced column.
    balanced : array of shape (rows, len(names))
        Each of mean 0 and standard deviation 1.
    every : array of shape (rows, columns)
        All signals and the extras.
    """

    names: list[str]
    balanced: np.ndarray
    every: np.ndarray

    def with_outlook(self, probability: np.ndarray) -> Covariates:
        """Return the same with the log odds of an expected churn, of shape (rows,), among the balanced columns."""
        clipped = np.clip(probability, 1e-4, 1 - 1e-4)
        column = _standard(np.log(clipped / (1 - clipped)))
        return Covariates([*self.names, "outlook"], np.column_stack([self.balanced, column]), self.every)


def covariates(matrix: Matrix, starts: pd.DataFrame) -> Covariates:
    """Return the columns of the rows of a matrix; `starts` has the same rows, with any columns `loop_...`."""
    plan, signals = Columns.learnt(matrix)
    extras = _extras(starts)
    own = [number for number, name in enumerate(plan.owners) if name in BALANCED_ON]
    wide = np.column_stack([signals[:, own], *extras.values()])
    names = [*(plan.owners[number] for number in own), *extras]
    standard = np.column_stack([_standard(column) for column in wide.T])
    varies = np.flatnonzero(standard.any(axis=0))
    return Covariates(
        [names[number] for number in varies], standard[:, varies], np.column_stack([signals, standard[:, len(own) :]])
    )


def label(name: str, lang: Lang) -> str:
    """Return the label of a balanced column's owner."""
    if name in EXTRA:
        return EXTRA[name][lang]
    signal = next(item for item in all_signals() if item.name == name)
    return signal.de if lang == "de" else signal.en


def _extras(starts: pd.DataFrame) -> dict[str, np.ndarray]:
    days = _standard((starts["as_of"] - starts["as_of"].min()).dt.days.to_numpy(float))
    extras = {"start": days, "start_squared": days**2}
    for name in starts.columns:
        if str(name).startswith("loop_"):
            values = starts[name].to_numpy(float)
            if np.isnan(values).any():
                extras[f"{name}_null"] = np.isnan(values).astype(float)
            known = values[~np.isnan(values)]
            extras[str(name)] = np.nan_to_num(values, nan=float(known.mean()) if len(known) else 0.0)
    return extras


def _standard(column: np.ndarray) -> np.ndarray:
    spread = column.std()
    return (column - column.mean()) / spread if spread > 0 else np.zeros_like(column)
