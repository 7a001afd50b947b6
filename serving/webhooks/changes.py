"""Which changes are events: the comparison of two successive scores of one account.

The events are: an account became a threat; it changed band (or is new and at risk); its revenue at risk moved
materially. An account that is new and not at risk makes no event, nor does one that is no longer a customer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from serving.scoring.scores import Band

EventType = Literal["account.became_threat", "account.band_changed", "account.revenue_at_risk_moved"]
#: The weightiest first: an endpoint gets at most one event per account and run.
TYPES: tuple[EventType, ...] = get_args(EventType)
#: In the place of thousands that another model makes at once; who gets any type gets it.
SUMMED = "accounts.changed"
#: Records of an account that must not wait (`serving.webhooks.alerts`); an endpoint subscribes to it by name.
ALERT = "account.alert"
#: What an endpoint can subscribe to.
SUBSCRIBED: tuple[str, ...] = (*TYPES, ALERT)
#: Only `webhooks test` sends it.
PING = "webhook.ping"


@dataclass(frozen=True)
class Standing:
    """The fields of an account's score that events compare; they are as in `serving.scoring.scores.Score`."""

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
    """The thresholds for a move of an account's revenue at risk; a material move reaches both.

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
    A move of the revenue at risk is an event only between two known bands: nobody should act on the figures of an
    `unknown` account.
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
    """Return the weightiest change among the subscribed types, or None."""
    return next((name for name in TYPES if name in changed and name in subscribed), None)
