"""The model as an MLflow pyfunc, logged as code: signals in (one column each), churn probability out.

MLflow runs this file when the model is loaded; the artefact beside it is LightGBM text and JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from features.matrix import Matrix
from features.signal import all_signals
from training.bundle.bundle import load_bundle


class ChurnRiskModel(PythonModel):
    """Score a frame of signals; columns that are absent count as not known."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged with the run."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return one row a row of the input: `churn_probability`, 0-1."""
        matrix = Matrix(pd.DataFrame(index=model_input.index), _signals(model_input), pd.DataFrame())
        margin = self.bundle.trees.margin(matrix)
        return pd.DataFrame({"churn_probability": self.bundle.calibrator(margin)}, index=model_input.index)


def _signals(frame: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for signal in all_signals():
        column = frame[signal.name] if signal.name in frame else pd.Series(np.nan, index=frame.index)
        columns[signal.name] = column.astype(object) if signal.is_text else column.astype("float64")
    return pd.DataFrame(columns)


mlflow.models.set_model(ChurnRiskModel())
