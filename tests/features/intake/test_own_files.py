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


def test_one_file_of_several_that_ends_at_a_limit_is_told(exports: Exports) -> None:
    """The table has more rows than that, so that nothing of it alone shows that one export was cut."""
    head = INVOICES.splitlines()[0]
    rows = "".join(f"J{place},A1,2025-{place % 12 + 1:02d}-03,{place}\n" for place in range(1000))
    exports.put("invoices-2.csv", f"{head}\n{rows}")
    report = exports.book(PLAIN.replace('files = "invoices.csv"', 'files = "invoices*.csv"'))
    (warning,) = report.warnings
    assert warning == "invoices-2.csv: exactly 1,000 rows, at which many exports end: is the rest of invoices missing?"


def stars(score: str) -> str:
    """Return the sections of answers in stars, read so."""
    return f"""
[known.surveys]
answered_at = "sent_at"

[sources.stars]
files = "stars.csv"

[[tables.surveys]]
from = "stars"
[tables.surveys.columns]
survey_id = "id"
account_id = "account"
kind = {{ constant = "transactional" }}
sent_at = {{ column = "sent", zone = "UTC" }}
score = {score}
"""


@pytest.fixture
def rated(exports: Exports) -> Exports:
    rows = "".join(f"S{place},A1,2025-02-01,{place % 5 + 1}\n" for place in range(60))
    return exports.put("stars.csv", "id,account,sent,stars\n" + rows)


def test_a_score_with_decimals_is_said_plainly_to_be_none(rated: Exports) -> None:
    told = "surveys.score: score is a whole number from 0 to 10; the mapping "
    (problem,) = rated.refused(PLAIN + stars('{ column = "stars", map = { "4" = "7.5" } }'))
    assert problem.startswith(f"{told}(map) gives 7.5: map every step of another scale to a whole number (12 rows: ")
    (problem,) = rated.refused(PLAIN + stars('{ column = "stars", divide_by = 0.4, minus = { constant = "1" } }'))
    assert problem.startswith(f"{told}(divide_by and minus) gives ") and "'stars.csv" not in problem
    rated.put("stars.csv", "id,account,sent,stars\nS1,A1,2025-02-01,3.5\nS2,A1,2025-02-01,good\n")
    (plain, text) = sorted(rated.refused(PLAIN + stars('"stars"')), key=len, reverse=True)
    assert "score is a whole number from 0 to 10; found 3.5" in plain
    assert "cannot be read as the mapping says" in text and "'good'" in text


@pytest.mark.parametrize("partial", [False, True])
def test_scores_of_another_scale_are_warned_of_with_and_without_a_whole_book(rated: Exports, partial: bool) -> None:
    mapping = ("format = 1\n" if partial else PLAIN) + stars('"stars"')
    (warning,) = rated.book(mapping, partial=partial).warnings
    assert warning.startswith("surveys.score: 0 to 10 is expected, but the 60 scores of kind transactional lie in 1 to")


def test_stars_become_scores_as_the_page_maps_them_and_minus_counts_for_them_too(rated: Exports) -> None:
    page = (Path(__file__).parents[3] / "docs/import.md").read_text(encoding="utf-8")
    usual = page.partition("score = ")[2].partition("\n")[0].replace("Sterne", "stars")
    rated.book(PLAIN + stars(usual))
    assert set(rated.rows("surveys", "score")) == {(0,), (3,), (5,), (8,), (10,)}
    rated.book(PLAIN + stars('{ column = "stars", divide_by = 0.5, minus = { constant = "1" } }'), partial=True)
    assert set(rated.rows("surveys", "score")) == {(0,), (2,), (4,), (6,), (8,)}


def test_a_bare_number_and_a_lacking_time_name_the_form_that_the_mapping_wants(rated: Exports) -> None:
    (problem,) = rated.refused(PLAIN + stars('{ column = "stars", minus = 1 }'))
    assert 'minus.0: line 27: a heading or a value in braces is expected, as { constant = "1" }, found 1' in problem
    (problem,) = rated.refused((PLAIN + stars('"stars"')).replace('answered_at = "sent_at"', "invitations = false"))
    assert 'the mapping says so: [known.surveys] answered_at = "sent_at"' in problem and "book.toml" not in problem
