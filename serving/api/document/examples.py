"""Examples for the document: a value for every field by its name, assembled along the schemas.

So every request and answer has an example, including those of future routes, and no example can drift from its schema.
A name means the same everywhere; where it does not, the table has an entry `Model.name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.api.document.example_history import AS_OF, NEXT_DAY, WHOLE

Schema = dict[str, Any]

SENTENCE = "Satisfaction (NPS): raises the estimated risk by 8.0 points. The last score given was 3 out of 10"
FIELDS: Mapping[str, Any] = {
    "account_id": "A-1042",
    "account_manager": "Jana Brandt",
    "action_id": "AC-7",
    "amount": 1250.0,
    "annual_value": 24000.0,
    "anonymous": False,
    "answered_at": "2025-10-02T14:05:00Z",
    "as_of": AS_OF,
    "base_probability": 0.34,
    "band": "at_risk",
    "best_action": "offer",
    "bounced_at": None,
    "channel": "email",
    "churn_probability": 0.42,
    "churned_on": "2026-03-31",
    "closed_at": "2025-10-09T09:00:00Z",
    "code": "nps",
    "collect": [],
    "comment": "Nobody called back",
    "contact_id": "C-7",
    "contacted_at": "2025-08-21T10:00:00Z",
    "contract_id": "CO-3",
    "contribution": 0.08,
    "country": "DE",
    "created_by": "key:3f9a0c1d2e4b",
    "currency": "EUR",
    "customer_since": "2021-03-01",
    "cursor": None,
    "detail": "1 field is not as the contract has it",
    "done_at": "2025-11-03T11:30:00Z",
    "done_by": "key:3f9a0c1d2e4b",
    "due_on": "2026-02-13",
    "email": "j.weber@muster.example",
    "ends_on": "2026-12-31",
    "expected_profit": 2010.0,
    "grade": "B",
    "grade_meaning": "better than the best plain rule",
    "industry": "machinery",
    "Idempotency-Key": "5d0e7c1a-93b4-4c57-8f62-1f6a0b9d2e48",
    "instance": "/v1/predictions",
    "invoice_id": "I-88213",
    "invoiced_on": "2026-01-15",
    "job_id": "6c1f3b0e9a724d5c8e27f4a1b3d90c55",
    "joined_on": "2023-05-01",
    "kind": "visit",
    "label_de": "Letzte Bewertung",
    "label_en": "Last score",
    "left_on": None,
    "loop_id": "L-12",
    "missing_tables": [],
    "model_version": "7",
    "name": "Muster Maschinenbau GmbH",
    "now": "The last score given was 3 out of 10",
    "note": "Asked about the delayed delivery",
    "opened_at": "2025-10-03T08:00:00Z",
    "owner": "Jana Brandt",
    "phone": "+49 30 23125 000",
    "pointer": "/accounts/0/invoices/0/amount",
    "price_change": 0.03,
    "program": "Partner",
    "reason": "Price",
    "reason_1": SENTENCE,
    "reason_2": None,
    "reason_3": None,
    "referral_id": "R-5",
    "referred_at": "2025-08-20T10:00:00Z",
    "request_id": "0b6f8a52-8f0e-4f2b-9a53-2f6c1d8f0c11",
    "revenue": 18000.0,
    "revenue_365d": 41800.0,
    "revenue_at_risk": 17556.0,
    "reward": 500.0,
    "role": "Purchasing",
    "score": 4,
    "scored_at": "2026-01-31T06:15:00Z",
    "segment": "mid-market",
    "sent_at": "2025-09-30T08:00:00Z",
    "signal": "nps_last",
    "step_id": 7,
    "starts_on": "2024-01-01",
    "survey_id": "S-3190",
    "threat": True,
    "sentence": "The estimate rose by 17.0 points, from 25% on 31 Oct 2025 to 42% on 31 Jan 2026.",
    "then": "The last score given was 8 out of 10",
    "text": "The contract was renewed last week",
    "ticket_id": "T-551",
    "topic": "Delivery",
    "valid_from": "2021-03-01",
    "valid_to": None,
    "value": 41800.0,
    "value_text": None,
    "verdict": "wrong",
    "version": "7",
    "what": "Call about the late deliveries",
    "won_at": "2025-09-15T10:00:00Z",
    "ContactRecord.name": "Jana Weber",
    "FieldError.detail": 'a number is expected, not "much"',
    "WarningOut.code": "amounts",
    "WarningOut.detail": "The amounts are about 1,000 times those of the training book: another unit, another currency "
    "or another book",
    "StepRow.done_at": None,
    "StepRow.done_by": None,
    "StepOut.done_at": None,
    "StepOut.done_by": None,
    "ReasonOut.value": 3.0,
    "JobFacts.done": 0,
    "JobFacts.failed": 0,
    "JobFacts.model_versions": [],
    "JobFacts.models": [],
    "JobFacts.warnings": [],
    "JobFacts.started_at": None,
    "JobFacts.finished_at": None,
    "JobFacts.expires_at": None,
    "JobOut.done": 0,
    "JobOut.failed": 0,
    "JobOut.model_versions": [],
    "JobOut.models": [],
    "JobOut.warnings": [],
    "JobOut.started_at": None,
    "JobOut.finished_at": None,
    "JobOut.expires_at": None,
    "MovementOut.account": 0.142,
    "MovementOut.change": 0.17,
    "MovementOut.model": 0.028,
    "MovementOut.whole_only": None,
    "ThemeMoved.code": "nps",
    "ThemeMoved.label": "Satisfaction (NPS)",
    "WhatIfOut.as_of": NEXT_DAY,
    "WhatIfOut.change": -0.08,
    "WhatIfOut.note": "The model's answer to another history; that it says so is no proof of a cause",
    "SignalOut.name": "nps_last",
    "getFigure.name": "grr_invoiced",
    "FigureOut.name": "grr_invoiced",
    "OneFigureOut.name": "revenue_lost_invoiced",
    "BehindOut.value": -41800.0,
}
BY_FORMAT: Mapping[str, str] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T06:15:00Z",
    "uuid": "0b6f8a52-8f0e-4f2b-9a53-2f6c1d8f0c11",
    "uri": "https://example.com/",
    "byte": "",
    "binary": "",
}
BY_TYPE: Mapping[str, Any] = {"string": "text", "number": 1.0, "integer": 1, "boolean": True}


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "", model: str = "") -> Any:
    """Return an example of a schema of OpenAPI 3.0.

    Parameters
    ----------
    schema : dict
        The schema of the example.
    schemas : mapping of str to schema
        The schemas among the document's components, by name.
    name, model : str
        The field that the schema describes, and the model that has the field.
    """
    whole = WHOLE.get(f"{model}.{name}") or WHOLE.get(schema.get("$ref", "").rpartition("/")[2])
    if whole is not None:
        return whole
    example = schema.get("example", FIELDS.get(f"{model}.{name}", FIELDS.get(name, schema)))
    if example is not schema and _suits(example, schema):
        return example
    inner = schema.get("$ref") or schema.get("allOf", [{}])[0].get("$ref")
    if inner:
        model = inner.rpartition("/")[2]
        return example_of(schemas[model], schemas, name, model)
    if "enum" in schema or "default" in schema:
        return schema.get("default", schema.get("enum", [None])[0])
    return _by_type(schema, schemas, name, model)


def _by_type(schema: Schema, schemas: Mapping[str, Schema], name: str, model: str) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [example_of(schema["items"], schemas, name, model)] * max(schema.get("minItems", 1), 1)
    if kind == "object":
        inner = schema.get("properties", {})
        return {
            field: example_of(field_schema, schemas, field, schema.get("title", model))
            for field, field_schema in inner.items()
        }
    if kind == "integer" and "minimum" in schema:
        return max(schema["minimum"], 1)
    return BY_FORMAT.get(schema.get("format", ""), BY_TYPE.get(str(kind)))


def _suits(value: Any, schema: Schema) -> bool:
    """Whether a value of the table fits this schema: the same name may be a number in one model and text in another."""
    kinds = {"string": str, "number": int | float, "integer": int, "boolean": bool, "array": list, "object": dict}
    if value is None:
        return bool(schema.get("nullable"))
    if "enum" in schema:
        return value in schema["enum"]
    kind = kinds.get(schema.get("type", ""))
    return kind is not None and isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
