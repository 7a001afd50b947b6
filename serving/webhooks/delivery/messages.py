"""The body of a delivery: an event in the form of Standard Webhooks, or as one text in Slack's format.

    {"type", "timestamp", "data": {account_id, account_name, account_manager, as_of, model_version, currency, changes,
     before: null | {as_of, model_version, band, threat, churn_probability, revenue_at_risk}, after: as before,
     reason_1..3, crm_url?}}

An event has the same bytes at every attempt, as long as its score is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from serving.webhooks.changes import ALERT, PING, SUMMED
from serving.webhooks.delivery.slack import alert_text, ping_text, slack_text, summed_text
from serving.webhooks.endpoints import Endpoint
from serving.words.crm_link import crm_link
from serving.words.short_reasons import NAMES


@dataclass(frozen=True)
class Message:
    """One event as the outbox holds it.

    Attributes
    ----------
    type : str
        See `serving.webhooks.changes`.
    data : dict
        The event's data, without reasons.
    run_id : int or None
        The scoring run that made it; None for a test.
    reasons : tuple of str
        Sentences in the receiver's language, at most three; `serving.webhooks.delivery.sentences` adds them, the outbox
        does not hold them.
    grade : str
        What the grade of the model means, for people; a program asks for the model.
    """

    event_id: str
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]
    run_id: int | None = None
    reasons: tuple[str, ...] = ()
    grade: str = ""


def body_of(message: Message, endpoint: Endpoint) -> bytes:
    """Return the body of an event for an endpoint."""
    if endpoint.format == "slack":
        return msgspec.json.encode({"text": _text(message, endpoint)})
    data = dict(message.data)
    if message.type not in (PING, SUMMED, ALERT):
        data |= dict.fromkeys(NAMES) | dict(zip(NAMES, message.reasons, strict=False))
    if "account_id" in data and (address := crm_link(data["account_id"])):
        data["crm_url"] = address
    at = message.occurred_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": message.type, "timestamp": at, "data": data})


def _text(message: Message, endpoint: Endpoint) -> str:
    if message.type == PING:
        return ping_text(endpoint.lang)
    if message.type == SUMMED:
        return summed_text(message.data, endpoint.lang)
    if message.type == ALERT:
        return alert_text(message.data, endpoint.lang)
    return slack_text(message.type, message.data, message.reasons, endpoint.lang, message.grade)
