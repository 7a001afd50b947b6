"""What the routes need, put on the app by the service when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request

from serving.api.predictions import Predictor
from serving.settings import ServiceSettings
from serving.store import ScoreStore


@dataclass(frozen=True)
class Runtime:
    """The model with its compiled matrix, the score store, the settings."""

    predictor: Predictor
    store: ScoreStore
    settings: ServiceSettings


def runtime(request: Request) -> Runtime:
    """Return the runtime of the app that answers; a dependency of routes."""
    found: Runtime = request.app.state.runtime
    return found


def request_id(request: Request) -> str:
    """Return the id that this request has in the answer and in the logs."""
    state = request.scope.setdefault("state", {})
    return str(state.setdefault("request_id", str(uuid4())))
