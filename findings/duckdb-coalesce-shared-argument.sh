#!/usr/bin/env bash
# Package: duckdb 2.0.0.
#
# Who meets it: whoever makes one column of two in an import: the amount where there is one, else what stands in a note,
# by COALESCE with a cast, once as it is and once without tax; or lets a generator of SQL (Ibis, dbt) write the same.
# Expected: COALESCE stops at the first argument that is not null, row by row, as CASE does and as each of the two columns
# does alone. So a text that is no number does no harm where there is an amount.
# Happens: what two arguments have in common is worked out once for both, before COALESCE and so for every row: the cast
# of a note that nobody needs ends the query. A column that ran for years fails because another one was added beside it.
# CASE keeps its guard; so does COALESCE with the optimizer's common subexpressions off. Where nothing fails, the work is
# done for all rows all the same.
#
# Seen:
#   gross alone: 120.0, 80.0
#   net alone: 100.0, 66.67
#   both, COALESCE: Conversion Error: Could not convert string 'see mail' to DOUBLE
#   both, CASE: 120.0, 80.0 and 100.0, 66.67
#   both, COALESCE, common_subexpressions off: 120.0, 80.0 and 100.0, 66.67
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'duckdb==2.0.0'
cat > "$folder/try.py" <<'PY'
import duckdb

BILLS = "(VALUES (1, 120.0::DOUBLE, 'see mail'), (2, NULL, '80')) AS bills(id, amount, note)"
GROSS, NET = "coalesce(amount, note::DOUBLE)", "coalesce(amount / 1.2, note::DOUBLE / 1.2)"
GUARDED = [
    f"CASE WHEN amount IS NOT NULL THEN {own} ELSE {other} END"
    for own, other in (("amount", "note::DOUBLE"), ("amount / 1.2", "note::DOUBLE / 1.2"))
]


def of(*columns, off=False):
    connection = duckdb.connect()
    # A table: constants would be folded before the query runs.
    connection.execute(f"CREATE TABLE bills AS SELECT * FROM {BILLS}")
    if off:
        connection.execute("SET disabled_optimizers = 'common_subexpressions'")
    try:
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM bills ORDER BY id").fetchall()
    except duckdb.Error as error:
        return str(error).partition(" when casting")[0]
    return " and ".join(", ".join(str(round(value, 2)) for value in column) for column in zip(*rows))


seen = {
    "gross alone": of(GROSS),
    "net alone": of(NET),
    "both, COALESCE": of(GROSS, NET),
    "both, CASE": of(*GUARDED),
    "both, COALESCE, common_subexpressions off": of(GROSS, NET, off=True),
}
for name, result in seen.items():
    print(f"{name}: {result}")
both = "120.0, 80.0 and 100.0, 66.67"
expected = ["120.0, 80.0", "100.0, 66.67", "Conversion Error: Could not convert string 'see mail' to DOUBLE", both, both]
assert list(seen.values()) == expected, "this has changed"
PY
"$folder/venv/bin/python" "$folder/try.py"
