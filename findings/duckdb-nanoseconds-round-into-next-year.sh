#!/usr/bin/env bash
# Packages: duckdb 2.0.0, pyarrow 25.0.1, ibis-framework[duckdb] 12.0.0.
#
# Who meets it: whoever counts by day, month or year over Parquet files with nanoseconds, as pandas before 3 writes all
# times. The last moment of a period is a usual value there (its `Period.end_time` ends in nine nines): the end of a
# contract, an invoice booked at the end of the year.
# Expected: 2024-12-31 23:59:59.9999999 is of 2024, as PyArrow says, as DuckDB's own strftime and comparison say, and as
# DuckDB's cast of the same moment from text gives, which cuts what is less than a microsecond.
# Happens: TIMESTAMP_NS has no calendar functions of its own. It is cast to TIMESTAMP for them, and this cast rounds: the
# year is 2025, the day is New Year's, truncated to its day it is a moment that is later than itself. The same goes for
# Ibis, which calls these functions. Nothing is said.
#
# Seen:
#   before 2025 by comparison: True, by strftime: 2024-12-31
#   year: 2025, day: 2025-01-01, truncated to its day: 2025-01-01 00:00:00
#   later than itself once truncated: True
#   the same moment from text: 2024-12-31 23:59:59.999999
#   ibis year: 2025
#   pyarrow year: 2024
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'ibis-framework[duckdb]==12.0.0' 'duckdb==2.0.0' 'pyarrow==25.0.1'
cat > "$folder/try.py" <<'PY'
import sys

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

path, moment = sys.argv[1], pa.array(["2024-12-31T23:59:59.9999999"]).cast(pa.timestamp("ns"))
pq.write_table(pa.table({"n": moment}), path)
connection = duckdb.connect()


def of(sql):
    return connection.execute(f"SELECT {sql} FROM '{path}'").fetchone()[0]


kind = of("typeof(n)")
before, formatted = of("n < TIMESTAMP '2025-01-01'"), of("strftime(n, '%Y-%m-%d')")
year, day, truncated = of("year(n)"), of("n::DATE::VARCHAR"), of("date_trunc('day', n)::VARCHAR")
later, text = of("date_trunc('day', n) > n"), of("n::VARCHAR::TIMESTAMP::VARCHAR")
table = ibis.duckdb.connect().read_parquet(path)
of_ibis, of_arrow = int(table.select(year=table.n.year()).execute()["year"][0]), pc.year(moment)[0].as_py()
print(f"before 2025 by comparison: {before}, by strftime: {formatted}")
print(f"year: {year}, day: {day}, truncated to its day: {truncated}")
print(f"later than itself once truncated: {later}")
print(f"the same moment from text: {text}")
print(f"ibis year: {of_ibis}")
print(f"pyarrow year: {of_arrow}")
assert kind == "TIMESTAMP_NS"
assert before and formatted == "2024-12-31" and text == "2024-12-31 23:59:59.999999" and of_arrow == 2024
assert (year, day, truncated, later, of_ibis) == (2025, "2025-01-01", "2025-01-01 00:00:00", True, 2025)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/moments.parquet"
