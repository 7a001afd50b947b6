"""The logged model in MLflow's own hands: loaded by `mlflow.pyfunc`, and in the scoring server of `models serve`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from support.registries import Registry

from features.signal import all_signals
from training.bundle.bundle import MANIFEST
from training.making.pipeline import Trained
from training.registry.tracking import connected
from training.settings import CHAMPION, MODEL_NAME

NUMBER = "invoice_recency_days"
FLAG = next(signal.name for signal in all_signals() if signal.unit == "flag")
MODEL = f"models:/{MODEL_NAME}@{CHAMPION}"


@pytest.fixture
def pyfunc(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with connected(registry.environment):
        return mlflow.pyfunc.load_model(MODEL)


@pytest.fixture
def served(pyfunc: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that posts a body to the scoring server's app in this process."""
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
    transport = httpx.ASGITransport(scoring_server.init(pyfunc))

    def post(body: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://mlflow") as client:
                return await client.post("/invocations", json=body)

        return asyncio.run(one())

    return post


def test_rows_out_are_the_rows_in(pyfunc: Any, trained: Trained) -> None:
    """Shuffled, with an index of their own, with whole numbers, and with rows of which nothing is known."""
    frame = trained.data.matrix.signals.sample(20, random_state=1).rename(index=str)
    expected = trained.calibrator(trained.fitted.margin(trained.data.matrix))
    expected = pd.Series(expected, trained.data.matrix.signals.index.map(str))[frame.index]
    found = pyfunc.predict(frame)
    assert found.index.equals(frame.index)
    assert found["churn_probability"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
    assert set(found["grade"]) == {trained.verdict.grade}
    assert len(pyfunc.predict(pd.DataFrame({"account_id": ["A", "B"]}))) == 2
    assert len(pyfunc.predict(frame.iloc[:0])) == 0


def test_whole_numbers_are_taken(pyfunc: Any) -> None:
    frame = pd.DataFrame({signal.name: [1, 300] for signal in all_signals() if not signal.is_text})
    assert set(frame.dtypes.astype(str)) == {"int64"}
    whole, decimal = pyfunc.predict(frame), pyfunc.predict(frame.astype(float))
    assert (whole["churn_probability"] == decimal["churn_probability"]).all()
    assert whole["churn_probability"].nunique() == 2


def test_reasons_are_told_when_asked_for(pyfunc: Any, trained: Trained) -> None:
    """Of every signal they add up to the probability, which is the same without them; of three they are the largest."""
    frame = trained.data.matrix.signals.sample(20, random_state=1).rename(index=str)
    plain, some = pyfunc.predict(frame), pyfunc.predict(frame, params={"reasons": 3})
    assert [*plain.columns] == ["churn_probability", "grade"]
    assert some[[*plain.columns]].equals(plain) and some.index.equals(frame.index)
    whole = pyfunc.predict(frame, params={"reasons": len(all_signals())})
    for (_, row), few in zip(whole.iterrows(), some["reasons"], strict=True):
        parts = {reason["signal"]: reason["contribution"] for reason in row["reasons"]}
        assert {*parts} == {signal.name for signal in all_signals()}
        assert row["base_probability"] + sum(parts.values()) == pytest.approx(row["churn_probability"], abs=1e-9)
        assert [abs(part) for part in parts.values()] == sorted(map(abs, parts.values()), reverse=True)
        assert few == row["reasons"][:3]
    assert pyfunc.predict(frame.iloc[:0], params={"reasons": 3})["reasons"].tolist() == []
    with pytest.raises(MlflowException, match="reasons: -1 is below 0"):
        pyfunc.predict(frame, params={"reasons": -1})


def test_a_scoring_server_takes_how_many_reasons(served: Any) -> None:
    answer = served({"dataframe_records": [{NUMBER: 12}], "params": {"reasons": 2}})
    (row,) = answer.json()["predictions"]
    assert len(row["reasons"]) == 2 and 0 < row["base_probability"] < 1
    assert served({"dataframe_records": [{NUMBER: 12}], "params": {"reasons": "two"}}).status_code == 400


def test_an_unknown_column_is_named(pyfunc: Any) -> None:
    with pytest.raises(MlflowException, match=f"'invoice_recency_day' .did you mean '{NUMBER}'") as refused:
        pyfunc.predict(pd.DataFrame({"invoice_recency_day": [12.0], "nps_last": [3.0]}))
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_what_the_documentation_sends(served: Any) -> None:
    """Two instants of two forms, a null number and a null flag, as in docs/model.md."""
    records = [
        {"account_id": "A1", "as_of": "2026-01-01", NUMBER: 12, FLAG: True},
        {"account_id": "A2", "as_of": "2026-01-01T08:00:00Z", NUMBER: None, FLAG: None},
    ]
    answer = served({"dataframe_records": records})
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["predictions"]
    assert [first["account_id"], first["as_of"]] == ["A1", "2026-01-01"]
    assert [second["account_id"], second["as_of"]] == ["A2", "2026-01-01"]
    assert 0 < first["churn_probability"] < 1 and first["grade"] in "ABCD"
    alone = [served({"dataframe_records": [record]}).json()["predictions"][0] for record in records]
    assert alone == [first, second], "what a row gets does not depend on the others"
    unknown = served({"dataframe_records": [{"account_id": "A2", "as_of": "2026-01-01"}]}).json()["predictions"][0]
    assert unknown["churn_probability"] == second["churn_probability"], "a null is not known, and no False"
    split = {"columns": list(records[0]), "data": [list(record.values()) for record in records]}
    for body in ({"dataframe_split": split}, {"inputs": records}, {"instances": records}):
        assert served(body).json() == answer.json(), body


def test_a_misspelt_column_is_a_400_that_names_it(served: Any) -> None:
    answer = served({"dataframe_records": [{"nps_lst": 9}]})
    assert answer.status_code == 400 and "'nps_lst' (did you mean 'nps_last'?)" in answer.json()["message"]
    answer = served({"dataframe_records": [{NUMBER: "many"}]})
    assert (
        answer.status_code == 400 and f"{NUMBER}: 1 of 1 values cannot be read as numbers" in answer.json()["message"]
    )


def test_an_edited_artefact_is_not_loaded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (path,) = (path for path in registry.environment.home.rglob(MANIFEST) if "mlruns" in path.parts)
    manifest = json.loads(path.read_text())
    manifest["calibrator"]["intercept"] -= 1
    path.write_text(json.dumps(manifest))
    with connected(registry.environment), pytest.raises(Exception, match=r"manifest.json is not the file that was wri"):
        mlflow.pyfunc.load_model(MODEL)
