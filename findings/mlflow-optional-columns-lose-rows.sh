#!/usr/bin/env bash
# Packages: mlflow 3.17.2 (with the pandas it brings).
#
# Who meets it: whoever logs a pyfunc whose inputs may be missing (`required=False` in the signature) and is asked with
# a misspelt column.
# Expected: an error that names the column, or at least an answer for each row: three rows in, three rows out.
# Happens: enforcing the schema drops every column that the signature does not name, with a warning in the log of the
# process only, and builds a new frame of the rest. The values of the misspelt column count as missing; where no other
# column is left, the new frame has no rows either, and a model that answers row by row answers nothing, without an
# error. Whole numbers in a column of doubles, in contrast, are an error (but for 0 and 1).
#
# Seen:
#   columns ['age'], sent ['age']: 3 rows in, the model sees 3 rows
#   columns ['age'], sent ['aeg']: 3 rows in, the model sees 0 rows
#   a double sent as whole numbers [1, 0, 1]: taken
#   a double sent as whole numbers [1, 2, 3]: MlflowException: Can not safely convert int64 to float64
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow==3.17.2'
cat > "$folder/model.py" <<'PY'
import mlflow
import pandas as pd


class Count(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return [0.5] * len(model_input)


mlflow.models.set_model(Count())
PY
cat > "$folder/try.py" <<'PY'
import logging
import warnings

warnings.simplefilter("ignore")
import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

logging.getLogger("mlflow").setLevel(logging.ERROR)
inputs = Schema([ColSpec("double", "age", required=False)])
mlflow.pyfunc.save_model(
    "saved", python_model="model.py", signature=ModelSignature(inputs=inputs), pip_requirements=["mlflow"]
)
model = mlflow.pyfunc.load_model("saved")
seen = {}
for name in ("age", "aeg"):
    seen[name] = len(model.predict(pd.DataFrame({name: [40.0, 50.0, 60.0]})))
    print(f"columns ['age'], sent [{name!r}]: 3 rows in, the model sees {seen[name]} rows")
outcomes = []
for values in ([1, 0, 1], [1, 2, 3]):
    try:
        model.predict(pd.DataFrame({"age": values}))
        outcomes.append("taken")
    except mlflow.exceptions.MlflowException as error:
        told = str(error)
        outcomes.append("MlflowException: " + told[told.index("Can not safely"):].rstrip("."))
    print(f"a double sent as whole numbers {values}: {outcomes[-1]}")
assert seen == {"age": 3, "aeg": 0}
assert outcomes == ["taken", "MlflowException: Can not safely convert int64 to float64"]
PY
cd "$folder" && MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" try.py
