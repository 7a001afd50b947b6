"""One reading of texts on every route, HEAD on every route of GET, and the README's number of signals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.served import Client, assert_problem, client_of
from support.stored import DAY, SCORE, put

from features.signal import all_signals
from serving.api.answers import what_if as what_if_answers
from serving.api.answers.job_submission import read_submission
from serving.api.edge.problems import RequestProblem
from serving.api.routes import what_if_routes
from serving.predict.edits import Edit
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture(scope="module")
def client(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Client:
    store = ScoreStore(f"sqlite:///{tmp_path_factory.mktemp('reading') / 'scores.db'}")
    put(store, SCORE)
    return client_of(bundle, store)


@pytest.mark.parametrize("text", ["2099/1/1", "2099-1-1", "2099-01-01T09:00:00Z", "", None], ids=str)
def test_a_date_is_read_alike(text: str | None, client: Client) -> None:
    shown = "null" if text is None else f'"{text}"'
    found = read_submission(f'{{"as_of": {shown}, "accounts": [{{}}]}}'.encode(), 10).as_of
    assert (found and found.isoformat()) == ("2099-01-01" if text else None)
    step = {"kind": " Visit", "what": "w", "owner": "o", "due_on": text}
    answer = client.ask("POST", "/v1/accounts/A1/steps", json=step)
    assert (answer.status_code, answer.json().get("due_on")) == ((200, "2099-01-01") if text else (422, None))


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/jobs", "/v1/accounts/A1/what-if"])
def test_a_day_that_stands_twice_is_refused(path: str, client: Client) -> None:
    body = '{"as_of": "2026-01-01", "accounts": [{"as_of": 1}], "as_of": "2025-01-01"}'
    assert_problem(client.ask("POST", path, content=body, headers={"Content-Type": "application/json"}), 422, "/as_of")


def test_choices_are_read_without_case_and_empty_texts_are_null(client: Client) -> None:
    assert client.ask("POST", "/v1/accounts/A1/feedback", json={"verdict": "Agree"}).json()["verdict"] == "agree"
    for path in ("accounts?band=Safe", "accounts?lang=DE", "renewals?kind=Overdue", "accounts/A1/risk?reasons=TOP"):
        assert client.get(f"/v1/{path}").status_code == 200, path
    edit: Any = {"kind": "Invitation_Sent", "contact_id": " "}
    assert Edit.model_validate(edit) == Edit(kind="invitation_sent")


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/openapi.json", "/v1/accounts", "/v1/accounts/A1/report", "/no"]
)
def test_head_is_get_without_its_body(path: str, client: Client) -> None:
    asked, head = client.get(path), client.ask("HEAD", path)
    assert head.status_code == asked.status_code and head.content == b""
    one_of_a_kind = {"x-request-id", "date", "content-length"}
    assert set(head.headers) == set(asked.headers)
    for name in set(asked.headers) - one_of_a_kind:
        assert head.headers[name] == asked.headers[name], name


def test_the_readme_counts_the_signals() -> None:
    assert f"into {len(all_signals())} signals" in README.read_text(encoding="utf-8")


def test_the_day_of_an_edit_is_that_of_an_old_score(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the page: within 31 days it is today."""
    days = []

    async def asked(served: Any, history: Any, edits: Any, day: date, *beside: Any) -> Any:
        days.append(day)
        raise RequestProblem("enough", [], 409, "enough")

    monkeypatch.setattr(what_if_routes, "what_if", asked)
    records = {"account": {"account_id": "A1", "customer_since": "2018-01-01"}, "invoices": []}
    body = {"edits": [{"kind": "contact_named"}], "records": records}
    for now in (DAY + timedelta(days=31), DAY + timedelta(days=32)):
        at = datetime(now.year, now.month, now.day, tzinfo=UTC)
        monkeypatch.setattr(what_if_answers, "utc_now", lambda at=at: at)
        monkeypatch.setattr(what_if_routes, "utc_now", lambda at=at: at)
        assert client.ask("POST", "/v1/accounts/A1/what-if", json=body).status_code == 409
    assert days == [DAY + timedelta(days=31), DAY]
