#!/usr/bin/env bash
# Package: openapi-schema-validator 0.9.0 (OpenAPI 3.0, as version 3.0.3 of the specification clarified it).
#
# Who meets it: whoever offers a document of version 3.0 because a CRM's importer takes no 3.1, and has a field that is
# an object or null: the last run of an account, or none.
# Expected: the usual way to write it, a reference within `allOf` and `nullable: true` beside it, admits null; so does
# the same with `type: object`, since `nullable` counts beside a `type`.
# Happens: null is refused both times. `nullable` only widens the `type` that stands in the same schema, and every schema
# of `allOf` must hold of the value too, where the referenced object has `type: object` and is not nullable. The document
# itself passes as valid, so that it shows only when an answer with the null is validated. A schema of its own that has
# the type and `nullable` admits null.
#
# Seen:
#   allOf, nullable: an object True, null False
#   allOf, type, nullable: an object True, null False
#   reference to a nullable schema: an object True, null True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'openapi-schema-validator==0.9.0' \
    'openapi-spec-validator==0.9.0'
cat > "$folder/try.py" <<'PY'
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

run = {"type": "object", "properties": {"version": {"type": "string"}}, "required": ["version"]}
schemas = {"Run": run, "RunOrNull": {**run, "nullable": True}}
reference = [{"$ref": "#/components/schemas/Run"}]
forms = {
    "allOf, nullable": {"allOf": reference, "nullable": True},
    "allOf, type, nullable": {"allOf": reference, "type": "object", "nullable": True},
    "reference to a nullable schema": {"$ref": "#/components/schemas/RunOrNull"},
}
found = {}
for name, form in forms.items():
    answer = {"type": "object", "properties": {"run": form}}
    document = {
        "openapi": "3.0.3", "info": {"title": "Scores", "version": "1"}, "paths": {},
        "components": {"schemas": {**schemas, "Answer": answer}},
    }
    validate(document)
    checker = OAS30Validator({"$ref": "#/components/schemas/Answer", "components": document["components"]})
    found[name] = [checker.is_valid({"run": value}) for value in ({"version": "7"}, None)]
    print(f"{name}: an object {found[name][0]}, null {found[name][1]}")
assert list(found.values()) == [[True, False], [True, False], [True, True]]
PY
"$folder/venv/bin/python" "$folder/try.py"
