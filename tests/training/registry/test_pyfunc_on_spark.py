"""The logged model as a function of Spark's: what `churn-risk features` writes goes in, scores with reasons out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from support.registries import Registry

from features.signal import all_signals
from training.making.pipeline import Trained
from training.registry.tracking import connected
from training.settings import CHAMPION, MODEL_NAME

MODEL = f"models:/{MODEL_NAME}@{CHAMPION}"
#: As docs/model.md has it.
ANSWER = (
    "account_id string, as_of string, churn_probability double, grade string, "
    "base_probability double, reasons array<struct<signal: string, contribution: double>>"
)


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_gives_every_row_its_score_and_reasons(
    spark: Any, registry: Registry, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = trained.data.matrix.take(np.arange(0, len(trained.data), 20))
    matrix = pd.concat([some.keys, some.signals], axis=1).reset_index(drop=True)
    matrix["as_of"] = pd.to_datetime(matrix["as_of"]).dt.date
    matrix.to_parquet(tmp_path / "matrix.parquet")
    for code in registry.environment.home.glob("mlruns/models/*/artifacts/code"):
        # MLflow hands a whole folder to Spark's workers, and follows no link out of it.
        kept = code.resolve()
        code.unlink()
        shutil.copytree(kept, code)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with connected(registry.environment):
        asked = {"reasons": len(all_signals())}
        score = mlflow.pyfunc.spark_udf(spark, MODEL, result_type=ANSWER, env_manager="local", params=asked)
        own = mlflow.pyfunc.load_model(MODEL).predict(matrix, params=asked)
    rows = spark.read.parquet(str(tmp_path / "matrix.parquet")).repartition(3)
    found = rows.select(score(*_struct(rows)).alias("score")).select("score.*").collect()
    told = {(row["account_id"], row["as_of"]): row.asDict(recursive=True) for row in found}
    assert len(found) == len(told) == len(matrix) > 100
    for expected in own.to_dict("records"):
        assert told[expected["account_id"], expected["as_of"]] == expected


def _struct(rows: Any) -> list[Any]:
    from pyspark.sql import functions as f

    return [f.struct(*rows.columns)]
