#!/usr/bin/env bash
# Packages: ibis-framework 12.0.0 on duckdb 2.0.0.
#
# Who meets it: whoever weights rows by a whole number with Ibis on DuckDB: a decay by months, `exp(months * -0.0019)`,
# where the month came of `floor()`, or by a count of days.
# Expected: a whole number times a fraction is what the expression's schema says, float64, and costs what it costs where
# the column holds floats.
# Happens: the SQL says a bare -0.0018990333713971104, which DuckDB takes for DECIMAL(19,19). With a BIGINT that makes
# DECIMAL(38,19), an integer of 128 bits, which is made, multiplied and turned into a float row by row: some fifteen
# times as long. The longer the fraction, the wider; one of a few digits still makes 128 bits (DECIMAL(21,1)). With a
# column of floats the same literal is a float. Nothing warns, and the result is the same to the last digit or nearly so.
# Mend: `.cast("float64")` on the whole number; on the literal it is left out, since it is float64 to Ibis already.
#
# Seen (processor seconds for three million rows; they vary, their ratio hardly does):
#   whole number: float64 to Ibis, DECIMAL(38,19) to DuckDB, 0.43 s
#   whole number, literal cast: float64 to Ibis, DECIMAL(38,19) to DuckDB, 0.43 s
#   whole number cast: float64 to Ibis, DOUBLE to DuckDB, 0.02 s
#   float: float64 to Ibis, DOUBLE to DuckDB, 0.02 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ibis-framework[duckdb]==12.0.0' 'duckdb==2.0.0'
cat > "$folder/try.py" <<'PY'
import time

import ibis

FADE = -0.0018990333713971104
connection = ibis.duckdb.connect(threads=1)
columns = "(i % 400)::BIGINT AS months, (i % 400)::DOUBLE AS age"
connection.raw_sql(f"CREATE TABLE t AS SELECT {columns} FROM range(3000000) r(i)")
t = connection.table("t")
ways = {
    "whole number": t.months * FADE,
    "whole number, literal cast": t.months * ibis.literal(FADE).cast("float64"),
    "whole number cast": t.months.cast("float64") * FADE,
    "float": t.age * FADE,
}


def seconds(exponent):
    sql = connection.compile(t.aggregate(weight=exponent.exp().sum()))
    best = 9.0
    for _ in range(5):
        began = time.process_time()
        connection.raw_sql(sql).fetchall()
        best = min(best, time.process_time() - began)
    return best


kinds, taken = {}, {}
for name, exponent in ways.items():
    inner = connection.compile(t.select(x=exponent))
    ((kinds[name],),) = connection.raw_sql(f"SELECT typeof(x) FROM ({inner}) LIMIT 1").fetchall()
    taken[name] = seconds(exponent)
    print(f"{name}: {exponent.type()} to Ibis, {kinds[name]} to DuckDB, {taken[name]:.2f} s")
wide, plain = "DECIMAL(38,19)", "DOUBLE"
assert list(kinds.values()) == [wide, wide, plain, plain], "this has changed"
assert taken["whole number"] > 4 * taken["whole number cast"], "this has changed"
PY
"$folder/venv/bin/python" "$folder/try.py"
