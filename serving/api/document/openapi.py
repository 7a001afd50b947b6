"""The document of the API: OpenAPI 3.0.3 for every route and error, generated from FastAPI's document.

FastAPI describes the routes and models in version 3.1. This module adds the errors of limits and access, their media
types and headers, and examples. It converts the schemas (`serving.api.document.downgrade`) and drops unused ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.api.document.documented import CODES, EVERYWHERE, GUARDED, TEXTS, WITH_BODY
from serving.api.document.downgrade import Schema, to_30, with_named_nulls
from serving.api.document.examples import example_of
from serving.api.edge.problems import MEDIA_TYPE, PLAIN_TYPE, ProblemDetail
from serving.api.edge.repeats import HEADER, REPLAYED

VERSION = "3.0.3"
PROBLEM: Schema = {"$ref": "#/components/schemas/ProblemDetail"}
HTTP_METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")
DESCRIPTION = """Which B2B accounts are about to leave, how much revenue goes with them, why, and what can be done.

Send raw history to `predict` and get a score with reasons for each account; nothing is stored. Or read the scores \
that were stored by batch. Every answer carries `request_id`; errors are problem details (RFC 9457), as \
application/json for clients whose Accept names that and not the problem type."""
TAGS = {
    "Scores": "Scores from raw history",
    "Jobs": "Scores for more accounts than one call takes",
    "Accounts": "Stored scores and reports",
    "Acting": "What account managers plan, do and say of accounts",
    "Figures": "What the programme is worth: retention in money, NPS, loops, referrals",
    "Links": "Signed links to reports, for pages of a CRM",
    "Model": "What is served",
    "Operations": "For whoever runs the service",
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an app, as plain values."""
    generated = get_openapi(title=app.title, version=app.version, routes=app.routes)
    parts = generated.get("components", {})
    schemas: dict[str, Schema] = parts.get("schemas", {})
    schemas["ProblemDetail"] = ProblemDetail.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["ProblemDetail"].pop("$defs")
    for name in list(schemas):
        schemas[name] = with_named_nulls(schemas[name], schemas)
    described = with_named_nulls(generated["paths"], schemas)
    paths = {path: _methods(methods) for path, methods in sorted(described.items())}
    kept = {name: to_30(schemas[name]) for name in sorted(_used([paths, PROBLEM], schemas))}
    for operation in operations(paths):
        _add_examples(operation, kept)
    return {
        "openapi": VERSION,
        "info": {"title": app.title, "version": app.version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": _tags(paths),
        "paths": paths,
        "components": {
            "schemas": kept,
            "responses": {name: _error(status, kept) for name, status in sorted(_errors(paths).items())},
            "securitySchemes": parts.get("securitySchemes", {}),
        },
    }


def operations(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document's paths."""
    for methods in paths.values():
        yield from (methods[method] for method in HTTP_METHODS if method in methods)


def _tags(paths: dict[str, Any]) -> list[dict[str, str]]:
    used = {tag for operation in operations(paths) for tag in operation.get("tags", ())}
    return [{"name": tag, "description": TAGS.get(tag, tag)} for tag in sorted(used)]


def _methods(methods: dict[str, Any]) -> dict[str, Any]:
    return {method: _operation(operation) for method, operation in methods.items()}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_description(to_30(parameter["schema"]))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = to_30(content["schema"])
    responses = operation["responses"]
    for status in _implied_statuses(operation):
        responses.setdefault(str(status), {})
    operation["responses"] = {
        status: {"$ref": f"#/components/responses/{_name(int(status))}"}
        if int(status) >= 400
        else _success(response, operation)
        for status, response in sorted(responses.items())
    }
    return operation


def _implied_statuses(operation: dict[str, Any]) -> Iterator[int]:
    """Yield the statuses of errors that an operation does not list itself."""
    yield from EVERYWHERE
    yield from WITH_BODY if "requestBody" in operation else ()
    yield from GUARDED if operation.get("security") else ()
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        yield 404  # An id that is empty or holds a slash makes the path of another route, or of no route.


def _without_description(schema: Schema) -> Schema:
    """Return a parameter's schema without its description: FastAPI repeats the parameter's description there."""
    return {keyword: value for keyword, value in schema.items() if keyword != "description"}


def _success(response: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    for content in response.get("content", {}).values():
        content["schema"] = to_30(content["schema"])
    if response.get("description") in (None, "Successful Response"):
        response["description"] = operation["summary"]
    headers = _headers(200)
    if any(parameter["name"] == HEADER for parameter in operation.get("parameters", ())):
        text = f"true where this is the answer of the first request with the {HEADER}, given again"
        headers[REPLAYED] = _header(text, {"type": "string", "enum": ["true"]}, required=False)
    return {**response, "headers": headers | response.get("headers", {})}


def _name(status: int) -> str:
    """Return the name of an error's response among the components, such as ServiceUnavailable."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _errors(paths: dict[str, Any]) -> dict[str, int]:
    statuses = {int(status) for operation in operations(paths) for status in operation["responses"]}
    return {_name(status): status for status in statuses if status >= 400}


def _error(status: int, schemas: dict[str, Schema]) -> dict[str, Any]:
    example = example_of(PROBLEM, schemas) | {
        "type": f"urn:churn-risk:problem:{CODES[status]}",
        "title": HTTPStatus(status).phrase,
        "status": status,
    }
    if status != 422:
        example |= {"detail": TEXTS[status], "errors": []}
    content = {"schema": PROBLEM, "example": example}
    return {
        "description": TEXTS[status],
        "headers": _headers(status),
        "content": {MEDIA_TYPE: content, PLAIN_TYPE: content},
    }


def _headers(status: int) -> dict[str, Any]:
    headers = {
        "X-Request-Id": _header("Id of the request, as in the body but for one that is given again", {"type": "string"})
    }
    if status in (409, 429, 503):
        text = "Seconds until it is worth asking again"
        if status == 409:
            text += f", where the first request with the {HEADER} is still being worked on"
        headers["Retry-After"] = _header(text, {"type": "integer", "minimum": 0}, required=status != 409)
    if status == 401:
        headers["WWW-Authenticate"] = _header("How to say who asks", {"type": "string"})
    return headers


def _header(description: str, schema: Schema, required: bool = True) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": schema}


def _used(nodes: Any, schemas: dict[str, Schema]) -> set[str]:
    """Return the names of the schemas that some nodes refer to, directly or indirectly."""
    names: set[str] = set()
    new = _references(nodes)
    while new:
        names |= new
        new = {name for known in new for name in _references(schemas[known])} - names
    return names


def _references(node: Any) -> set[str]:
    return set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", repr(node)))


def _add_examples(operation: dict[str, Any], schemas: dict[str, Schema]) -> None:
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        parameter.setdefault("example", example_of(parameter["schema"], schemas, name, operation["operationId"]))
        if parameter["example"] is None:
            del parameter["example"]
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [response.get("content", {}) for response in operation["responses"].values()]
    for content in contents:
        for media_type, media in content.items():
            if "json" in media_type:
                media.setdefault("example", example_of(media["schema"], schemas))
