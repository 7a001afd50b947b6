"""The model as an MLflow pyfunc, logged as code: signals in (one column each), churn probability, grade, reasons out.

MLflow runs this file when it loads the model; the artefact beside it is LightGBM text and JSON.

The logged model declares what it answers, and no input schema. With a schema MLflow 3.17 changes the rows before a
model sees them: it drops columns that it does not know, so that a misspelt signal counts as not known, it refuses whole
numbers for doubles, it makes False of a null boolean, and it returns no rows at all when no column is left. So the
columns and values are checked here (`training.bundle.pyfunc_input`); their names stand in the model's metadata, in the
example and in `signals.json` of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel

from features.errors import InputError
from features.matrix import Matrix
from features.signal import signal_names
from training.bundle.bundle import load_bundle
from training.bundle.explanation import explain
from training.bundle.pyfunc_input import read_sent
from training.bundle.seal import Seal, demand_sealed


class ChurnRiskModel(PythonModel):
    """Scores a frame of signals; a signal without a column counts as not known."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged with the run, if its files are those that were logged."""
        folder = Path(context.artifacts["bundle"])
        demand_sealed(folder, Seal.of(context.model_config or {}))
        self.bundle = load_bundle(folder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return the churn probability of each row.

        Parameters
        ----------
        context : PythonModelContext
            Not used.
        model_input : DataFrame, (n, columns), or records, or columns
            One column a signal, by its name; `account_id` and `as_of` may be sent along. See `read_sent`.
        params : dict, optional
            `reasons`: how many of the weightiest reasons of each row are told; by default 0.

        Returns
        -------
        DataFrame, (n, 2 to 6)
            `churn_probability`, 0-1, and the model's `grade`, with the index of the input; before them `account_id` and
            `as_of` where they were sent. With reasons also `base_probability`, 0-1, and `reasons`, a list of `signal`
            and `contribution` in points of probability, by falling size: base and all contributions add up to the
            probability.

        Raises
        ------
        MlflowException
            For columns that are unknown, values that cannot be read and fewer than 0 reasons; a scoring server answers
            400 with the message.
        """
        reasons = (params or {}).get("reasons") or 0
        if reasons < 0:
            raise MlflowException.invalid_parameter_value(f"reasons: {reasons} is below 0")
        try:
            sent = read_sent(model_input)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        rows = len(sent.matrix)
        margin = self.bundle.margin(sent.matrix) if rows else np.empty(0)
        scored = sent.keys.assign(
            churn_probability=self.bundle.calibrator(margin),
            grade=np.full(rows, self.bundle.manifest.verdict.get("grade"), dtype=object),
        )
        return self._with_reasons(scored, sent.matrix, reasons) if reasons else scored

    def _with_reasons(self, scored: pd.DataFrame, matrix: Matrix, reasons: int) -> pd.DataFrame:
        explained, names = explain(self.bundle, matrix), signal_names()
        weightiest = np.argsort(-np.abs(explained.contributions), axis=1, kind="stable")[:, :reasons]
        reason_rows = [
            [{"signal": names[place], "contribution": float(row[place])} for place in places]
            for row, places in zip(explained.contributions, weightiest.tolist(), strict=True)
        ]
        return scored.assign(
            base_probability=explained.base, reasons=pd.Series(reason_rows, scored.index, dtype=object)
        )


mlflow.models.set_model(ChurnRiskModel())
