#!/usr/bin/env bash
# Packages: duckdb 2.0.0.
#
# Who meets it: whoever reads exports of PostgreSQL, which writes `infinity` for an end that is not set, and takes
# try_strptime so that texts that are no date become null: ends of contracts, valid_to of prices and addresses.
# Expected: infinity, as strptime with the same format and CAST give, or null, as for any other word.
# Happens: try_strptime gives 1900-01-01 for `infinity`, `-infinity` and `epoch`, in any format and in a list of
# formats: what never ends has ended a hundred years ago. strptime gives infinity, and 1970-01-01 for `epoch`.
#
# Seen:
#   strptime 'infinity': infinity
#   cast 'infinity': infinity
#   try_strptime 'infinity': 1900-01-01 00:00:00
#   try_strptime '-infinity': 1900-01-01 00:00:00
#   try_strptime 'epoch': 1900-01-01 00:00:00
#   try_strptime 'never': None
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'duckdb==2.0.0'
cat > "$folder/try.py" <<'PY'
import duckdb

connection = duckdb.connect()


def of(sql, text):
    return connection.execute(f"SELECT ({sql})::VARCHAR", [text]).fetchone()[0]


strict, cast = of("strptime($1, '%Y-%m-%d')", "infinity"), of("CAST($1 AS TIMESTAMP)", "infinity")
print(f"strptime 'infinity': {strict}")
print(f"cast 'infinity': {cast}")
tried = {text: of("try_strptime($1, '%Y-%m-%d')", text) for text in ("infinity", "-infinity", "epoch", "never")}
for text, read in tried.items():
    print(f"try_strptime {text!r}: {read}")
assert strict == cast == "infinity" and of("strptime($1, '%Y-%m-%d')", "epoch") == "1970-01-01 00:00:00"
assert tried.pop("never") is None
assert {*tried.values()} == {"1900-01-01 00:00:00"}
assert of("try_strptime($1, ['%d.%m.%Y', '%Y%m%d'])", "infinity") == "1900-01-01 00:00:00"
PY
"$folder/venv/bin/python" "$folder/try.py"
