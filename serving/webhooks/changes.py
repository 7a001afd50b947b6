"""What is an event: two scores of one account, one after the other, and what of the difference is worth a message.

An account became a threat; it changed band (or is new and at risk); its revenue at risk moved materially. An account
that is new and not at risk, and one that is no longer a customer, are no event.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from serving.scoring.scores import Band

EventType = Literal["account.became_threat", "account.band_changed", "account.revenue_at_risk_moved"]
#: The weightiest first: an endpoint gets one event an account and run.
TYPES: tuple[EventType, ...] = get_args(EventType)
#: Sent by `webhooks test` only.
PING = "webhook.ping"


@dataclass(frozen=True)
class Standing:
    """What a score says of an account, as far as events compare it; fields as in `serving.scoring.scores.Score`."""

    as_of: date
    model_version: str
    band: Band
    threat: bool
    churn_probability: float
    revenue_at_risk: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "as_of": self.as_of.isoformat(),
            "model_version": self.model_version,
            "band": self.band,
            "threat": self.threat,
            "churn_probability": self.churn_probability,
            "revenue_at_risk": self.revenue_at_risk,
        }


@dataclass(frozen=True)
class Materiality:
    """From where on a move of an account's revenue at risk is told; both must be reached.

    Attributes
    ----------
    share : float
        The move as a share of the revenue at risk before; 0 or more.
    amount : float
        The move in the book's currency; 0 or more.
    """

    share: float
    amount: float

    def reached(self, before: float, after: float) -> bool:
        """Whether a move is material.

        Examples
        --------
        >>> Materiality(share=0.25, amount=100.0).reached(1000.0, 1250.0)
        True
        >>> Materiality(share=0.25, amount=100.0).reached(1000.0, 1249.0)
        False
        >>> Materiality(share=0.25, amount=100.0).reached(0.0, 99.0)
        False
        """
        move = abs(after - before)
        return move > 0 and move >= self.amount and move >= self.share * before


def changes(before: Standing | None, after: Standing, material: Materiality) -> tuple[EventType, ...]:
    """Return the types of the events that one account's new score makes, the weightiest first.

    Parameters
    ----------
    before : Standing or None
        The account in the scores that were the latest so far; None when it was not among them.

    Notes
    -----
    A move of the revenue at risk is told only between two bands that are known: of an `unknown` account no figure is
    to be acted on.
    """
    if before is None:
        happened = {"account.became_threat": after.threat, "account.band_changed": after.band == "at_risk"}
    else:
        happened = {
            "account.became_threat": after.threat and not before.threat,
            "account.band_changed": after.band != before.band,
            "account.revenue_at_risk_moved": "unknown" not in (before.band, after.band)
            and material.reached(before.revenue_at_risk, after.revenue_at_risk),
        }
    return tuple(name for name in TYPES if happened.get(name))


def weightiest(changed: Collection[EventType], subscribed: Collection[str]) -> EventType | None:
    """Return the first of the changes that somebody wants; None where there is none."""
    return next((name for name in TYPES if name in changed and name in subscribed), None)
