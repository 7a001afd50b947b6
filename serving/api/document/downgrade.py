"""The conversion of JSON Schema from the dialect of OpenAPI 3.1 into that of OpenAPI 3.0.

Version 3.0 has no type lists, no `null` type, no `const` and no numeric exclusive bounds. It has one example instead of
several, and it ignores all keywords next to a `$ref`. `nullable` counts only beside a
`type`, and `allOf` of an object refuses null whatever stands beside it: a reference that may be null becomes one to a
schema of its own that allows null (`with_named_nulls`). A schema that needs a union in 3.0 raises, because CRMs refuse
unions.

References
----------
OpenAPI 3.0.3, section "Schema Object"; its clarification of `nullable` (proposal 2019-10-31).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serving.errors import NotConvertible

Schema = dict[str, Any]
#: Keywords with the same meaning in both; `nullable` is for routes that write their own schema in the dialect of 3.0.
KEPT = frozenset(
    {"title", "type", "format", "description", "default", "enum", "required", "pattern", "minLength", "maxLength",
     "minimum", "maximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
     "readOnly", "writeOnly", "deprecated", "example", "nullable"}
)  # fmt: skip

NULL: Schema = {"type": "null"}
OR_NULL = "OrNull"


def to_30(schema: Schema) -> Schema:
    """Return a 3.1 schema as a 3.0 schema.

    Raises
    ------
    NotConvertible
        When it is a union of several types, or uses a keyword without an equivalent in 3.0.

    Examples
    --------
    >>> to_30({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]})
    {'type': 'number', 'minimum': 0, 'exclusiveMinimum': True, 'nullable': True}
    >>> to_30({"$ref": "#/components/schemas/Rule", "description": "How churn is told"})
    {'allOf': [{'$ref': '#/components/schemas/Rule'}], 'description': 'How churn is told'}
    """
    converted: Schema = {}
    for keyword, value in schema.items():
        if keyword in KEPT:
            converted |= _plain(keyword, value)
        elif keyword in CONVERTERS:
            converted |= CONVERTERS[keyword](value)
        else:
            raise NotConvertible(f"OpenAPI 3.0 has no {keyword!r}: {schema}")
    if "$ref" in converted and len(converted) > 1:
        converted = {"allOf": [{"$ref": converted.pop("$ref")}], **converted}
    if converted.get("nullable") and "enum" in converted and None not in converted["enum"]:
        converted["enum"] = [*converted["enum"], None]
    return converted


def with_named_nulls(node: Any, schemas: dict[str, Schema]) -> Any:
    """Return a node of version 3.1 in which each union of a reference and null is one reference.

    Parameters
    ----------
    schemas : dict of str to schema
        The schemas by name; those that allow null are added, each as its name with `OrNull`.

    Examples
    --------
    >>> schemas = {"Rule": {"type": "object", "title": "Rule"}}
    >>> with_named_nulls({"anyOf": [{"$ref": "#/components/schemas/Rule"}, {"type": "null"}]}, schemas)
    {'$ref': '#/components/schemas/RuleOrNull'}
    >>> schemas["RuleOrNull"]
    {'type': ['object', 'null'], 'title': 'RuleOrNull'}
    """
    if isinstance(node, list):
        return [with_named_nulls(inner, schemas) for inner in node]
    if not isinstance(node, dict):
        return node
    made = {key: with_named_nulls(inner, schemas) for key, inner in node.items()}
    options = made.get("anyOf")
    reference = next((option["$ref"] for option in options or () if "$ref" in option), None)
    if reference is None or options not in ([{"$ref": reference}, NULL], [NULL, {"$ref": reference}]):
        return made
    del made["anyOf"]
    name = reference.rpartition("/")[2]
    schema = with_named_nulls(schemas[name], schemas)
    schemas[name + OR_NULL] = {**schema, "type": [schema["type"], "null"], "title": name + OR_NULL}
    return {"$ref": reference + OR_NULL, **made}


def _plain(keyword: str, value: Any) -> Schema:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if keyword == "default" and value is None:
        return {}
    if keyword != "type" or isinstance(value, str):
        return {keyword: value}
    kinds = [kind for kind in value if kind != "null"]
    if len(kinds) != 1:
        raise NotConvertible(f"a union of types: {value}")
    return {"type": kinds[0], "nullable": True} if "null" in value else {"type": kinds[0]}


def _union(options: list[Schema]) -> Schema:
    """Return the only option that is not null, as nullable if there was a null option."""
    non_null = [option for option in options if option != NULL]
    if len(non_null) != 1:
        raise NotConvertible(f"a union of {len(non_null)} schemas, which CRMs refuse: {options}")
    only = to_30(non_null[0])
    if len(non_null) == len(options):
        return only
    if "$ref" in only:
        raise NotConvertible(f"a reference that may be null and has no name of its own: {only}")
    return {**only, "nullable": True}


def _tuple(items: list[Schema]) -> Schema:
    if any(item != items[0] for item in items):
        raise NotConvertible(f"a tuple of several types: {items}")
    return {"items": to_30(items[0])}


def _encoding(name: str) -> Schema:
    if name != "base64":
        raise NotConvertible(f"a text encoded as {name}")
    return {"format": "byte"}


def _open(value: bool | Schema) -> Schema:
    return {"additionalProperties": to_30(value) if isinstance(value, dict) else value}


CONVERTERS: dict[str, Callable[[Any], Schema]] = {
    "$ref": lambda value: {"$ref": value},
    "anyOf": _union,
    "oneOf": _union,
    "allOf": lambda value: {"allOf": [to_30(part) for part in value]},
    "properties": lambda value: {"properties": {name: to_30(inner) for name, inner in value.items()}},
    "items": lambda value: {"items": to_30(value)},
    "prefixItems": _tuple,
    "additionalProperties": _open,
    "const": lambda value: {"enum": [value]},
    "examples": lambda value: {"example": value[0]},
    "exclusiveMinimum": lambda value: {"minimum": value, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda value: {"maximum": value, "exclusiveMaximum": True},
    "contentMediaType": lambda value: {"format": "binary"},
    "contentEncoding": _encoding,
}
