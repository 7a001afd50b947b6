#!/usr/bin/env bash
# Packages: mlflow 3.17.2, on PySpark 4.3.0 (456 MB, and a Java of 17 or later).
#
# Who meets it: whoever scores a table on Spark by a logged pyfunc (`mlflow.pyfunc.spark_udf`) whose answer has a text
# that some rows lack: a reason, a segment, a note.
# Expected: a null where the model answers None, as `load_model(...).predict` gives it, and as a double gets it.
# Happens: each text column of a struct is cast to NumPy's str unless all of a batch is null. None becomes the word
# "None", or "nan" where pandas has a text type of its own. So `IS NULL` finds nothing, the word is counted as a value,
# and whether a row has a null or a word depends on the other rows of its batch. A column of whole numbers with a null
# is an error instead, and one of doubles keeps it.
#
# Seen:
#   predict: tier ['gold', null, null]
#   Spark, three rows in a batch: tier ['gold', 'nan', 'nan'], 0 rows where tier is null
#   Spark, one row in a batch: tier ['gold', null, null], 2 rows where tier is null
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow==3.17.2' 'pyspark==4.3.0' 'pandas==3.1.1'
cat > "$folder/model.py" <<'PY'
import mlflow
import pandas as pd


class Tier(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        tier = ["gold" if spend > 100 else None for spend in model_input["spend"]]
        return pd.DataFrame({"score": model_input["spend"] / 1000, "tier": tier})


mlflow.models.set_model(Tier())
PY
cat > "$folder/try.py" <<'PY'
import mlflow
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

mlflow.pyfunc.save_model("saved", python_model="model.py", pip_requirements=["mlflow"])
session = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "localhost")
    .config("spark.log.level", "OFF")
    .getOrCreate()
)
spend = [900.0, 30.0, 5.0]


def shown(values):
    return "[" + ", ".join("null" if pd.isna(value) else repr(value) for value in values) + "]"


own = list(mlflow.pyfunc.load_model("saved").predict(pd.DataFrame({"spend": spend}))["tier"])
print("predict: tier", shown(own), flush=True)
nulls = {}
for batch, said in ((3, "three rows"), (1, "one row")):
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch)
    rows = session.createDataFrame([(each,) for each in spend], "spend double").coalesce(1)
    score = mlflow.pyfunc.spark_udf(session, "saved", result_type="score double, tier string", env_manager="local")
    answers = rows.select(score(f.struct("spend")).alias("answer")).select("answer.*")
    nulls[batch] = answers.where("tier IS NULL").count()
    tiers = [row["tier"] for row in answers.collect()]
    print(f"Spark, {said} in a batch: tier {shown(tiers)}, {nulls[batch]} rows where tier is null", flush=True)
assert [value for value in own if not pd.isna(value)] == ["gold"]
assert nulls == {3: 0, 1: 2}
PY
cd "$folder" && MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false PYSPARK_PYTHON="$folder/venv/bin/python" \
    "$folder/venv/bin/python" -W ignore try.py 2> "$folder/log" || { cat "$folder/log"; exit 1; }
