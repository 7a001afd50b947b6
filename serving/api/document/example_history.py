"""Examples of whole models for the document: an account's history that can be posted as it is, and answers that agree.

The history is that of a customer with a year of monthly invoices before the as-of date, so that every table says
something. `serving.api.document.examples` takes a model or a field from here before it assembles one field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AS_OF, NEXT_DAY = "2026-01-31", "2026-02-01"
#: What was invoiced, by day: 41,800 in all, the revenue of the example's answers.
BILLED = {
    "2025-02-14": 3600.0, "2025-03-14": 3580.0, "2025-04-14": 3560.0, "2025-05-15": 3540.0,
    "2025-06-13": 3520.0, "2025-07-15": 3500.0, "2025-08-14": 3480.0, "2025-09-15": 3460.0,
    "2025-10-15": 3440.0, "2025-11-14": 3420.0, "2025-12-15": 3400.0, "2026-01-15": 3300.0,
}  # fmt: skip
_ASKED = {"contact_id": "C-7", "kind": "relationship", "channel": "email", "anonymous": False}
HISTORY: Mapping[str, Any] = {
    "account": {
        "account_id": "A-1042", "name": "Muster Maschinenbau GmbH", "segment": "mid-market", "industry": "machinery",
        "country": "DE", "account_manager": "Jana Brandt", "customer_since": "2021-03-01", "currency": "EUR",
    },
    "invoices": [
        {"invoice_id": f"I-{88202 + number}", "invoiced_on": day, "amount": amount}
        for number, (day, amount) in enumerate(BILLED.items())
    ],
    "churns": [],
    "contacts": [
        {"contact_id": "C-7", "role": "Purchasing", "decision_maker": True, "valid_from": "2021-03-01",
         "name": "Jana Weber", "email": "j.weber@muster.example", "phone": "+49 30 23125 000"},
        {"contact_id": "C-9", "role": "Production", "decision_maker": False, "valid_from": "2022-06-01",
         "valid_to": "2025-08-31"},
    ],
    "surveys": [
        {**_ASKED, "survey_id": "S-2801", "sent_at": "2025-03-31T08:00:00Z", "answered_at": "2025-04-02T09:12:00Z",
         "score": 8},
        {**_ASKED, "survey_id": "S-3190", "sent_at": "2025-09-30T08:00:00Z", "answered_at": "2025-10-02T14:05:00Z",
         "score": 3, "comment": "Nobody called back"},
        {**_ASKED, "survey_id": "S-3407", "sent_at": "2025-12-15T08:00:00Z"},
    ],
    "loops": [
        {"loop_id": "L-12", "survey_id": "S-3190", "level": "frontline", "opened_at": "2025-10-03T08:00:00Z"},
    ],
    "contracts": [
        {"contract_id": "CO-3", "starts_on": "2024-01-01", "ends_on": "2026-12-31", "annual_value": 24000.0,
         "price_change": 0.03},
    ],
    "tickets": [
        {"ticket_id": "T-518", "kind": "question", "severity": "normal", "opened_at": "2025-06-11T09:20:00Z",
         "closed_at": "2025-06-12T15:00:00Z", "topic": "Invoice"},
        {"ticket_id": "T-551", "kind": "complaint", "severity": "high", "opened_at": "2026-01-12T08:00:00Z",
         "topic": "Delivery", "contact_id": "C-7"},
    ],
    "actions": [
        {"action_id": "AC-7", "kind": "visit", "done_at": "2025-11-03T11:30:00Z",
         "note": "Asked about the delayed delivery"},
    ],
    "referrals": [
        {"referral_id": "R-5", "referred_at": "2025-08-20T10:00:00Z", "contacted_at": "2025-08-21T10:00:00Z",
         "won_at": "2025-09-15T10:00:00Z", "revenue": 18000.0, "reward": 500.0},
    ],
    "memberships": [{"program": "Partner", "joined_on": "2023-05-01"}],
}  # fmt: skip
_THEN = {
    "as_of": "2025-10-31", "model_version": "7", "scored_at": "2025-10-31T06:15:00Z", "churn_probability": 0.25,
    "band": "safe",
}  # fmt: skip
_NPS = {"code": "nps", "label": "Satisfaction (NPS)"}
#: By model, or by `Model.field`.
WHOLE: Mapping[str, Any] = {
    "AccountHistory": HISTORY,
    "PredictionRequest": {"as_of": AS_OF, "accounts": [HISTORY]},
    "WhatIfRequest": {
        "edits": [{"kind": "loop_closed", "loop_id": "L-12"}], "as_of": AS_OF, "records": HISTORY,
    },
    "StepRequest": {
        "kind": "visit", "what": "Call about the late deliveries", "owner": "Jana Brandt", "due_on": "2099-02-13",
    },
    "MovementOut.before": _THEN,
    "MovementOut.themes": [
        {**_NPS, "contribution": 0.142, "then": "The last score given was 8 out of 10",
         "now": "The last score given was 3 out of 10"},
    ],
    "WhatIfOut.after": {"churn_probability": 0.34, "revenue_at_risk": 14212.0, "band": "at_risk"},
    "WhatIfOut.themes": [
        {"code": "closing_delay", "label": "Closing the loop", "contribution": -0.08,
         "then": "One loop has been open for 121 days", "now": ""},
    ],
    "WhatIfOut.each": [{"kind": "loop_closed", "churn_probability": 0.34, "change": -0.08}],
}  # fmt: skip
