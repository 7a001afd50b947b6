"""What would make revenue too high, or lose a table, without a word: doubled lines, gross amounts, short ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports

from features.intake.asking.gross_amounts import is_gross
from features.intake.asking.suggesting import suggest

SUM = PLAIN.replace('from = "bills"', 'from = "bills"\nmany = "sum"')
LINES = "invoice_id,account_id,invoiced_on,amount,text\n"


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


def doubts(exports: Exports, mapping: str, word: str) -> list[str]:
    return [each for each in exports.book(mapping).warnings if word in each]


def test_a_row_that_stands_more_than_once_in_a_file_is_added_up_and_told(exports: Exports) -> None:
    """Row 4 is another line by a cell that the mapping does not read; row 8, once more, adds nothing."""
    rows = ("1,A,2025-01-02,7.25,x", "1,A,2025-01-02,7.25,x", "1,A,2025-01-02,7.25,y", "2,A,2025-01-03,5,x")
    more = ("1,A,2025-01-02,7.25,x", "2,A,2025-01-03,0,z", "2,A,2025-01-03,0,z")
    exports.put("invoices.csv", LINES + "\n".join([*rows, *more]) + "\n")
    (doubt,) = doubts(exports, SUM, "equal in every cell")
    assert doubt.startswith("invoices.bills: 2 rows stand more than once in one file") and ": 14.50 of amount." in doubt
    assert doubt.endswith("(2 rows: invoices.csv row 3: 1, invoices.csv row 6: 1)")
    assert exports.rows("invoices", "invoice_id, amount") == [("1", 29.0), ("2", 5.0)], "they count, as they stand"
    assert not doubts(exports, PLAIN.replace('from = "bills"', 'from = "bills"\nmany = "first"'), "every cell")


def test_rows_of_two_files_that_overlap_are_not_called_doubled(exports: Exports) -> None:
    exports.put("invoices.csv", LINES + "1,A,2025-01-02,7,x\n").put("more.csv", LINES + "1,A,2025-01-02,7,x\n")
    both = SUM.replace('"invoices.csv"', '["invoices.csv", "more.csv"]')
    assert not doubts(exports, both, "every cell")
    assert exports.rows("invoices", "amount") == [(7.0,)]


@pytest.mark.parametrize(
    ("heading", "gross"),
    [("Brutto", True), ("Rechnungsbetrag_brutto", True), ("grossAmount", True), ("Gross", True), ("Total TTC", True),
     ("Total (incl. VAT)", True), ("inkl. 19 % MwSt", True), ("Betrag inkl. MwSt.", True),
     ("Amount including sales tax", True), ("Betrag inkl. USt", True), ("Grosshandel", False), ("Netto", False),
     ("Total (excl. VAT)", False), ("Betrag", False), ("Total HT", False), ("Betrag zzgl. MwSt.", False)],
)  # fmt: skip
def test_headings_that_say_gross(heading: str, gross: bool) -> None:
    assert is_gross(heading) is gross


def test_a_gross_amount_without_a_tax_rate_is_told(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,Brutto,Steuer\n1,A,2025-01-02,119,19\n")

    def told(value: str) -> list[str]:
        return doubts(exports, PLAIN.replace('amount = "amount"', f"amount = {value}"), "says gross")

    (doubt,) = told('"Brutto"')
    assert doubt.startswith("invoices.amount: bills: the heading of 'Brutto' says gross") and "tax_rate = 0.19" in doubt
    assert told('{ first_of = [{ column = "Netto", optional = true }, "brutto"] }')
    assert told('{ column = "Brutto", divide_by = 100 }') and not told('{ column = "Brutto", divide_by = 1.19 }')
    assert not told('{ column = "Brutto", tax_rate = 0.19 }')
    assert not told('{ column = "Brutto", tax_rate = 0 }')
    assert not told('{ column = "Brutto", minus = "Steuer" }')
    assert exports.rows("invoices", "amount") == [(100.0,)]
    assert "# 'Brutto': amounts are net here; tax_rate = 0.19" in suggest(exports.folder, ".").text


@pytest.mark.parametrize(("other", "is_told"), [("001bm00001ZL8UA", True), ("71", False)])
def test_ids_of_15_signs_are_told_where_more_than_half_are_known_with_18(
    exports: Exports, other: str, is_told: bool
) -> None:
    """The pairs of ids are those of a public export."""
    plain = PLAIN.replace("\n", '\n[book]\nmaster = "ledger"\n', 1).replace('"bills"\n', '"bills"\nsystem = "ledger"\n')
    mapping = plain + (
        '[sources.crm]\nfiles = "crm.csv"\n[[identities]]\nfrom = "crm"\nsystem = "crm"\n'
        'columns = { id = "id", name = "name" }\n[sources.desk]\nfiles = "desk.csv"\n[[tables.tickets]]\n'
        'from = "desk"\nsystem = "crm"\n'
        'columns = { ticket_id = "no", account_id = "who", opened_at = { column = "at", zone = "UTC" } }\n'
    )
    exports.put("invoices.csv", INVOICES).put("crm.csv", "id,name\n001bm00001ZL8U9AAL,Nord\n001bm00001ZL8UAAA1,Ost\n")
    exports.put("desk.csv", f"no,who,at\n1,001bm00001ZL8U9,2025-07-01 10:00\n2,{other},2025-07-01 10:00\n")
    pairs = "system,id,account_id,confirmed\ncrm,001bm00001ZL8U9AAL,A1,yes\n"
    exports.put("crosswalk.csv", pairs)
    (warning,) = doubts(exports, mapping, "no confirmed pair in")
    told = "2 of these ids have 15 signs, and the same are known with 18, as '001bm00001ZL8U9', which is '001bm"
    assert (told in warning) is is_told and ("long_id = true" in warning) is is_told


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('is_in = ["Zahlungen"]', ["no row has 'zahlungen' in 'Art'; did you mean 'Zahlung'?"]),
        ('is_not_in = ["Rechnugn", "Gutschrift"]', ["no row has 'rechnugn' in 'Art'; did you mean 'Rechnung'?"]),
        ('is_in = ["ZAHLUNG ", "Zahlungen"]', []),
        ('is_in = ["Storno"]', []),
        ('matches = "Zahlungen"', []),
    ],
    ids=("left out", "kept", "named beside it", "nothing like it", "a pattern"),
)
def test_a_word_of_a_filter_that_only_nearly_stands_in_the_file_is_told(
    exports: Exports, rule: str, told: list[str]
) -> None:
    kinds = ("Rechnung", "Zahlung", "Gutschrift")
    rows = "".join(f"{place},A,2025-01-0{place},5,{kind}\n" for place, kind in enumerate(kinds, start=1))
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,Art\n" + rows + "9,A,2024-01-01,5,Rechnung\n")
    filtered = f'from = "bills"\nleave_out = [{{ reason = "a payment", when = "Art", {rule} }}]'
    found = doubts(exports, PLAIN.replace('from = "bills"', filtered), "did you mean")
    assert found == [f"tables.invoices.leave_out (a payment): {text}" for text in told]


@pytest.mark.parametrize(
    ("word", "shown", "is_told"),
    [
        ("Zahlungen", "Zahlung", True),
        ("Zahlung", "Zahlungen", True),
        ("Zahlnug", "Zahlung", True),
        ("Zahlng", "Zahlung", True),
        ("un-paid", "unpaid", True),
        ("Zahlung  offen", "Zahlung offen", True),
        ("Rechnungen Typ A", "Rechnung Typ A", True),
        ("Zahlungen 2024", "Zahlung 2024", True),
        ("Inactive", "Active", False),
        ("Active", "Inactive", False),
        ("Unpaid", "Paid", False),
        ("unbezahlt", "bezahlt", False),
        ("aktiv", "inaktiv", False),
        ("settled", "unsettled", False),
        ("valid", "invalid", False),
        ("in-active", "active", False),
        ("Invoice unpaid", "Invoice paid", False),
        ("Rechnung nicht bezahlt", "Rechnung bezahlt", False),
        ("Stage 4", "Stage 5", False),
        ("Zahlung 2024", "Zahlung 2025", False),
        ("Typ B", "Typ A", False),
        ("Status-B", "Status", False),
        ("Rechnung", "Abrechnung", False),
    ],
)
def test_a_word_is_told_where_it_is_nearly_another_and_does_not_say_something_else(
    exports: Exports, word: str, shown: str, is_told: bool
) -> None:
    exports.put("invoices.csv", f"invoice_id,account_id,invoiced_on,amount,Art\n1,A,2025-01-02,5,{shown}\n")
    filtered = f'from = "bills"\nleave_out = [{{ reason = "r", when = "Art", is_in = ["{word}"] }}]'
    found = doubts(exports, PLAIN.replace('from = "bills"', filtered), "did you mean")
    text = f"tables.invoices.leave_out (r): no row has {word.lower()!r} in 'Art'; did you mean {shown!r}?"
    assert found == ([text] if is_told else [])


def test_of_two_near_words_the_one_that_says_the_same_is_meant(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,Art\n1,A,2025-01-02,5,Abrechnungen\n"
                "2,A,2025-01-03,5,Rechnung\n")  # fmt: skip
    filtered = 'from = "bills"\nleave_out = [{ reason = "r", when = "Art", is_in = ["Rechnungen"] }]'
    (found,) = doubts(exports, PLAIN.replace('from = "bills"', filtered), "did you mean")
    assert found.endswith("did you mean 'Rechnung'?")


def test_parts_of_a_table_that_share_a_filter_are_told_of_it_once(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,Art\n1,A,2025-01-02,5,Zahlung\n")
    filtered = PLAIN.replace(
        'from = "bills"', 'from = "bills"\nleave_out = [{ reason = "r", when = "Art", is_in = ["Zahlungen"] }]'
    )
    part = filtered[filtered.index("[[tables.invoices]]") :]
    fee = 'invoice_id = { join = [{ constant = "fee" }, "invoice_id"] }'
    warnings = exports.book(filtered + part.replace('invoice_id = "invoice_id"', fee)).warnings
    assert len([each for each in warnings if "did you mean 'Zahlung'?" in each]) == 1
    assert len(set(warnings)) == len(warnings)


@pytest.mark.parametrize(("word", "is_told"), [("Gutschriften", True), ("gutschrift", False)])
def test_a_word_that_makes_an_amount_negative_and_only_nearly_stands_in_the_file_is_told(
    exports: Exports, word: str, is_told: bool
) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,Art\n1,A,2025-01-02,5,Rechnung\n"
                "2,A,2025-01-03,5,Gutschrift\n")  # fmt: skip
    amount = f'amount = {{ column = "amount", negative_when = {{ when = "Art", is_in = ["{word}"] }} }}'
    found = doubts(exports, PLAIN.replace('amount = "amount"', amount), "did you mean")
    told = "tables.invoices.amount.negative_when: no row has 'gutschriften' in 'Art'; did you mean 'Gutschrift'?"
    assert found == ([told] if is_told else [])
    assert exports.rows("invoices", "sum(amount)") == [(10.0,) if is_told else (0.0,)]


def test_accounts_of_two_systems_that_differ_in_leading_zeros_only_are_told(exports: Exports) -> None:
    """The accounts of the one system have no invoice, those of the other nothing else: neither would be missed."""
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\n1,12,2025-01-02,5\n2,13,2025-01-03,5\n")
    exports.put("kunden.csv", "Nr,Seit\n0012,2024-01-01\n0013,2024-01-01\n")
    customers = '[sources.crm]\nfiles = "kunden.csv"\n[[tables.accounts]]\nfrom = "crm"\n[tables.accounts.columns]\n'
    mapping = PLAIN + customers + 'account_id = {}\ncustomer_since = "Seit"\n'
    (doubt,) = doubts(exports, mapping.format('"Nr"'), "leading zeros")
    assert doubt.endswith("each has a part of the records ('0012' is '12') (2 rows: 0012, 0013)")
    assert not doubts(exports, mapping.format('{ column = "Nr", strip_zeros = true }'), "leading zeros")
    assert exports.rows("accounts", "account_id") == [("12",), ("13",)]
