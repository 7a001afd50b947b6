#!/usr/bin/env bash
# Packages: ibis-framework[sqlite] 12.0.0, ibis-framework[duckdb] 12.0.0 with duckdb 2.0.0, sqlglot 30.17.0.
#
# Who meets it: a feature pipeline written once in Ibis and run on SQLite for small data (a request, a test, a phone),
# on another engine for the rest. Groups with one value are ordinary: an account with a single survey answer.
# Expected: the sample variance of one value is null, as in SQL and as Ibis gives it on DuckDB.
# Happens: on SQLite Ibis registers its own aggregate, which divides by the number of values less one. With one value
# the whole query fails; with none, or two, it is right. The message names neither the variance nor the division.
#
# Seen:
#   duckdb: [None, None, 2.0]
#   sqlite: OperationalError: user-defined aggregate's 'finalize' method raised error
#   sqlite without the single value: [None, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'ibis-framework[sqlite,duckdb]==12.0.0' 'duckdb==2.0.0' 'sqlglot==30.17.0'
cat > "$folder/try.py" <<'PY'
import ibis
import pandas as pd
import pyarrow as pa

answers = [("none", None), ("one", 7.0), ("two", 6.0), ("two", 8.0)]


def variances(connection, rows):
    columns = {"account": pa.array([name for name, _ in rows]), "score": pa.array([score for _, score in rows], pa.float64())}
    table = connection.create_table("answers", pa.table(columns))
    groups = table.group_by("account").aggregate(spread=table.score.var(how="sample")).order_by("account")
    return [None if pd.isna(value) else value for value in groups.execute()["spread"]]


on_duckdb = variances(ibis.duckdb.connect(), answers)
print("duckdb:", on_duckdb)
try:
    on_sqlite = variances(ibis.sqlite.connect(), answers)
except Exception as error:
    on_sqlite = f"{type(error).__name__}: {error}"
print("sqlite:", on_sqlite)
without = variances(ibis.sqlite.connect(), [row for row in answers if row[0] != "one"])
print("sqlite without the single value:", without)
assert on_duckdb == [None, None, 2.0]
assert on_sqlite == "OperationalError: user-defined aggregate's 'finalize' method raised error"
assert without == [None, 2.0]
PY
"$folder/venv/bin/python" "$folder/try.py"
