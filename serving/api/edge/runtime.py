"""What the routes need, put on the app by the service when it starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from fastapi import Request

from serving.access.gate import Gate
from serving.api.edge.identity import request_id as request_id
from serving.api.edge.problems import unavailable
from serving.predict.batching import Batcher
from serving.predict.predictor import Predictor
from serving.predict.served_model import ServedModel
from serving.settings import ServiceSettings
from serving.store import ScoreStore

#: Seconds after which to ask a service again that is starting.
STARTING_SECONDS = 2


@dataclass(frozen=True)
class Runtime:
    """The model that answers now and who waits for it, the score store, the settings, and who is let in."""

    model: ServedModel
    store: ScoreStore
    settings: ServiceSettings
    access: Gate
    batcher: Batcher
    #: Files of results that are made at a time: each takes seconds, and others need the threads.
    files: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    @property
    def predictor(self) -> Predictor:
        """What answers now; a request reads it once, because it may be another a moment later."""
        return self.model.predictor


def runtime(request: Request) -> Runtime:
    """Return the runtime of the app that answers; a dependency of routes, which answer 503 while there is none."""
    served: Runtime | None = getattr(request.app.state, "runtime", None)
    if served is None:
        raise unavailable("the service is starting", "not-ready", STARTING_SECONDS)
    return served
