#!/usr/bin/env bash
# Packages: ibis-framework 12.0.0 on duckdb 2.0.0.
#
# Who meets it: whoever stores the result of an Ibis expression in a table of DuckDB by the expression's own SQL
# (`CREATE TABLE ... AS` and what `compile` gives, as pipelines do that keep their SQL), and adds rows to it later.
# Expected: the table has the column types of the expression's schema: a share of 0.5 is float64, and 0.123456 fits.
# Happens: the SQL says a bare 0.5, which DuckDB takes for DECIMAL(2,1). The stored column has one decimal place: a row
# that is added later is rounded to it without a word, and one of 10 or more is refused. `.cast("float64")` behind the
# literal changes nothing: to Ibis it is float64 already, so the cast is left out. `create_table` of Ibis does cast.
#
# Seen:
#   schema of the expression: float64
#   CREATE TABLE AS compile: decimal(2, 1), 0.123456 is stored as 0.1
#   create_table: float64, 0.123456 is stored as 0.123456
#   CREATE TABLE AS compile, cast: decimal(2, 1), 0.123456 is stored as 0.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ibis-framework[duckdb]==12.0.0' 'duckdb==2.0.0'
cat > "$folder/try.py" <<'PY'
import ibis

connection = ibis.duckdb.connect()
connection.create_table("accounts", ibis.memtable({"account_id": ["A1", "A2"]}))
accounts = connection.table("accounts")
plain = accounts.mutate(share=ibis.literal(0.5))
cast = accounts.mutate(share=ibis.literal(0.5).cast("float64"))
print("schema of the expression:", plain.schema()["share"])
connection.raw_sql(f"CREATE TABLE by_sql AS {connection.compile(plain)}")
connection.create_table("by_ibis", plain)
connection.raw_sql(f"CREATE TABLE by_cast AS {connection.compile(cast)}")
found = []
for table, how in (
    ("by_sql", "CREATE TABLE AS compile"), ("by_ibis", "create_table"), ("by_cast", "CREATE TABLE AS compile, cast")
):
    connection.raw_sql(f"INSERT INTO {table} VALUES ('A3', 0.123456)")
    kind = str(connection.table(table).schema()["share"])
    share = float(connection.raw_sql(f"SELECT share FROM {table} WHERE account_id = 'A3'").fetchone()[0])
    print(f"{how}: {kind}, 0.123456 is stored as {share}")
    found.append((kind, share))
assert plain.schema()["share"] == ibis.dtype("float64")
assert found == [("decimal(2, 1)", 0.1), ("float64", 0.123456), ("decimal(2, 1)", 0.1)], found
PY
"$folder/venv/bin/python" "$folder/try.py"
