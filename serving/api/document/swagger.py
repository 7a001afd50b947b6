"""The document as Swagger 2.0 with Microsoft's extensions, for custom connectors of Power Platform and Dynamics.

The module converts the OpenAPI 3.0 document: bodies become body parameters, components become definitions, `nullable`
becomes `x-nullable`. Every parameter and property gets a name for people (`x-ms-summary`).
"""

from __future__ import annotations

from typing import Any

from serving.api.edge.problems import MEDIA_TYPE
from serving.errors import NotConvertible

Json = dict[str, Any]
JSON = "application/json"
#: Keys of an operation that are the same in both.
KEPT = ("tags", "summary", "description", "operationId", "security", "deprecated")
#: Keywords that 2.0 permits in a header, and in a parameter that is not a body.
IN_PARAMETERS = frozenset(
    {"type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
     "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf"}
)  # fmt: skip


def swagger(document: Json) -> Json:
    """Return an OpenAPI 3.0 document as Swagger 2.0.

    Raises
    ------
    NotConvertible
        When an operation takes a body that is not JSON, or a cookie.
    """
    parts = document["components"]
    return {
        "swagger": "2.0",
        "info": document["info"],
        "basePath": "/",
        "schemes": ["https", "http"],
        "consumes": [JSON],
        "produces": [JSON],
        "tags": document["tags"],
        "paths": {path: _methods(methods, parts) for path, methods in document["paths"].items()},
        "definitions": {name: _schema(schema) for name, schema in parts["schemas"].items()},
        "securityDefinitions": {name: _security(scheme) for name, scheme in parts["securitySchemes"].items()},
    }


def _methods(methods: Json, parts: Json) -> Json:
    return {method: _operation(operation, parts) for method, operation in methods.items()}


def _operation(operation: Json, parts: Json) -> Json:
    kept = {key: operation[key] for key in KEPT if key in operation}
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    if "requestBody" in operation:
        parameters.append(_body(operation["requestBody"]))
    responses = {status: _resolved(response, parts) for status, response in operation["responses"].items()}
    media_types = {media_type for response in responses.values() for media_type in response.get("content", {})}
    converted: Json = {**kept, "parameters": parameters, "produces": sorted(media_types | {JSON})}
    if "Operations" in operation.get("tags", ()):
        converted["x-ms-visibility"] = "internal"
    return {**converted, "responses": {status: _response(response) for status, response in responses.items()}}


def _parameter(parameter: Json) -> Json:
    if parameter["in"] == "cookie":
        raise NotConvertible(f"Swagger 2.0 has no cookies: {parameter['name']}")
    return {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter.get("required", False),
        "description": parameter.get("description", ""),
        "x-ms-summary": _summary(parameter["schema"], parameter["name"]),
        "x-ms-visibility": "important" if parameter.get("required") else "advanced",
        **_flat(parameter["schema"]),
    }


def _body(body: Json) -> Json:
    if set(body["content"]) != {JSON}:
        raise NotConvertible(f"a body of {', '.join(body['content'])}, where Swagger 2.0 takes {JSON}")
    return {
        "name": "body",
        "in": "body",
        "required": body.get("required", False),
        "x-ms-summary": "Body",
        "x-ms-visibility": "important",
        "schema": _schema(body["content"][JSON]["schema"]),
    }


def _resolved(response: Json, parts: Json) -> Json:
    name = response.get("$ref", "").rpartition("/")[2]
    return parts["responses"][name] if name else response


def _response(response: Json) -> Json:
    converted: Json = {"description": response["description"]}
    headers = response.get("headers", {})
    converted["headers"] = {
        name: {"description": header.get("description", ""), **_flat(header["schema"])}
        for name, header in headers.items()
    }
    content = response.get("content", {})
    if JSON in content:
        converted["schema"] = _schema(content[JSON]["schema"])
        if MEDIA_TYPE not in content:
            converted["examples"] = {JSON: content[JSON]["example"]}
    elif content:
        # Text, or `format: binary`, which connectors treat as a file.
        converted["schema"] = _schema(next(iter(content.values()))["schema"])
    return converted


def _flat(schema: Json) -> Json:
    """Return the keywords of a parameter's or header's schema; in 2.0 they have no schema of their own."""
    return {keyword: value for keyword, value in _schema(schema).items() if keyword in IN_PARAMETERS}


def _schema(schema: Json) -> Json:
    converted: Json = {}
    for keyword, value in schema.items():
        if keyword == "$ref":
            converted["$ref"] = f"#/definitions/{value.rpartition('/')[2]}"
        elif keyword == "nullable":
            converted["x-nullable"] = value
        elif keyword == "enum":
            converted["enum"] = [option for option in value if option is not None]
        elif keyword == "properties":
            converted["properties"] = {name: _property(name, inner) for name, inner in value.items()}
        elif keyword == "items" or (keyword == "additionalProperties" and isinstance(value, dict)):
            converted[keyword] = _schema(value)
        elif keyword == "allOf":
            converted["allOf"] = [_schema(part) for part in value]
        elif keyword not in ("writeOnly", "deprecated"):
            converted[keyword] = value
    return converted


def _property(name: str, schema: Json) -> Json:
    converted = _schema(schema)
    if "$ref" not in converted:
        converted["x-ms-summary"] = _summary(schema, name)
        converted.pop("title", None)
    return converted


def _summary(schema: Json, name: str) -> str:
    """Return the name for people: 'Account id' for account_id."""
    return str(schema.get("title", name)).replace("_", " ").replace("-", " ").strip().capitalize()


def _security(scheme: Json) -> Json:
    """Return a security definition; 2.0 has no bearer scheme, so it becomes the header that carries the token."""
    definition = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": scheme.get("description", ""),
    }
    if scheme["type"] == "apiKey":
        return definition | {"in": scheme["in"], "name": scheme["name"]}
    return definition | {"description": f"Bearer, a blank, and then: {scheme.get('description', '')}"}
