"""The BentoML service: it loads a bundle and the score store, and serves the app of `serving.api`.

Without API keys it listens on loopback only, as a Bento too. The bundle is the folder that `CHURN_RISK_BUNDLE` names,
else the model that the Bento carries. Neither needs MLflow.
"""

from __future__ import annotations

from pathlib import Path

import bentoml

from features.errors import NoModel
from serving.api.app import create_app
from serving.api.predictions import Predictor
from serving.api.runtime import Runtime
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle import load_bundle

MODEL_TAG = "churn_risk:latest"

app = create_app()


@bentoml.service(name="churn_risk", http={"host": "127.0.0.1"}, traffic={"timeout": 60})
@bentoml.asgi_app(app, path="/")
class ChurnRisk:
    """Churn risk of B2B accounts: predictions from raw history, stored scores, explanation reports."""

    def __init__(self) -> None:
        settings = ServiceSettings()
        bundle = load_bundle(settings.bundle or carried_bundle())
        app.state.runtime = Runtime(Predictor(bundle), ScoreStore(settings.scores_url), settings)


def carried_bundle() -> Path:
    """Return the folder of the model inside the Bento, or in BentoML's model store; raises NoModel without one."""
    try:
        return Path(bentoml.models.get(MODEL_TAG).path)
    except bentoml.exceptions.NotFound as error:
        raise NoModel("no model to serve: set CHURN_RISK_BUNDLE, or run `churn-risk serve`, or `make bento`") from error
