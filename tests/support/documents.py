"""What the tests of the endpoint's document share: its operations, its references, what breaks one of its schemas."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import OAS30Validator, oas30_format_checker

from support.served import Json

JSON_TYPES = ("application/json", "application/problem+json")


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield ('get /v1/model', operation)."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def operation_of(document: Json, operation_id: str) -> Json:
    """Return the operation of an id."""
    (found,) = [one for _, one in operations(document) if one["operationId"] == operation_id]
    return found


def resolved(document: Json, node: Json) -> Json:
    """Return what a node stands for."""
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def responses(document: Json, operation: Json) -> dict[str, Json]:
    """Return the responses of an operation by status."""
    return {status: resolved(document, response) for status, response in operation["responses"].items()}


def faults(document: Json, schema: Json, value: Any, closed: bool = False) -> list[str]:
    """Return where a value breaks a schema of the document; where it is `closed`, undocumented fields break it too."""
    schemas = copy.deepcopy(document["components"]["schemas"])
    for one in schemas.values() if closed else ():
        one.setdefault("additionalProperties", False)
    whole = {"allOf": [schema], "components": {"schemas": schemas}}
    validator = OAS30Validator(whole, format_checker=oas30_format_checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
