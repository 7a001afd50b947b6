"""Files of one's own that no preset knows: sums below their rows, scores of another scale, keys in the wrong form."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports, left_out


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", INVOICES)


@pytest.mark.parametrize("pattern", ["^Summe;", "^Summe", "^Summe$", "(?i)summe;+", "^;;2025"])
def test_a_sum_below_the_rows_is_known_by_its_line_or_its_first_cell(exports: Exports, pattern: str) -> None:
    """A later cell with the word is no sum: a match begins in the first cell."""
    rows = INVOICES.replace(",", ";") + "I3;Summerhill Summe;2025-02-03;1\nSumme;;2025-02-03;150.50\n"
    exports.put("invoices.csv", rows.replace("\nSumme;;", "\n;;") if ";;" in pattern else rows)
    mapping = PLAIN.replace('files = "invoices.csv"', f'files = "invoices.csv"\nfooter = ["{pattern}"]')
    report = exports.book(mapping)
    assert left_out(report, "invoices") == {"a line below the rows": 1} and report.warnings == ()
    assert report.revenue_by_year == {"2025": "151.50"}


def test_a_footer_that_matches_no_line_is_warned_of_but_not_those_of_presets(exports: Exports) -> None:
    patterns = '["^Total,", "^Grand Totals", "^I1,"]'
    report = exports.book(PLAIN.replace('files = "invoices.csv"', f'files = "invoices.csv"\nfooter = {patterns}'))
    (warning,) = report.warnings
    assert warning.startswith("sources.bills.footer: no line matches '^Total,', so nothing is left out by it")
