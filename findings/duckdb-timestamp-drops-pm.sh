#!/usr/bin/env bash
# Packages: duckdb 2.0.0, ibis-framework[duckdb] 12.0.0.
#
# Who meets it: whoever reads an export with twelve-hour times (ticket systems and spreadsheets of American users write
# them) by a cast, as pipelines do that take all columns as text first: when a ticket was closed, when somebody answered.
# Expected: 14:45, as PostgreSQL reads it, or an error or null, as DuckDB itself gives for other texts behind a time.
# Happens: the word behind the time is taken for the name of a zone, which a plain TIMESTAMP drops: quarter to three in
# the afternoon becomes quarter to three at night, without a word, in CAST and TRY_CAST and so in Ibis' try_cast. Any
# other word does the same. Only TIMESTAMPTZ looks the name up, and refuses it.
#
# Seen:
#   cast '2026-01-02 02:45 PM': 2026-01-02 02:45:00
#   cast '2026-01-02 02:45 noon': 2026-01-02 02:45:00
#   ibis try_cast '2026-01-02 02:45 PM': 2026-01-02 02:45:00
#   with its format: 2026-01-02 14:45:00
#   as timestamptz: Conversion Error: Unknown TimeZone 'PM'!
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ibis-framework[duckdb]==12.0.0' 'duckdb==2.0.0'
cat > "$folder/try.py" <<'PY'
import duckdb
import ibis

AFTERNOON, WORD = "2026-01-02 02:45 PM", "2026-01-02 02:45 noon"
connection = duckdb.connect()


def of(sql, text):
    try:
        return str(connection.execute(f"SELECT ({sql})::VARCHAR", [text]).fetchone()[0])
    except duckdb.Error as error:
        return str(error).splitlines()[0]


plain, word = of("CAST($1 AS TIMESTAMP)", AFTERNOON), of("CAST($1 AS TIMESTAMP)", WORD)
tried = str(ibis.duckdb.connect().execute(ibis.literal(AFTERNOON).try_cast("timestamp")))
formatted = of("strptime($1, '%Y-%m-%d %I:%M %p')", AFTERNOON)
zoned = of("CAST($1 AS TIMESTAMPTZ)", AFTERNOON)
print(f"cast {AFTERNOON!r}: {plain}")
print(f"cast {WORD!r}: {word}")
print(f"ibis try_cast {AFTERNOON!r}: {tried}")
print(f"with its format: {formatted}")
print(f"as timestamptz: {zoned}")
assert plain == word == tried == "2026-01-02 02:45:00"
assert formatted == "2026-01-02 14:45:00"
assert zoned == "Conversion Error: Unknown TimeZone 'PM'!"
PY
"$folder/venv/bin/python" "$folder/try.py"
