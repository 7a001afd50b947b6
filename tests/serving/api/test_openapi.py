"""The document of the endpoint: valid OpenAPI 3.0 and Swagger 2.0, kept to what CRMs accept, and true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator
from support.documents import JSON_TYPES, faults, operations, resolved, responses
from support.served import Client, Json, run_command

from serving.api.app import create_app
from serving.api.document.documented import EVERYWHERE, GUARDED
from serving.api.document.downgrade import to_30
from serving.api.document.openapi import document as document_of
from serving.api.document.swagger import swagger as swagger_of
from serving.api.edge.repeats import HEADER, REPLAYED
from serving.errors import NotConvertible


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app()


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Json:
    return document_of(app)


@pytest.fixture(scope="module")
def swagger(document: Json) -> Json:
    return swagger_of(document)


def nodes(node: Any, place: str = "#") -> Iterator[tuple[str, Json]]:
    """Yield every object of a document with its place, but no examples: their keys are data."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            if key not in ("example", "examples", "default"):
                yield from nodes(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from nodes(value, f"{place}/{number}")


# Valid, stable, and of the routes that there are


def test_it_is_openapi_30(document: Json) -> None:
    assert document["openapi"] == "3.0.3"
    OpenAPIV30SpecValidator(document).validate()


def test_it_is_swagger_20(swagger: Json) -> None:
    assert swagger["swagger"] == "2.0"
    OpenAPIV2SpecValidator(swagger).validate()


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_it_is_served_and_the_same_to_the_byte(path: str) -> None:
    first, second = Client(create_app()).get(path), Client(create_app()).get(path)
    assert first.status_code == 200 and first.headers["content-type"] == "application/json"
    assert first.content == second.content


def test_every_route_is_in_it_and_no_other(app: FastAPI, document: Json) -> None:
    """Also those that are left out on purpose elsewhere: here nothing is."""
    routes = {
        (route.path_format, method.lower()) for route in app.routes if isinstance(route, APIRoute)
        for method in route.methods
    }  # fmt: skip
    assert routes == {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert len(routes) >= 10


def test_sets_and_names_are_sorted(document: Json) -> None:
    for names in (document["paths"], document["components"]["schemas"], document["components"]["responses"]):
        assert list(names) == sorted(names)
    for _, operation in operations(document):
        assert list(operation["responses"]) == sorted(operation["responses"])


# What CRMs accept


def test_operation_ids_are_identifiers_and_their_own(document: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]{2,59}", name) for name in ids), ids
    assert len(set(ids)) == len(ids)


def test_every_operation_has_a_short_summary_and_a_tag(document: Json) -> None:
    for name, operation in operations(document):
        assert 5 < len(operation["summary"]) <= 80, name
        assert not operation["summary"].endswith("."), name
        assert len(operation["tags"]) == 1, name
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(text != name for name, text in described.items()), "a tag without words of its own"


@pytest.mark.parametrize("kind", ["document", "swagger"])
def test_there_are_no_unions(kind: str, request: pytest.FixtureRequest) -> None:
    for place, node in nodes(request.getfixturevalue(kind)):
        assert not {"anyOf", "oneOf", "not", "discriminator"} & set(node) or place.endswith("/properties"), place
        assert len(node.get("allOf", [0])) == 1, place


@pytest.mark.parametrize("kind", ["document", "swagger"])
def test_nothing_of_31_is_left(kind: str, request: pytest.FixtureRequest) -> None:
    gone = {"const", "prefixItems", "contentMediaType", "contentEncoding", "$defs", "patternProperties", "if"}
    for place, node in nodes(request.getfixturevalue(kind)):
        if place.endswith("/properties"):
            continue
        assert not gone & set(node), place
        assert not isinstance(node.get("type"), list), place
        assert node.get("type") != "null", place
        assert not isinstance(node.get("examples"), list), place
        assert isinstance(node.get("exclusiveMinimum", True), bool), place
        assert "$ref" not in node or set(node) == {"$ref"}, f"{place}: what stands beside a reference is ignored"


def test_null_counts_only_beside_a_type(document: Json) -> None:
    """OpenAPI 3.0.3 ignores `nullable` elsewhere."""
    marked = [(place, node) for place, node in nodes(document) if node.get("nullable")]
    assert marked and [place for place, node in marked if "type" not in node] == []


def test_an_answer_with_a_null_object_is_as_documented(document: Json) -> None:
    none = {"request_id": "r", "as_of": None, "model_version": None, "model": None, "warnings": [], "accounts": [],
            "next_cursor": None}  # fmt: skip
    schema = {"$ref": "#/components/schemas/AccountsOut"}
    assert faults(document, schema, none) == []
    assert faults(document, schema, none | {"model": {}}) != []


def test_bodies_are_objects(document: Json) -> None:
    """No list and no bare value at the top."""
    for name, operation in operations(document):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [response.get("content", {}) for response in responses(document, operation).values()]
        for content in contents:
            for media_type, one in content.items():
                if media_type in JSON_TYPES:
                    assert resolved(document, one["schema"])["type"] == "object", name


@pytest.mark.parametrize("kind", ["document", "swagger"])
def test_descriptions_are_short(kind: str, request: pytest.FixtureRequest) -> None:
    texts = [
        (place, node["description"]) for place, node in nodes(request.getfixturevalue(kind))
        if isinstance(node.get("description"), str)
    ]  # fmt: skip
    assert texts
    assert {place for place, text in texts if len(text) >= 1000} == set()


def test_answers_say_request_and_model_version(document: Json) -> None:
    """In the body: Salesforce drops headers."""
    for name, operation in operations(document):
        for status, response in responses(document, operation).items():
            for media_type, one in response.get("content", {}).items():
                schema = resolved(document, one["schema"])
                if media_type in JSON_TYPES and "properties" in schema:
                    assert "request_id" in schema["required"], (name, status)
    schemas = document["components"]["schemas"]
    for model in ("PredictionsOut", "ScoreOut", "RiskOut", "ModelOut", "AccountsOut", "AccountRow"):
        assert "model_version" in schemas[model]["required"], model


def test_scores_have_flat_reasons(document: Json) -> None:
    for model in ("ScoreOut", "RiskOut", "AccountRow"):
        schema = document["components"]["schemas"][model]
        for name in ("reason_1", "reason_2", "reason_3"):
            assert schema["properties"][name]["type"] == "string" and schema["properties"][name]["nullable"]
            assert name in schema["required"]


def test_schemas_and_responses_are_all_used(document: Json) -> None:
    text = json.dumps(document)
    for kind in ("schemas", "responses"):
        for name in document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, name


# Errors


def test_errors_are_problem_details_by_both_names(document: Json) -> None:
    for name, operation in operations(document):
        for status, response in responses(document, operation).items():
            if int(status) >= 400:
                assert tuple(sorted(response["content"])) == JSON_TYPES, (name, status)
                for one in response["content"].values():
                    assert one["schema"] == {"$ref": "#/components/schemas/ProblemDetail"}
                    assert one["example"]["status"] == int(status)


def test_errors_that_can_always_come_are_there(document: Json) -> None:
    for name, operation in operations(document):
        expected = {*EVERYWHERE, *(GUARDED if operation.get("security") else ())}
        assert {str(status) for status in expected} <= set(operation["responses"]), name


def test_headers_are_there(document: Json) -> None:
    for name, operation in operations(document):
        for status, response in responses(document, operation).items():
            headers = response["headers"]
            assert headers["X-Request-Id"]["required"], (name, status)
            assert ("Retry-After" in headers) == (status in ("409", "429", "503")), (name, status)
            assert status == "409" or headers.get("Retry-After", {"required": True})["required"], (name, status)
            assert ("WWW-Authenticate" in headers) == (status == "401"), (name, status)


@pytest.mark.parametrize("kind", ["document", "swagger"])
def test_answers_that_are_given_again_say_so(kind: str, request: pytest.FixtureRequest) -> None:
    """Where an Idempotency-Key is taken, and only there; a first answer has no such header."""
    found, taking = request.getfixturevalue(kind), set()
    for name, operation in operations(found):
        takes = any(parameter["name"] == HEADER for parameter in operation.get("parameters", ()))
        taking |= {operation["operationId"]} if takes else set()
        for status, response in responses(found, operation).items():
            replayed = response["headers"].get(REPLAYED)
            assert (replayed is not None) == (takes and status < "300"), (name, status)
            assert replayed is None or not replayed.get("required", False), (name, status)
        assert not takes or "Retry-After" in responses(found, operation)["409"]["headers"], name
    assert taking == {"predict", "createJob", "createLink", "giveFeedback", "addStep"}


def test_everything_under_v1_is_guarded_but_signed_links(document: Json) -> None:
    for name, operation in operations(document):
        opened = name == "get /v1/reports/{token}" or ("/v1/" not in name and name != "get /metrics")
        assert bool(operation.get("security")) is not opened, name
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}


# Examples


def test_every_body_and_parameter_has_an_example_that_is_valid(document: Json) -> None:
    seen = 0
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                assert faults(document, parameter["schema"], parameter["example"]) == [], (name, parameter["name"])
            assert "example" in parameter or not parameter["required"], (name, parameter["name"])
        bodies = [operation.get("requestBody", {}), *responses(document, operation).values()]
        for body in bodies:
            for media_type, one in body.get("content", {}).items():
                if media_type in JSON_TYPES:
                    assert faults(document, one["schema"], one["example"]) == [], name
                    seen += 1
    assert seen > 50


def test_an_example_that_is_wrong_would_be_seen(document: Json) -> None:
    """The test above can fail."""
    schema = {"$ref": "#/components/schemas/ScoreOut"}
    assert any("as_of" in fault for fault in faults(document, schema, {"as_of": "soon"}))


# Swagger 2.0 for Power Platform


def test_swagger_has_names_for_people(swagger: Json) -> None:
    for name, operation in operations(swagger):
        for parameter in operation["parameters"]:
            assert parameter["x-ms-summary"] and parameter["x-ms-visibility"] in ("important", "advanced"), name
            assert ("schema" in parameter) == (parameter["in"] == "body"), name
    for name, schema in swagger["definitions"].items():
        for field, one in schema.get("properties", {}).items():
            assert "$ref" in one or one["x-ms-summary"], (name, field)


def test_swagger_knows_no_nullable(swagger: Json) -> None:
    marked = [place for place, node in nodes(swagger) if "x-nullable" in node]
    assert marked
    for place, node in nodes(swagger):
        assert "nullable" not in node and "requestBody" not in node and "content" not in node, place
        assert None not in node.get("enum", []), place


def test_swagger_has_the_same_operations_and_errors(document: Json, swagger: Json) -> None:
    ours = {name: (one["operationId"], sorted(one["responses"])) for name, one in operations(document)}
    assert ours == {name: (one["operationId"], sorted(one["responses"])) for name, one in operations(swagger)}


def test_a_body_that_swagger_cannot_say_is_no_secret() -> None:
    operation = {"requestBody": {"content": {"text/csv": {}}}, "responses": {}}
    with pytest.raises(NotConvertible, match="text/csv"):
        swagger_of({"info": {}, "tags": [], "paths": {"/": {"post": operation}}, "components":
                    {"schemas": {}, "responses": {}, "securitySchemes": {}}})  # fmt: skip


# The conversion


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "T"}, {"type": "string", "nullable": True,
                                                                          "title": "T"}),
        ({"anyOf": [{"enum": ["a"], "type": "string"}, {"type": "null"}]},
         {"enum": ["a", None], "type": "string", "nullable": True}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"type": "integer", "maximum": 10.0}, {"type": "integer", "maximum": 10}),
        ({"exclusiveMaximum": 3}, {"maximum": 3, "exclusiveMaximum": True}),
        ({"examples": ["a", "b"]}, {"example": "a"}),
        ({"prefixItems": [{"type": "number"}, {"type": "number"}]}, {"items": {"type": "number"}}),
        ({"type": "string", "contentMediaType": "application/octet-stream"}, {"type": "string", "format": "binary"}),
        ({"type": "string", "contentEncoding": "base64"}, {"type": "string", "format": "byte"}),
        ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"enum": [1]}}),
        ({"type": "string", "default": None}, {"type": "string"}),
    ],
    ids=str,
)  # fmt: skip
def test_conversion(given: Json, expected: Json) -> None:
    assert to_30(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": ["string", "integer"]},
        {"properties": {"a": {"if": {}}}},
        {"prefixItems": [{"type": "number"}, {"type": "string"}]},
        {"contentEncoding": "quoted-printable"},
        {"anyOf": [{"$ref": "#/a"}, {"type": "null"}]},
    ],
    ids=str,
)
def test_what_30_cannot_say_is_refused(given: Json) -> None:
    with pytest.raises(NotConvertible):
        to_30(given)


# The command


@pytest.mark.parametrize(("option", "path"), [((), "/openapi.json"), (("--swagger",), "/swagger.json")])
def test_the_command_writes_what_is_served(
    option: tuple[str, ...], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    out = tmp_path / "document.json"
    done = run_command(monkeypatch, capsys, "openapi", "--out", out, *option, "--json")
    assert done.code == 0 and done.result["bytes"] == out.stat().st_size
    assert out.read_bytes() == Client(create_app()).get(path).content
