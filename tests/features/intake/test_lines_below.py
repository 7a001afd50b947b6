"""Lines of one cell below the rows: a report's name and company are no rows, and a row that was cut off is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import INVOICES, PLAIN, Exports, left_out
from support.presets import imported

TITLED = '\n"Won, all of them (EU)"\n"Copyright (c) 2025"\n"Nord, Söhne & Co"\n'


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_beside_a_known_footer_are_no_rows(tmp_path: Path, mark: str, end: str) -> None:
    """The name of the report stands after a blank line, that of the company after the known lines."""
    (tmp_path / "exports").mkdir()
    exports = Exports(tmp_path / "exports")
    rows = samples.OPPORTUNITIES.partition('"Grand')[0]
    (exports.folder / "report.csv").write_bytes((mark + (rows + TITLED).replace("\n", end)).encode())
    report = imported(exports, {"salesforce_contract_months": "12"})
    assert left_out(report, "contracts") == {"not won": 1, "a line below the rows": 3}
    assert len(exports.rows("contracts")) == 1


def test_a_row_that_is_cut_off_is_told_though_a_known_footer_follows(exports: Exports) -> None:
    """It stands before any blank line; a line of one cell among the rows is told in any case."""
    footer = PLAIN.replace('"invoices.csv"', '"invoices.csv"\nfooter = ["^Copyright"]')
    told = [each for each in exports.put("invoices.csv", f"{INVOICES}I3\n{TITLED}").refused(footer) if "line" in each]
    assert len(told) == 1 and "(1 row: line 4: 'I3')" in told[0]
    (told_among,) = exports.put("invoices.csv", f"{INVOICES}I3\nI4,A1,2025-01-03,1\n{TITLED}").refused(footer)
    assert "lines that cannot be read as rows: " in told_among and "(1 row: line 4: 'I3')" in told_among


def test_the_remedy_for_lines_below_the_rows_is_told_and_works(exports: Exports) -> None:
    exports.put("invoices.csv", INVOICES + TITLED)
    (problem,) = exports.refused(PLAIN)
    patterns = r"['^Won, all of them \(EU\)', '^Copyright \(c\) 2025', '^Nord, Söhne & Co']"
    assert f"footer = {patterns} at [sources.bills]" in problem and "(3 rows: line 5: 'Won, all of them" in problem
    report = exports.book(PLAIN.replace('"invoices.csv"', f'"invoices.csv"\nfooter = {patterns}'))
    assert left_out(report, "invoices") == {"a line below the rows": 3}
