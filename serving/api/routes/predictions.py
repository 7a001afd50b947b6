"""POST /v1/predictions: raw history in, scores with reasons out; nothing is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from serving.access.principal import Principal
from serving.api.access import demand
from serving.api.documented import BODY_ERRORS
from serving.api.history import PredictionRequest
from serving.api.responses import PredictionsOut, ScoreOut
from serving.api.runtime import Runtime, request_id, runtime

router = APIRouter(tags=["Scores"])


@router.post(
    "/v1/predictions", responses=BODY_ERRORS, operation_id="predict", summary="Score accounts from raw history"
)
def predict(
    request: Request,
    body: PredictionRequest,
    principal: Annotated[Principal, Depends(demand("score"))],
    served: Annotated[Runtime, Depends(runtime)],
) -> PredictionsOut:
    """Score 1 to 100 accounts from their raw history; all or nothing, and nothing is stored."""
    predictor = served.predictor
    return PredictionsOut(
        model_version=predictor.bundle.version,
        request_id=request_id(request),
        predictions=[ScoreOut.of(score) for score in predictor.predict(body.accounts, body.as_of)],
    )
