"""The model's grade stands wherever its score is shown; sentences come in the language that is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.bundles import graded
from support.served import Client, Json, assert_problem, client_of, histories, rows_of
from support.stored import SCORE, put

from serving.api.edge.runtime import Runtime
from serving.jobs.runner import JobRunner
from serving.scoring.scores import Score
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

GERMAN, ENGLISH = "Risiko", "estimated risk"


@pytest.fixture(scope="module")
def weak(bundle: Bundle) -> Bundle:
    return graded(bundle, "D")


@pytest.fixture(scope="module")
def body(book_folder: Path, book: object, bundle: Bundle, as_of: date) -> Json:
    rows = rows_of(book_folder)
    gone = {row["account_id"] for row in rows["churns"]}
    ids = [row["account_id"] for row in rows["accounts"] if row["customer_since"] < "2025-06-01"]
    return {"as_of": as_of.isoformat(), "accounts": histories(rows, [name for name in ids if name not in gone][:3])}


@pytest.fixture
def client(weak: Bundle, tmp_path: Path) -> Client:
    return client_of(weak, ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}"))


def ask(client: Client, body: Json, query: str = "") -> Json:
    answer = client.ask("POST", f"/v1/predictions{query}", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_a_prediction_of_a_weak_model_says_so(client: Client, body: Json) -> None:
    answer = ask(client, body)
    assert answer["model"]["version"] == answer["model_version"] == "1" and answer["model"]["grade"] == "D"
    assert "plain rule" in answer["model"]["grade_meaning"]
    (warning,) = answer["warnings"]
    assert warning["code"] == "grade" and warning["detail"].startswith("The model has grade D: ")


def test_a_prediction_of_a_good_model_has_its_grade_and_no_warning(bundle: Bundle, body: Json) -> None:
    answer = ask(client_of(graded(bundle, "A"), ScoreStore("sqlite://")), body)
    assert answer["model"]["grade"] == "A" and answer["warnings"] == []


def test_a_model_without_a_grade_says_that(bundle: Bundle, body: Json) -> None:
    answer = ask(client_of(graded(bundle, None), ScoreStore("sqlite://")), body, "?lang=de")
    assert answer["model"]["grade"] is None and "nicht benotet" in answer["model"]["grade_meaning"]


def test_predictions_in_german(client: Client, body: Json) -> None:
    english, german = ask(client, body), ask(client, body, "?lang=de")
    for ours, theirs in zip(german["predictions"], english["predictions"], strict=True):
        assert GERMAN in ours["reason_1"] and ENGLISH in theirs["reason_1"]
        assert ours["reasons"] == theirs["reasons"]
    assert german["warnings"][0]["detail"].startswith("Das Modell hat die Note D: ")
    assert_problem(client.ask("POST", "/v1/predictions?lang=fr", json=body), 422, "/query/lang")


def test_reasons_on_request(client: Client, body: Json) -> None:
    every, top, none = (ask(client, body, f"?reasons={wanted}") for wanted in ("all", "top", "none"))
    assert ask(client, body)["predictions"][0]["reasons"] == every["predictions"][0]["reasons"]
    for all_of_it, ten, nothing in zip(*(found["predictions"] for found in (every, top, none)), strict=True):
        assert len(all_of_it["reasons"]) > 80
        assert ten["reasons"] == all_of_it["reasons"][:10] and nothing["reasons"] == []
        assert ten["reason_1"] == nothing["reason_1"] == all_of_it["reason_1"]


def test_a_repeated_request_in_another_language_is_another_request(client: Client, body: Json) -> None:
    key = {"Idempotency-Key": "k"}
    assert client.ask("POST", "/v1/predictions?lang=de", json=body, headers=key).status_code == 200
    again = client.ask("POST", "/v1/predictions?lang=en", json=body, headers=key)
    assert_problem(again, 422, "/header/Idempotency-Key")


def stored(client: Client, score: Score, model: Json) -> ScoreStore:
    served: Runtime = client.app.state.runtime
    served.store.write([score], {}, model, score.as_of, score.scored_at)
    return served.store


@pytest.fixture
def real(weak: Bundle, book: object, as_of: date) -> Score:
    return next(score_book(book, as_of, weak).rows())  # type: ignore[arg-type]


def test_stored_scores_have_the_grade_of_the_model_that_scored(client: Client, real: Score) -> None:
    kept = [{"code": "amounts", "figures": {"power": 3}}]
    stored(client, real, {"version": "1", "grade": "C", "cautions": kept})
    for path in (f"/v1/accounts/{real.account_id}/risk", "/v1/accounts"):
        for lang, meaning, said in (("en", "hardly", "about 1,000 times"), ("de", "kaum", "etwa 1.000-mal")):
            answer = client.get(f"{path}?lang={lang}").json()
            assert answer["model"]["grade"] == "C" and answer["model"]["grade_meaning"].startswith(meaning)
            assert said in answer["warnings"][0]["detail"]
    assert client.get(f"/v1/accounts/{real.account_id}/risk?reasons=none").json()["reasons"] == []


def test_a_run_from_before_warnings_were_kept_still_warns_of_grade_d(client: Client) -> None:
    stored(client, SCORE, {"version": "1", "grade": "D"})
    for path in ("/v1/accounts/A1/risk", "/v1/accounts"):
        codes = [warning["code"] for warning in client.get(path).json()["warnings"]]
        assert [code for code in codes if code != "aged"] == ["grade"]


def test_lists_and_risk_in_german(client: Client, real: Score) -> None:
    stored(client, real, {"version": "1", "grade": "B"})
    for lang, word in (("en", ENGLISH), ("de", GERMAN)):
        (row,) = client.get(f"/v1/accounts?lang={lang}").json()["accounts"]
        risk = client.get(f"/v1/accounts/{real.account_id}/risk?lang={lang}").json()
        assert row["reason_1"] == risk["reason_1"] and word in row["reason_1"]


def test_an_empty_list_has_no_model(client: Client) -> None:
    assert client.get("/v1/accounts").json()["model"] is None


def test_a_job_says_who_scored_it_in_the_language_asked_for(client: Client, body: Json) -> None:
    served: Runtime = client.app.state.runtime
    made = client.ask("POST", "/v1/jobs", json=body).json()
    assert made["models"] == [] and made["warnings"] == []
    runner = JobRunner(served.store.engine, lambda: served.predictor, timedelta(days=1))
    while runner.step():
        pass
    for lang, said in (("en", "The model has grade D"), ("de", "Das Modell hat die Note D")):
        job = client.get(f"/v1/jobs/{made['job_id']}?lang={lang}").json()
        assert [model["grade"] for model in job["models"]] == ["D"]
        assert [warning["detail"].partition(":")[0] for warning in job["warnings"]] == [said]
        (listed,) = client.get(f"/v1/jobs?lang={lang}").json()["jobs"]
        assert listed["warnings"] == job["warnings"]
    path = f"/v1/jobs/{made['job_id']}/results"
    table = pq.read_table(BytesIO(client.get(f"{path}?lang=de&reasons=top").content)).to_pylist()
    assert {row["model_grade"] for row in table} == {"D"}
    assert all(GERMAN in row["reason_1"] and len(row["reasons"]) == 10 for row in table)
    frame = pd.read_csv(BytesIO(client.get(f"{path}?format=csv").content))
    assert set(frame["model_grade"]) == {"D"} and all(ENGLISH in text for text in frame["reason_1"])


def test_the_model_says_what_its_grade_means(client: Client) -> None:
    answer = client.get("/v1/model?lang=de").json()
    assert answer["grade"] == "D" and answer["grade_meaning"].startswith("nicht besser als eine einfache Regel")


def test_the_same_run_in_both_languages_is_one_list(client: Client, real: Score) -> None:
    """A cursor goes on whatever the language of the next page."""
    put(ScoreStore(client.app.state.runtime.store.url), *(replace(real, account_id=name) for name in "ABC"))
    first = client.get("/v1/accounts?limit=2").json()
    second = client.get(f"/v1/accounts?limit=2&lang=de&cursor={first['next_cursor']}").json()
    assert len(first["accounts"]) == 2 and len(second["accounts"]) == 1
