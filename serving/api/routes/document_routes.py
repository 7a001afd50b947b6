"""GET /openapi.json and /swagger.json: the documents of the API, made once and then served from memory."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from serving.api.document.openapi import document
from serving.api.document.swagger import swagger

router = APIRouter(tags=["Operations"])
OPEN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}}
}


@router.get(
    "/openapi.json",
    responses=OPEN,
    response_class=Response,
    operation_id="getOpenapi",
    summary="This document, OpenAPI 3.0",
)
def openapi_document(request: Request) -> Response:
    """Return the document of the routes and their errors."""
    return Response(documents(request.app)["openapi"], media_type="application/json")


@router.get(
    "/swagger.json",
    responses=OPEN,
    response_class=Response,
    operation_id="getSwagger",
    summary="This document as Swagger 2.0",
)
def swagger_document(request: Request) -> Response:
    """Return the document for custom connectors of Power Platform."""
    return Response(documents(request.app)["swagger"], media_type="application/json")


def documents(app: FastAPI) -> dict[str, bytes]:
    """Return both documents as bytes; making them takes a moment, so only the first call does it."""
    if not hasattr(app.state, "documents"):
        openapi = document(app)
        app.state.documents = {
            "openapi": msgspec.json.encode(openapi),
            "swagger": msgspec.json.encode(swagger(openapi)),
        }
    kept: dict[str, bytes] = app.state.documents
    return kept
