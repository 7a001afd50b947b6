"""POST /v1/predictions: raw history in, scores with reasons out; nothing is stored."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from serving import metrics
from serving.access.principal import Principal
from serving.api.answers.rendering import rendered_predictions
from serving.api.answers.responses import PredictionsOut
from serving.api.answers.shown import LangQuery, ReasonsQuery
from serving.api.document.documented import BODY_ERRORS, errors
from serving.api.edge.demands import demand
from serving.api.edge.problems import unavailable
from serving.api.edge.repeats import RepeatableRoute, RepeatDependency
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.errors import Overloaded
from serving.predict.cut_days import Counted
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Call, Predictor
from serving.scoring.scores import Score

#: Seconds until the next request is useful when too many predictions wait.
RETRY_SECONDS = 1
router = APIRouter(tags=["Scores"], route_class=RepeatableRoute)


@router.post(
    "/v1/predictions",
    responses=BODY_ERRORS | errors(409),
    response_model=PredictionsOut,
    operation_id="predict",
    summary="Score accounts from raw history",
)
async def predict(
    request: Request,
    body: PredictionRequest,
    principal: Annotated[Principal, Depends(demand("score"))],
    served: Annotated[Runtime, Depends(runtime)],
    repeat: RepeatDependency,
    lang: LangQuery = "en",
    reasons: ReasonsQuery = "all",
) -> Response:
    """Score 1 to 100 accounts from their raw history; all or nothing, and nothing is stored."""
    identity = request_id(request)
    metrics.step_took("parse", perf_counter() - request.scope["state"].get("received", perf_counter()))

    def rendered(predictor: Predictor, scores: list[Score]) -> bytes:
        for score in scores:
            metrics.predicted(score.band, score.missing_tables)
        histories: list[Counted] = body.accounts
        cut = [body.cut, *(history.cut for history in histories)]
        return rendered_predictions(predictor, identity, scores, histories, lang, reasons, cut)

    call, seconds = Call(body.accounts, body.as_of), served.settings.answer_seconds
    try:
        text = await served.batcher.predict(served.predictor, call, rendered, seconds)
    except Overloaded as error:
        raise unavailable(str(error), "overloaded", RETRY_SECONDS) from error
    return Response(text, media_type="application/json")
