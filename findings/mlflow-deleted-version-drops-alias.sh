#!/usr/bin/env bash
# Packages: mlflow 3.17.2 (with the SQLAlchemy it brings), its tracking server on an SQLite store.
#
# Who meets it: whoever deploys by alias (`models:/NAME@champion`) and tidies up old versions, or lets others do it.
# Expected: deleting the version that an alias names is refused, or at least told to whoever subscribed a webhook to
# deleted aliases.
# Happens: version and alias are gone, with status 200 and no event, though the server does tell of an alias that is
# deleted by itself. The registry then looks as if no version had ever had the alias, and a pipeline that crowns the
# first model crowns the next one, whatever it is worth.
#
# Seen:
#   the alias deleted by itself: status 200, aliases {}, events told ['deleted model_version_alias']
#   the version deleted that it names: status 200, aliases {}, events told []
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow==3.17.2'
cat > "$folder/try.py" <<'PY'
import logging
from unittest.mock import patch

logging.disable(logging.WARNING)
from mlflow import MlflowClient
from mlflow.server import app, handlers

client = MlflowClient()
client.create_registered_model("risk")
client.create_model_version("risk", "file:///somewhere")
asked = app.test_client()  # the server's app; what it hands to the delivery of webhooks is counted
PLACES = {
    "the alias deleted by itself": ("registered-models/alias", {"name": "risk", "alias": "champion"}),
    "the version deleted that it names": ("model-versions/delete", {"name": "risk", "version": "1"}),
}
told = {}
for what, (path, body) in PLACES.items():
    client.set_registered_model_alias("risk", "champion", "1")
    with patch.object(handlers, "deliver_webhook") as deliver:
        answer = asked.delete(f"/api/2.0/mlflow/{path}", json=body)
    events = [call.kwargs["event"] for call in deliver.call_args_list]
    told[what] = [f"{event.action.value} {event.entity.value}" for event in events]
    aliases = dict(client.get_registered_model("risk").aliases)
    print(f"{what}: status {answer.status_code}, aliases {aliases}, events told {told[what]}")
    assert answer.status_code == 200 and aliases == {}
assert list(told.values()) == [["deleted model_version_alias"], []]
PY
cd "$folder"
export MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true
export _MLFLOW_SERVER_FILE_STORE="$MLFLOW_TRACKING_URI" _MLFLOW_SERVER_REGISTRY_STORE="$MLFLOW_TRACKING_URI"
export _MLFLOW_SERVER_ARTIFACT_ROOT="file://$folder/artifacts"
"$folder/venv/bin/python" try.py
