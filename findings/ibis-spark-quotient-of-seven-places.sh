#!/usr/bin/env bash
# Package: ibis-framework 12.0.0, on PySpark 4.3.0 (456 MB, and a Java of 17 or later).
#
# Who meets it: whoever computes the same expression on a laptop with DuckDB and on a cluster with Spark, which is what
# Ibis is for: whole seconds, cents or bytes divided by a number with a point (`seconds / 86400.0`).
# Expected: the type that Ibis says, float64, and so the same figure on both but for the last bits.
# Happens: Ibis writes the number as it stands, Spark reads 86400.0 as a DECIMAL and divides whole numbers by it in
# decimals, of which few places are kept. Only then the result becomes a double. Nothing is said; the figure is wrong
# by up to half a unit of the last place kept, so short times are off by percents, and tests with round numbers pass.
# A cast of the whole number to float64 before the division helps; one of the quotient does not.
#
# Seen:
#   duckdb: float64
#     1 s: 1.1574074074074073e-05 days, 1.0 s
#     90 s: 0.0010416666666666667 days, 90.0 s
#     3601 s: 0.04167824074074074 days, 3600.9999999999995 s
#   pyspark: float64
#     1 s: 1.16e-05 days, 1.00224 s
#     90 s: 0.0010417 days, 90.00288 s
#     3601 s: 0.0416782 days, 3600.99648 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ibis-framework[duckdb]==12.0.0' 'pyspark==4.3.0' \
    'pandas<3' 'pyarrow-hotfix'
cat > "$folder/try.py" <<'PY'
import ibis
from pyspark.sql import SparkSession

session = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
session.sql("SELECT * FROM VALUES (1L), (90L), (3601L) AS rows(seconds)").createOrReplaceTempView("closings")
duck = ibis.duckdb.connect()
duck.raw_sql("CREATE TABLE closings AS SELECT unnest([1, 90, 3601]::BIGINT[]) AS seconds")
for connection in (duck, ibis.pyspark.connect(session)):
    closings = connection.table("closings")
    days = closings.seconds / 86400.0
    found = closings.select("seconds", days=days, back=days * 86400.0).order_by("seconds")
    print(f"{connection.name}: {days.type()}", flush=True)
    for row in found.to_pyarrow().to_pylist():
        print(f"  {row['seconds']} s: {row['days']!r} days, {row['back']!r} s", flush=True)
    wrong = [row["seconds"] for row in found.to_pyarrow().to_pylist() if abs(row["back"] - row["seconds"]) > 1e-9]
    assert wrong == ([] if connection is duck else [1, 90, 3601])
PY
"$folder/venv/bin/python" -W ignore "$folder/try.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
