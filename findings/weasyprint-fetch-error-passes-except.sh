#!/usr/bin/env bash
# Package: weasyprint 70.0 (needs Pango and a font from the system, on Debian libpango-1.0-0, libpangoft2-1.0-0,
# libharfbuzz-subset0, fonts-liberation).
#
# Who meets it: whoever prints many reports in one go, wants to hear of a logo that could not be loaded
# (URLFetcher(fail_on_errors=True)) and guards each report by `except Exception`, so that one does not cost the others.
# Expected: the error of that report, an Exception like the URLFetchingError that a fetch raises otherwise (an OSError);
# the next report is printed.
# Happens: FatalURLFetchingError derives from BaseException alone, as KeyboardInterrupt does. It passes every `except
# Exception`, ends the loop, and the reports after it are never made; why the fetch failed stands in its __cause__ alone.
# Without the option the report is printed without its logo, and only a log says so.
#
# Seen:
#   bases: BaseException
#   without the option: first report printed, second report printed
#   with the option: ended by FatalURLFetchingError after 0 reports, caused by URLError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'weasyprint==70.0'
cat > "$folder/try.py" <<'PY'
import logging
import sys

from weasyprint import HTML
from weasyprint.urls import FatalURLFetchingError, URLFetcher

logging.disable(logging.CRITICAL)
# The first report's logo is a file that is not there.
REPORTS = {
    "first": f'<p>First</p><img src="file://{sys.argv[1]}/no-such-logo.png" alt="logo">',
    "second": "<p>Second</p>",
}


def print_all(fetcher):
    """Print every report; one that fails is told and does not cost the others."""
    told = []
    for name, text in REPORTS.items():
        try:
            HTML(string=text, url_fetcher=fetcher).write_pdf()
            told.append(f"{name} report printed")
        except Exception as error:
            told.append(f"{name} report failed: {type(error).__name__}")
    return ", ".join(told)


def ended(fetcher):
    try:
        return print_all(fetcher)
    except BaseException as error:
        return f"ended by {type(error).__name__} after 0 reports, caused by {type(error.__cause__).__name__}"


seen = {
    "bases": ", ".join(base.__name__ for base in FatalURLFetchingError.__bases__),
    "without the option": ended(URLFetcher()),
    "with the option": ended(URLFetcher(fail_on_errors=True)),
}
for name, result in seen.items():
    print(f"{name}: {result}")
assert list(seen.values()) == [
    "BaseException",
    "first report printed, second report printed",
    "ended by FatalURLFetchingError after 0 reports, caused by URLError",
], "this has changed"
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder"
