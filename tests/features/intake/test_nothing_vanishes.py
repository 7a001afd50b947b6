"""No amount passes for another currency, no rate for a hundred times itself, and no cell becomes nothing unsaid."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports
from support.preset_samples import DATEV_HEAD

from features.intake.asking.presets import presets
from features.intake.asking.suggesting import suggest

DATEV_ANSWERS = {"datev_revenue_accounts": [8000, 8499], "datev_tax_rate": 0.19}
SURVEYS = """
[known.surveys]
answered_at = "sent_at"

[sources.answers]
files = "answers.csv"

[[tables.surveys]]
from = "answers"
[tables.surveys.columns]
survey_id = "id"
account_id = "account"
kind = { constant = "relationship" }
sent_at = { column = "sent", zone = "UTC" }
score = { column = "score", nulls = ["none"], extract = '^(\\d+)', only_when = { when = "asked", is_in = ["yes"] } }
"""


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", INVOICES)


def datev(exports: Exports, *bookings: str) -> str:
    """Return the mapping of some bookings: amount;side;foreign;rate;base;currency, document."""
    rows = (f"{booking.partition('#')[0]};12000;8400;;0207;{booking.partition('#')[2]};;;\r\n" for booking in bookings)
    folder = exports.folder / "ledger"
    folder.mkdir()
    (folder / "EXTF.csv").write_text(DATEV_HEAD + "".join(rows), encoding="utf-8")
    return suggest(folder, "ledger", DATEV_ANSWERS).text


def scored(exports: Exports, *scores: str) -> Exports:
    """Write answers with a score each, of which `?` was not asked."""
    rows = (f"S{place},A1,2025-02-01,{score},{'no' if score == '?' else 'yes'}\n" for place, score in enumerate(scores))
    return exports.put("answers.csv", "id,account,sent,score,asked\n" + "".join(rows))


def test_a_foreign_amount_of_datev_without_a_base_amount_is_in_its_own_currency(exports: Exports) -> None:
    """The two lines of the second document are one record, whose first line is in euros."""
    mapping = datev(exports, "119,00;S;EUR;;;#R1", "119,00;S;;;;#R2", "119,00;S;CHF;1,05;0,00;EUR#R2")
    (problem,) = exports.refused(mapping)
    assert "one currency is expected, found EUR (2 rows), CHF (1 row); [[rates]]" in problem
    assert "(1 row: invoices of EXTF.csv row 5: 'CHF')" in problem


def test_a_base_amount_of_datev_is_in_the_currency_of_the_books(exports: Exports) -> None:
    exports.book(datev(exports, "124,00;S;CHF;1,05;119,00;#R1", "250,00;S;USD;1,05;238,00;EUR#R2", "11,90;S;;;;#R3"))
    amounts = [(10.0, "EUR"), (100.0, "EUR"), (200.0, "EUR")]
    assert exports.rows("invoices", "amount, currency") == amounts


def test_every_preset_of_money_reads_the_currency(exports: Exports) -> None:
    """QuickBooks has none: its column Amount is in the currency of the company, the foreign one stands beside."""
    without = {
        preset.name
        for preset in presets()
        for parts in tomllib.loads(preset.body).get("tables", {}).values()
        for part in parts
        if {"amount", "annual_value", "revenue"} & set(part["columns"]) and "currency" not in part["columns"]
    }
    assert without == {"quickbooks"}


@pytest.mark.parametrize("rate", ["19", "-0.19", "1"])
def test_a_tax_rate_is_a_fraction(exports: Exports, rate: str) -> None:
    asked = PLAIN.replace("\n", f"\nanswers = {{ tax = {rate} }}\n", 1)
    (problem,) = exports.refused(
        asked.replace('amount = "amount"', 'amount = { column = "amount", tax_rate = "$tax" }')
    )
    assert f"line 13: a tax rate from 0 to below 1 is expected: 0.19 is 19 %; found {rate}" in problem
    assert "answers.tax" in problem


def test_a_tax_rate_or_a_tax_of_rows_that_cannot_be_one_is_a_problem(exports: Exports) -> None:
    exports.put(
        "invoices.csv",
        'invoice_id,account_id,invoiced_on,amount,rate,tax\nI1,A,2025-01-02,119,19 %,"19,0"\nI2,A,2025-01-03,119,,\n',
    )
    rated = PLAIN.replace(
        'amount = "amount"', 'amount = { column = "amount", minus = "tax", tax_rate = { column = "rate" } }'
    )
    tax, rate = exports.refused(rated)
    assert "invoices.amount.minus: what is to be subtracted is no number" in tax and "row 2: '19,0'" in tax
    assert "invoices.amount.tax_rate: a tax rate from 0 to below 1" in rate and "row 2: '19 %'" in rate
    exports.book(
        PLAIN.replace('"amount"\n', '{ column = "amount", tax_rate = { column = "rate", divide_by = 100 } }\n')
    )
    assert exports.rows("invoices", "amount") == [(100.0,), (119.0,)]


def test_a_pattern_that_matches_no_cell_is_a_problem_that_quotes_cells(exports: Exports) -> None:
    """What is a word for nothing, or not asked, is no such cell."""
    asked = (PLAIN + SURVEYS).replace("\n", "\nanswers = { score = 'score' }\n", 1).replace('"score"', '"$score"')
    (problem,) = scored(exports, "Promoter", "none", "?", "Passive", "Promoter").refused(asked)
    assert problem.startswith("surveys.score: 3 of 3 cells do not match the pattern")
    assert "is another column meant? (to be changed at answers.score)" in problem
    assert "(3 rows: answers.csv row 2: 'Promoter', answers.csv row 5: 'Passive')" in problem


def test_a_pattern_that_matches_some_cells_warns_of_the_others(exports: Exports) -> None:
    (warning,) = scored(exports, "9", "8 - likely", "often", "none", "?").book(PLAIN + SURVEYS).warnings[:1]
    assert warning.startswith("surveys.score: 1 of 3 cells do not match") and "row 4: 'often'" in warning
    told = scored(exports, "9", "8 - likely", "none", "?").book(PLAIN + SURVEYS).warnings
    assert not [each for each in told if "do not match" in each]


def test_an_account_that_a_pattern_never_finds_is_a_problem(exports: Exports) -> None:
    scored(exports, "9", "8")
    (problem,) = exports.refused((PLAIN + SURVEYS).replace('"account"', "{ column = 'account', extract = '^#(.+)' }"))
    assert problem.startswith("surveys.account_id: 2 of 2 cells do not match") and "'A1'" in problem
