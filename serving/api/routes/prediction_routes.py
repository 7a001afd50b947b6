"""POST /v1/predictions: raw history in, scores with reasons out; nothing is stored.

A body of the plain form, which most callers send, is read at once by `serving.predict.plain_request`; any other, and
one with faults, by the model that the document shows.
"""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from serving import metrics
from serving.access.principal import Principal
from serving.api.answers.rendering import rendered_predictions
from serving.api.answers.responses import PredictionsOut
from serving.api.answers.shown import LangQuery, ReasonsQuery
from serving.api.document.documented import BODY_ERRORS, errors
from serving.api.edge.demands import demand
from serving.api.edge.problems import unavailable
from serving.api.edge.repeats import Handler, RepeatableRoute, RepeatDependency
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.errors import Overloaded
from serving.faults import Fault
from serving.predict.cut_days import Counted
from serving.predict.history import PredictionRequest, few
from serving.predict.plain_request import PlainRequest, plain_request
from serving.predict.predictor import Call, Predictor
from serving.predict.request_rows import contradictions_as_sent
from serving.scoring.scores import Score

#: Seconds until the next request is useful when too many predictions wait.
RETRY_SECONDS = 1


class PlainlyRead(Request):
    """A request whose body is read at once where it is of the plain form."""

    async def json(self) -> Any:
        """Return the records of the body, or what its JSON holds."""
        if not hasattr(self, "_json"):
            plain = plain_request(await self.body())
            if plain is None:
                return await super().json()
            self._json = plain
        return self._json


class PlainRoute(RepeatableRoute):
    """A route whose bodies are read plainly where they can be."""

    def get_route_handler(self) -> Handler:
        """Return the route's handler."""
        handler = super().get_route_handler()

        async def read(request: Request) -> Response:
            return await handler(PlainlyRead(request.scope, request.receive))

        return read


def _as_read(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, PlainRequest):
        return value
    try:
        return validate(value)
    except ValidationError as error:
        if not isinstance(value, dict) or not few(value.get("accounts")):
            raise
        faults: list[Any] = [
            {name: each[name] for name in ("type", "loc", "input", "ctx") if name in each} for each in error.errors()
        ]
        wrong = {each["loc"] for each in faults}
        beside = [line for line in map(_line, contradictions_as_sent(value)) if line["loc"] not in wrong]
        raise ValidationError.from_exception_data(error.title, faults + beside) from None


def _line(fault: Fault) -> Any:
    """Return a fault as pydantic lists it."""
    place = fault.place if fault.account is None else ("accounts", fault.account, *fault.place)
    return {"type": "value_error", "loc": place, "input": None, "ctx": {"error": ValueError(fault.detail)}}


router = APIRouter(tags=["Scores"], route_class=PlainRoute)


@router.post(
    "/v1/predictions",
    responses=BODY_ERRORS | errors(409),
    response_model=PredictionsOut,
    operation_id="predict",
    summary="Score accounts from raw history",
)
async def predict(
    request: Request,
    body: Annotated[PredictionRequest, WrapValidator(_as_read)],
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
