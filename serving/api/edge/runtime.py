"""The objects that the routes need; the service puts them on the app when it starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from fastapi import Request

from serving.access.audit import ReadAudit
from serving.access.gate import Gate
from serving.api.edge.identity import request_id as request_id
from serving.api.edge.problems import unavailable
from serving.database.write_check import WriteCheck
from serving.predict.batching import Batcher
from serving.predict.predictor import Predictor
from serving.predict.served_model import ServedModel
from serving.settings import ServiceSettings
from serving.store import ScoreStore

#: Seconds until the next request is useful while the service starts.
STARTING_SECONDS = 2


@dataclass(frozen=True)
class Runtime:
    """The current model and its batcher, the score store, the settings, and the gate."""

    model: ServedModel
    store: ScoreStore
    settings: ServiceSettings
    access: Gate
    batcher: Batcher
    #: Takes note of who reads which account; None when that is switched off.
    reads: ReadAudit | None = None
    #: Limits how many files of results are written at a time: each takes seconds, and other requests need the threads.
    files: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    #: Lets one PDF be laid out at a time: each keeps a processor busy for a second or more.
    papers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def predictor(self) -> Predictor:
        """The current predictor; a request reads this once, because it may change a moment later."""
        return self.model.predictor

    @property
    def today(self) -> date:
        """The day that it is for readers, in the zone of the pages."""
        return self.access.now().astimezone(ZoneInfo(self.settings.timezone)).date()

    @cached_property
    def writes(self) -> WriteCheck:
        """Whether the database takes writes."""
        return WriteCheck(self.store.engine)


def runtime(request: Request) -> Runtime:
    """Return the runtime of the app; a dependency of routes, which answer 503 while there is no runtime."""
    served: Runtime | None = getattr(request.app.state, "runtime", None)
    if served is None:
        raise unavailable("the service is starting", "not-ready", STARTING_SECONDS)
    return served
