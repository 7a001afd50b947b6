"""DATEV's ledgers: two clients in one folder, revenue accounts with rates of their own, headings spelt in two ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import Exports
from support.presets import imported

from features.errors import InvalidTables
from features.intake.asking.suggesting import suggest

ANSWERS = {"datev_revenue_accounts": "[8000, 8999]", "datev_tax_rate": "0.19"}
OTHER_CLIENT, OTHER_CONSULTANT = (";29098;55003;", ";29098;55004;"), (";29098;55003;", ";29099;55003;")


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


@pytest.mark.parametrize(
    ("of", "name", "numbers", "file", "text"),
    [
        (OTHER_CLIENT, "Mandant", ("55003", "55004"), "b.csv", samples.DATEV),
        (OTHER_CONSULTANT, "Berater", ("29098", "29099"), "masters.csv", samples.DATEV_MASTERS),
    ],
)
def test_ledgers_of_two_clients_are_not_merged(
    exports: Exports, of: tuple[str, str], name: str, numbers: tuple[str, str], file: str, text: str
) -> None:
    """Both have a customer 12000; the masters of one would name the customers of the other."""
    exports.put("a.csv", samples.DATEV, "cp1252").put(file, text.replace(*of), "cp1252")
    with pytest.raises(InvalidTables) as caught:
        imported(exports, ANSWERS)
    told = f"datev.{name}: the files are of different ones: {numbers[0]} in a.csv; {numbers[1]} in {file}."
    assert [told in str(problem) for problem in caught.value.problems] == [True]
    assert "would be merged, as those of " in str(caught.value)


def test_two_clients_without_a_common_customer_stand_beside_each_other(exports: Exports) -> None:
    """Nothing is merged, so nothing is refused; that they are two is told."""
    other = re.sub(r";1(\d{4});", r";6\1;", samples.DATEV.replace(*OTHER_CLIENT)).replace("RE-", "XE-")
    exports.put("a.csv", samples.DATEV, "cp1252").put("b.csv", other, "cp1252")
    report = imported(exports, ANSWERS)
    (doubt,) = [each for each in report.warnings if "different ones" in each]
    assert "55003 in a.csv; " in doubt and "no customer's number is in both" in doubt


def test_two_clients_may_share_a_book_with_the_client_before_each_id(exports: Exports) -> None:
    """As the problem says it; without the number in both ids the second file would be left out as exported twice."""
    exports.put("a.csv", samples.DATEV, "cp1252").put("b.csv", samples.DATEV.replace(*OTHER_CLIENT), "cp1252")
    with pytest.raises(InvalidTables) as caught:
        imported(exports, ANSWERS)
    cell = "{ cell = { row = 1, column = 12 } }"
    assert f"put {cell} first into a join at the ids" in str(caught.value)
    mapping = exports.mapping.read_text(encoding="utf-8").replace("same = {", "# {")
    mapping = mapping.replace("invoice_id = { join = [", f"invoice_id = {{ join = [{cell}, ")
    mapping = mapping.replace(
        '{ let = "customer", strip_zeros = true }', f'{{ join = [{cell}, {{ let = "customer" }}] }}'
    )
    assert exports.book(mapping, partial=True).revenue_by_year == {"2025": "2160.00", "2026": "208.06"}
    assert exports.rows("invoices", "count(DISTINCT account_id)") == [(6,)]


def test_one_client_in_several_files_and_a_first_row_without_numbers_are_fine(exports: Exports) -> None:
    exports.put("a.csv", samples.DATEV, "cp1252").put("b.csv", samples.DATEV.replace(";29098;55003;", ";;055003;"))
    assert imported(exports, ANSWERS).revenue_by_year == {"2025": "1080.00", "2026": "104.03"}


def test_one_rate_for_several_revenue_accounts_is_told_with_their_sums(exports: Exports) -> None:
    """8736 is a discount of 23.80; 1200, a payment, is no revenue."""
    exports.put("a.csv", samples.DATEV, "cp1252")
    (doubt,) = [each for each in imported(exports, ANSWERS).warnings if "one tax rate" in each]
    assert (
        "0.19, is taken from rows of 3 accounts: '8400' (6 rows: 1,194.03 net), '8736' (1 row: -20.00 net), " in doubt
    )
    assert "'8401' (1 row: 10.00 net)" in doubt and "(to be changed at answers.datev_" in doubt
    assert "{ let = 'revenue_account', map = { '8400' = '0.19', ... }, otherwise = '0' }" in doubt
    by_account = "{let = 'revenue_account', map = {'8400' = '0.19', '8401' = '0.07'}, otherwise = '0'}"
    for rate, year in ((by_account, "1076.20"), ("0.0", "1285.20")):
        report = imported(exports, ANSWERS | {"datev_tax_rate": rate})
        assert not [each for each in report.warnings if "one tax rate" in each]
        assert report.revenue_by_year["2025"] == year
    only = ANSWERS | {"datev_revenue_accounts": "[8400, 8400]"}
    assert not [each for each in imported(exports, only).warnings if "one tax rate" in each], "of one account"


def test_rates_by_account_may_be_answered_beforehand(exports: Exports) -> None:
    """1,444.90 of 8400 and 11.90 of 8401, at 19 and 7 %, but 100.00 of a base amount for its 124.00."""
    rates = {"let": "revenue_account", "map": {"8400": "0.19", "8401": "0.07"}, "otherwise": "0"}
    answers = {"datev_revenue_accounts": [8400, 8499], "datev_tax_rate": rates}
    made = suggest(exports.put("a.csv", samples.DATEV, "cp1252").folder, ".", answers)
    report = exports.book(made.text, partial=True)
    assert report.revenue_by_year == {"2025": "1100.00", "2026": "105.15"} and not made.open_questions


def test_the_questions_list_what_stands_against_customers(exports: Exports) -> None:
    """The payment of 1,166.20 and the discount of 23.80 are owed no more; the supplier's 500 is not there."""
    exports.put("a.csv", samples.DATEV, "cp1252")
    most, rest = "'8400' 6 rows (1,444.90)", "'8736' 1 row (-23.80), '8401' 1 row (11.90)"
    listed = f"#   against accounts of customers: {most}, '1200' 1 row (-1,166.20), {rest}\n"
    assert suggest(exports.folder, ".").text.count(listed) == 2
    told = suggest(exports.folder, ".", {"datev_revenue_accounts": [8000, 8999]}).text
    assert f"#   against accounts of customers: {most}, {rest}\n" in told and told.count(listed) == 1


def test_masters_are_known_by_either_spelling(exports: Exports) -> None:
    exports.put("a.csv", samples.DATEV, "cp1252")
    exports.put("masters.csv", samples.DATEV_MASTERS.replace("(Adressatentyp ", "(Adressattyp "), "cp1252")
    imported(exports, ANSWERS, partial=False)
    assert exports.rows("accounts", "name")[:2] == [("Nordwind GmbH",), ("Änne Möbius",)]
