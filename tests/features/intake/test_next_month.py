"""What nobody may overlook: next month's file, a file that no source reads, a question answered by nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports

from features.cli.import_commands import import_
from features.intake.asking.patterns import patterns
from features.intake.asking.suggesting import suggest
from features.intake.import_page import page

COMPANIES = "id,property_name,property_industry,property_createdate,property_customer_since\n{},Nord,it,2020-01-01,{}\n"
DEALS = (
    "deal_id,deal_pipeline_stage_id,property_amount,property_closedate,property_contract_end\nD,closedwon,9,{0},{0}\n"
)


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", INVOICES)


@pytest.mark.parametrize(
    ("names", "others", "expected"),
    [
        (["b_2023.csv", "b_2024.csv"], ["c_2024.csv"], ["b_[0-9]*.csv"]),
        (["b_2024-01.csv", "b_2024-02.csv"], [], ["b_[0-9]*-[0-9]*.csv"]),  # January of the next year, too
        (["crm2_Mai.csv", "crm2_Juni.csv"], [], ["crm2_*.csv"]),
        (["b_2023.csv", "b_2024.csv"], ["b_2023_old.csv"], ["b_2023.csv", "b_2024.csv"]),  # it would read another's
        (["b.csv", "d_2024.csv", "a[1].csv"], [], ["b.csv", "d_2024.csv", "a[[]1].csv"]),
    ],
)
def test_names_that_differ_in_a_number_or_month_are_one_pattern(
    names: list[str], others: list[str], expected: list[str]
) -> None:
    assert patterns(names, others) == expected


def test_next_months_file_is_read_by_the_suggested_mapping(exports: Exports) -> None:
    exports.put("crm_2024.csv", COMPANIES.format(1, "2020-01-02")).put(
        "crm_2025.csv", COMPANIES.format(2, "2021-01-02")
    )
    text = suggest(exports.folder, ".").text
    exports.put("crm_2026.csv", COMPANIES.format(3, "2022-01-02"))
    assert not exports.book(text, partial=True).warnings
    assert exports.rows("accounts", "account_id") == [("1",), ("2",), ("3",)]


def test_a_file_that_no_source_reads_is_told_and_one_of_a_known_kind_loudly(
    exports: Exports, capsys: pytest.CaptureFixture[str]
) -> None:
    exports.put("crm_2026.csv", COMPANIES.format(3, "2022-01-02")).put("odd.csv", "x,y\n1,2\n").put(
        "own.toml", "a = 1\n"
    )
    exports.mapping.write_text(PLAIN, encoding="utf-8")
    import_(exports.mapping, exports.out)
    told = capsys.readouterr().err
    assert "not read: odd.csv: no source of the mapping reads it; it has x, y\n" in told
    assert "warning: crm_2026.csv is NOT READ: its header is that of HubSpot, companies" in told
    report = exports.book(PLAIN)
    assert [each.file for each in report.unread] == ["crm_2026.csv", "odd.csv"], "the mapping is none of the exports"
    assert "<li>odd.csv: no source of the mapping reads it; it has x, y</li>" in page(report, "m.toml")


def test_what_stands_in_the_list_is_not_meant_by_a_file_that_is_missing(exports: Exports) -> None:
    (problem,) = exports.refused(PLAIN.replace('"invoices.csv"', '["invoices.csv", "invoices2.csv"]'))
    assert problem.endswith("no file 'invoices2.csv' in " + str(exports.folder))


def test_a_column_of_the_name_that_is_asked_for_is_proposed_and_nothing_is_assumed_silently(exports: Exports) -> None:
    exports.put("crm.csv", COMPANIES.format(1, "2020-01-02")).put("deals.csv", DEALS.format("2025-01-02"))
    made = suggest(exports.folder, ".")
    assert made.proposed == {
        "hubspot_customer_since": "property_customer_since with '2020-01-02'",
        "hubspot_contract_end": "property_contract_end with '2025-01-02'",
    }
    assert "#   proposed, to be confirmed: property_contract_end with '2025-01-02'\n" in made.text
    assert 'hubspot_customer_since = "property_customer_since"' in made.text and not made.assumed
    exports.put("deals.csv", DEALS.format("2025-01-02").replace("_contract_end", "_note"))
    assert set(suggest(exports.folder, ".").assumed) == {"hubspot_contract_end"}
    text = suggest(exports.folder, ".", {"hubspot_customer_since": "", "hubspot_contract_months": 0}).text
    assumed = exports.book(text, partial=True).assumed
    assert 'hubspot_customer_since = "": no column says accounts.customer_since' in assumed
