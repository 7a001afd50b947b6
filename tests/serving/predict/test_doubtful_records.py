"""Keys that are nearly right and contracts without an end are warned of in requests, as they are in a book."""

from __future__ import annotations

from typing import Any

import pytest

from serving.jobs.claims import Outcome, Scorer, _noted
from serving.predict.doubtful_records import doubts_of, misnamed_in
from serving.predict.history import AccountHistory, PredictionRequest
from serving.words.caution_words import told

ACCOUNT = {"account_id": "A", "customer_since": "2020-03-01"}
TERM = {"annual_value": 10}
TERMS = [{"contract_id": str(year), "starts_on": f"{year}-01-01"} | TERM for year in (2023, 2024)]
Sent = dict[str, Any]


@pytest.mark.parametrize(
    ("sent", "names", "endless"),
    [
        ({"contracts": [term | {"end_on": "2025-01-01"} for term in TERMS]}, {"contracts.end_on": "ends_on"}, 1),
        ({"contracts": [term | {"ends_on": "2025-01-01", "end_on": 1} for term in TERMS]}, {}, 0),
        ({"contracts": [term | {"ends_on": "9999-12-31"} for term in TERMS]}, {}, 1),
        ({"contracts": [TERMS[0], TERMS[0] | {"contract_id": "b"}]}, {}, 0),
        ({"survey": [], "tickts": []}, {"survey": "surveys", "tickts": "tickets"}, 0),
        ({"survey": [], "surveys": []}, {}, 0),
        ({"account": ACCOUNT | {"Segment": "SMB", "AccountId": "x", "colour": 1}}, {"account.Segment": "segment"}, 0),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_doubtful_is_told(sent: Sent, names: dict[str, str], endless: int) -> None:
    body = {"accounts": [{"account": ACCOUNT, "invoices": []} | sent]}
    cautions = {each.code: each.figures for each in doubts_of(PredictionRequest.model_validate(body).accounts)}
    assert cautions.get("names", {}).get("names", {}) == names
    assert cautions.get("endless", {}).get("accounts", 0) == endless


def test_a_job_tells_it_once_of_all_chunks() -> None:
    sent = {"account": ACCOUNT, "invoices": [], "contracts": TERMS, "tickt": []}
    history = AccountHistory.model_validate(sent)
    scorer = Scorer("1", "A", doubts_of([Outcome(0, "done", {}, doubts=history.doubts)] * 2), False, None)
    notes = _noted(_noted({}, scorer, 2), scorer, 4)
    assert [(each["code"], each["figures"]) for each in notes["cautions"]] == [
        ("names", {"names": {"tickt": "tickets"}}), ("endless", {"accounts": 4}),
    ]  # fmt: skip
    (names, endless) = scorer.cautions
    assert "tickt (tickets?)" in told(names, "de") and told(endless, "en").startswith("2 accounts have")


def test_strange_keys_cost_no_comparison_each() -> None:
    rows = [{f"close_at{number}": 1} for number in range(5000)]
    assert len(misnamed_in({"tickets": rows})) <= 1
