#!/usr/bin/env bash
# Package: duckdb 2.0.0.
#
# Who meets it: services that serve DuckDB and call `gc.freeze()` after loading, so that forked workers share memory and
# no collection looks through what stays.
# Expected: the process ends as it does without: `gc.freeze()` only takes what is there out of later collections.
# Happens: at exit the binding (nanobind) writes dozens of lines to standard error that instances, types and functions
# were leaked, and blames a reference counting issue. An import of duckdb is enough, no connection is needed. The exit
# code stays 0. `gc.unfreeze()` before the end keeps it quiet.
#
# Seen:
#   plain: 0 lines of leaks
#   frozen: leaks are reported, exit code 0
#   frozen and unfrozen: 0 lines of leaks
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'duckdb==2.0.0'
leaks() { "$folder/venv/bin/python" -c "$1" 2>&1 | grep -c leaked || true; }
plain=$(leaks 'import duckdb')
frozen=$(leaks 'import duckdb, gc; gc.freeze()')
unfrozen=$(leaks 'import duckdb, gc; gc.freeze(); gc.unfreeze()')
"$folder/venv/bin/python" -c 'import duckdb, gc; gc.freeze()' 2> "$folder/errors"
test "$plain" -eq 0
echo "plain: 0 lines of leaks"
test "$frozen" -gt 10
echo "frozen: leaks are reported, exit code 0"
test "$unfrozen" -eq 0
echo "frozen and unfrozen: 0 lines of leaks"
