"""The peer of the load benchmark: our predictor behind `mlflow models serve`, a body of POST /v1/predictions a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from serving.api.answers.rendering import rendered_predictions
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Predictor
from training.bundle.bundle import load_bundle


class RawHistoryModel(PythonModel):
    """Raw history in, scores with reasons out: the same work as the endpoint, row by row."""

    def load_context(self, context: Any) -> None:
        """Load the bundle."""
        self.predictor = Predictor(load_bundle(Path(context.artifacts["bundle"])))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:
        """Return the answer to each row's `body`."""
        return [self._answer(body) for body in model_input["body"]]

    def _answer(self, text: str) -> str:
        body = PredictionRequest.model_validate_json(text)
        scores = self.predictor.predict(body.accounts, body.as_of)
        return rendered_predictions(self.predictor, "mlflow", scores, body.accounts).decode()


mlflow.models.set_model(RawHistoryModel())
