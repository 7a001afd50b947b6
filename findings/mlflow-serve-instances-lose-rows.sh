#!/usr/bin/env bash
# Packages: mlflow 3.17.2 (with the pandas it brings).
#
# Who meets it: whoever asks `mlflow models serve` with the JSON key "instances", one object a row, and leaves out what
# is not known of a row, as JSON clients do.
# Expected: two objects are two rows; a key that an object lacks is a missing value in its row. So it is with
# "dataframe_records".
# Happens: the objects are turned into columns first, and a column holds only the values that were there. Where the
# columns come out equally long, values of different rows stand in one row, and fewer answers come back than rows were
# sent; status 200. Only columns of different lengths are refused.
#
# Seen:
#   dataframe_records: 200, rows [{'age': 40.0, 'income': None}, {'age': None, 'income': 3000.0}]
#   instances: 200, rows [{'age': 40, 'income': 3000}]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow==3.17.2' 'httpx==0.28.1'
cat > "$folder/model.py" <<'PY'
import mlflow
import pandas as pd


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        frame = pd.DataFrame(model_input)
        return [{name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")]


mlflow.models.set_model(Echo())
PY
cat > "$folder/try.py" <<'PY'
import asyncio
import logging
import warnings

warnings.simplefilter("ignore")
import httpx
import mlflow
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, Schema

logging.getLogger("mlflow").setLevel(logging.ERROR)
mlflow.pyfunc.save_model(
    "saved",
    python_model="model.py",
    signature=ModelSignature(outputs=Schema([ColSpec("string", "row")])),
    pip_requirements=["mlflow"],
)
app = scoring_server.init(mlflow.pyfunc.load_model("saved"))  # the app that `mlflow models serve` runs


def sent(key):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mlflow") as client:
            return await client.post("/invocations", json={key: [{"age": 40}, {"income": 3000}]})

    answer = asyncio.run(ask())
    print(f"{key}: {answer.status_code}, rows {answer.json()['predictions']}")
    return answer.json()["predictions"]


assert len(sent("dataframe_records")) == 2
assert sent("instances") == [{"age": 40, "income": 3000}]
PY
cd "$folder" && MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" try.py
