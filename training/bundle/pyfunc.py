"""The model as an MLflow pyfunc, logged as code: signals in (one column each), churn probability out.

MLflow runs this file when it loads the model; the artefact beside it is LightGBM text and JSON.
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
    """Scores a frame of signals; a signal without a column counts as not known."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged with the run."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return the churn probability of each row.

        Parameters
        ----------
        context : PythonModelContext
            Not used.
        model_input : DataFrame, (n, signals)
            One column a signal, by its name; others are ignored.
        params : dict, optional
            Not used.

        Returns
        -------
        DataFrame, (n, 1)
            `churn_probability`, 0-1, with the index of the input.
        """
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
