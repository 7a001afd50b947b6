"""Who has left already by a model's rule of silence: a score with its evidence goes in, the silence comes out.

By that rule a customer is who was invoiced twice in a year, so that one who has been silent for longer than the rule's
days is scored still, and stays silent with a high probability. Nobody can be kept there. A running contract says that
the customer has not left: it may be invoiced once a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.matrix import Matrix
from serving.scoring.scores import Score
from training.bundle.bundle import Bundle
from training.settings import ChurnRule

RECENCY, TERMS, TO_END = "invoice_recency_days", "contract_terms", "contract_days_to_end"
#: Where the evidence of an account holds it; only of accounts that have left.
KEY = "lapsed"


def lapsed_rows(matrix: Matrix, rule: ChurnRule) -> np.ndarray:
    """Mark the accounts of a matrix that have left by a rule, bool of shape (n,): as `lapsed`, without the evidence.

    A term whose end is not known runs; the days to the end are null then, though terms were signed.
    """
    if rule.silence_days is None:
        return np.zeros(len(matrix), dtype=bool)
    recency, terms, to_end = (matrix.signals[name].to_numpy(float) for name in (RECENCY, TERMS, TO_END))
    running = (to_end >= 0) | ((terms > 0) & np.isnan(to_end))
    return (recency > rule.silence_days) & ~running


def lapsed(score: Score, evidence: Mapping[str, Any], bundle: Bundle) -> dict[str, Any] | None:
    """Return how long an account has been silent that has left by the rule of its model; None of others.

    Returns
    -------
    dict or None
        `days` since the last invoice, the `silence_days` of the rule, and whether `contracts` are known: none runs.
    """
    silence_days = bundle.rule.silence_days
    recency = next((reason.value for reason in score.reasons if reason.signal == RECENCY), None)
    if silence_days is None or recency is None or recency <= silence_days:
        return None
    contracts = evidence.get("contracts")
    if any(row["running"] for row in (contracts or {"rows": ()})["rows"]):
        return None
    return {"days": round(recency), "silence_days": silence_days, "contracts": contracts is not None}
