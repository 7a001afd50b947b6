"""GET /v1/model: the served model."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from serving.access.principal import Principal
from serving.api.answers.responses import ModelOut
from serving.api.answers.shown import LangQuery
from serving.api.document.documented import errors
from serving.api.edge.demands import demand
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.scoring.model_facts import model_facts, signal_facts
from serving.words.caution_words import grade_meaning

router = APIRouter(tags=["Model"])


@router.get("/v1/model", responses=errors(422), operation_id="getModel", summary="The served model")
def model(
    request: Request,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    lang: LangQuery = "en",
) -> ModelOut:
    """Return what the model was trained on and when, its rule of churn, signals, metrics and grade.

    The reference figures tell of all accounts of the training book, so only callers who see the whole book get them.
    """
    facts = model_facts(served.predictor.bundle)
    further = {
        "model_version": facts["version"],
        "grade_meaning": grade_meaning(facts["grade"], lang),
        "reference": facts["reference"] if principal.account_managers is None else None,
        "signals": signal_facts(),
        "request_id": request_id(request),
    }
    return ModelOut.model_validate(facts | further)
