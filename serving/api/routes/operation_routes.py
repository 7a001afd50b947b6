"""GET /livez, /healthz, /readyz, /metrics: for the operators of the service. Only the metrics demand a credential."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from serving import metrics
from serving.access.principal import Principal
from serving.api.answers.stored_metrics import StoredMetrics
from serving.api.edge.demands import demand
from serving.api.edge.problems import unavailable
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.clock import utc_now
from serving.database.engine import reading
from serving.errors import StoreUnavailable
from serving.store.score_tables import newest_run

router = APIRouter(tags=["Operations"])
#: Seconds until a database that took no write is tried again.
READ_ONLY_SECONDS = 1


class LiveOut(BaseModel):
    """The process answers."""

    status: Literal["alive"] = Field(description="Always this")
    request_id: str = Field(description="Id of this request in the service's logs")


class ReadyOut(BaseModel):
    """The service can do its work."""

    model_config = ConfigDict(protected_namespaces=())
    status: Literal["ready"] = Field(description="Always this; a service that is not ready answers 503")
    model_version: str = Field(description="The model version that answers")
    request_id: str = Field(description="Id of this request in the service's logs")


@router.get("/livez", operation_id="getLiveness", summary="Whether the process answers at all")
async def live(request: Request) -> LiveOut:
    """Answer; nothing else is looked at, so that a database that is away restarts no process."""
    return LiveOut(status="alive", request_id=request_id(request))


@router.get("/healthz", operation_id="getHealth", summary="The same as /livez, by BentoML's other name for it")
async def healthy(request: Request) -> LiveOut:
    """Answer as /livez."""
    return await live(request)


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Whether the model can be asked, and the database be read and written",
)
def ready(request: Request, served: Annotated[Runtime, Depends(runtime)]) -> ReadyOut:
    """Answer once a model is loaded and the database can be read and written (tried every five seconds); else 503."""
    with reading(served.store.engine) as connection:
        connection.execute(newest_run()).first()
    served.access.demand_reachable()
    try:
        served.writes.demand()
    except StoreUnavailable as error:
        raise unavailable("the database answers and takes no writes", "store-read-only", READ_ONLY_SECONDS) from error
    return ReadyOut(status="ready", model_version=served.predictor.bundle.version, request_id=request_id(request))


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    operation_id="getMetrics",
    summary="Metrics of all workers in Prometheus' text format",
)
def measured(
    principal: Annotated[Principal, Depends(demand("admin"))],
    served: Annotated[Runtime, Depends(runtime)],
) -> Response:
    """Return the metrics; with credentials in use they demand the scope admin, because they tell of the whole book."""
    text, media_type = metrics.exposition(StoredMetrics(served.store.engine, utc_now))
    return Response(text, media_type=media_type)
