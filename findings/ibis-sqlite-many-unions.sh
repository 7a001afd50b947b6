#!/usr/bin/env bash
# Packages: ibis-framework[sqlite] 12.0.0, ibis-framework[duckdb] 12.0.0 with duckdb 2.0.0, sqlglot 30.17.0.
#
# Who meets it: whoever stacks the results of many small queries (one a table, one a family of features) with
# `Table.union`, and runs the pipeline on SQLite too.
# Expected: SQLite takes up to 500 SELECTs in one UNION ALL (its documented SQLITE_MAX_COMPOUND_SELECT), so a few dozen
# parts are no matter.
# Happens: Ibis writes each union as a query in the FROM of the next, one level deeper each time, instead of one flat
# UNION ALL. SQLite's parser refuses that depth at some forty parts; the same parts written flat are fine, and so is
# DuckDB with the nested form.
#
# Seen (Python's own SQLite 3.40.1; other builds stop at other depths):
#   nested by Ibis, 60 parts, on duckdb: 60 rows
#   nested by Ibis, 60 parts, on sqlite: OperationalError: parser stack overflow
#   flat, 60 parts, on sqlite: 60 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'ibis-framework[sqlite,duckdb]==12.0.0' 'duckdb==2.0.0' 'sqlglot==30.17.0'
cat > "$folder/try.py" <<'PY'
from functools import reduce

import ibis
import pandas as pd

PARTS = 60


def stacked(connection):
    table = connection.create_table("invoices", ibis.memtable(pd.DataFrame({"amount": [1.0]})))
    parts = [table.aggregate(total=table.amount.sum() + number) for number in range(PARTS)]
    return reduce(lambda above, below: above.union(below), parts)


print(f"nested by Ibis, {PARTS} parts, on duckdb: {len(stacked(ibis.duckdb.connect()).execute())} rows")
sqlite = ibis.sqlite.connect()
try:
    outcome = f"{len(stacked(sqlite).execute())} rows"
except Exception as error:
    outcome = f"{type(error).__name__}: {error}"
print(f"nested by Ibis, {PARTS} parts, on sqlite: {outcome}")
flat = " UNION ALL ".join(f"SELECT SUM(amount) + {number} FROM invoices" for number in range(PARTS))
rows = len(sqlite.con.execute(flat).fetchall())
print(f"flat, {PARTS} parts, on sqlite: {rows} rows")
assert outcome == "OperationalError: parser stack overflow" and rows == PARTS
PY
"$folder/venv/bin/python" "$folder/try.py"
