"""What is the same but for its writing: ids by case, blanks or zeros, currencies by case, a day that is a midnight."""

from __future__ import annotations

import string
from itertools import islice, product
from pathlib import Path

import pytest
from support.raw_tables import GOOD, folder_of, only_problem

from features.sources import open_source
from features.validation import validate

INVOICES = "invoice_id,account_id,invoiced_on,amount\n"


ONLY = "in case, outer blanks or leading zeros only"


@pytest.mark.parametrize(
    ("accounts", "ids", "rule"),
    [
        (("A1", "A2"), ("a1 ", "A2"), f"not in accounts; 1 differs {ONLY}: 'a1 ' is 'A1' there; write them alike"),
        (
            ("0017", "0018"),
            ("17", "18", "19"),
            f"3 accounts that are not in accounts; 2 differ {ONLY}: '17' is '0017' there; write them alike",
        ),
        (("A1", "0"), ("B1", "00"), "2 accounts that are not in accounts"),
    ],
)
def test_ids_that_differ_in_writing_only_are_told_with_a_pair(
    tmp_path: Path, accounts: tuple[str, ...], ids: tuple[str, ...], rule: str
) -> None:
    rows = "account_id,customer_since\n" + "".join(f"{name},2020-01-01\n" for name in accounts)
    invoices = INVOICES + "".join(f"i{place},{name},2021-01-01,1\n" for place, name in enumerate(ids))
    assert only_problem(folder_of(tmp_path, accounts=rows, invoices=invoices)).rule == rule


@pytest.mark.parametrize(
    ("accounts", "billed", "told"),
    [
        (("0017", "17", "0018", "18"), ("17", "18"), "('0017' is '17') (2 rows: 0017, 0018)"),
        (("0017", "17"), ("17", "0017 02"), "('0017' is '17') (1 row: 0017)"),
        (("0017", "17"), ("17", "17 02", "0017 02", "0017 03"), None),
        (("007", "7", "0100", "100"), ("007", "7", "100"), "('0100' is '100') (1 row: 0100)"),
        (("0017", "17"), (), "('0017' is '17') (1 row: 0017)"),
        (("K-1", "k-1 "), ("k-1 ",), "('K-1' is 'k-1 ') (1 row: K-1)"),
        (("001A0a", "001A0A"), ("001A0a", "001A0A"), None),
        (("K-1", "k-1", "K-2", "k-2"), ("K-1", "k-1 02", "k-2"), None),
        (("K-1", "k-1", "0K-2", "K-2"), ("K-1", "k-1", "K-2"), "('0K-2' is 'K-2') (1 row: 0K-2)"),
        (("K-1", "0K-1", "K-2", "k-2"), ("K-1", "0K-1 02", "k-2"), "('0K-1' is 'K-1') (2 rows: 0K-1, K-2)"),
        (("001bm00001K000E", "001bm00001K000e"), ("001bm00001K000e",), None),
        (("001bm00001K000EAAA", "001bm00001K000eaaa"), ("001bm00001K000EAAA",),
         "('001bm00001K000EAAA' is '001bm00001K000eaaa') (1 row: 001bm00001K000EAAA)"),
        (("000000000000017", "17"), ("17",), "('000000000000017' is '17') (1 row: 000000000000017)"),
        (("17", "170", "0", "00"), ("17",), None),
    ],
    ids=(
        "zeros", "zeros, each with invoices of other months", "zeros, both with invoices of one month",
        "one pair of zeros is two customers", "zeros, none with invoices", "case, one without invoices",
        "case, both with invoices", "case counts in the book", "zeros in a book in which case counts",
        "zeros are no proof that case counts", "Salesforce's", "Salesforce's of 18 signs", "zeros of 15 signs",
        "others",
    ),
)  # fmt: skip
def test_accounts_that_are_one_customer_but_for_writing_are_warned_of(
    tmp_path: Path, accounts: tuple[str, ...], billed: tuple[str, ...], told: str | None
) -> None:
    rows = "account_id,customer_since\n" + "".join(f'"{name}",2020-01-01\n' for name in accounts)
    months = [(each[:-3], each[-2:]) if each[-3:-1] == " 0" else (each, "01") for each in billed]
    bills = [f'i{place},"{name}",2021-{month}-{place + 1:02},1\n' for place, (name, month) in enumerate(months)]
    invoices = INVOICES + "".join(bills or ["i,Other,2021-01-01,1\n"])
    rows += "" if bills else "Other,2020-01-01\n"
    warnings = validate(open_source(folder_of(tmp_path, accounts=rows, invoices=invoices))).warnings
    ends = [warning.partition("a part of the records ")[2] for warning in warnings if "another account has" in warning]
    assert ends == ([told] if told else [])


def test_case_twins_among_ids_of_salesforce_are_no_one_customer(tmp_path: Path) -> None:
    """Salesforce numbers its ids of 15 signs to the base of 62; every twentieth account is never billed."""
    signs = string.digits + string.ascii_uppercase + string.ascii_lowercase
    ids = ["001bm00001K0" + "".join(each) for each in islice(product(signs, repeat=3), 2000)]
    accounts = "account_id,customer_since\n" + "".join(f"{name},2020-01-01\n" for name in ids)
    rows = [f"i{place},{name},2021-01-01,1\n" for place, name in enumerate(ids) if place % 20]
    warnings = validate(open_source(folder_of(tmp_path, accounts=accounts, invoices=INVOICES + "".join(rows)))).warnings
    assert not [warning for warning in warnings if "another account has" in warning]


def test_references_that_differ_in_writing_only_are_told_too(tmp_path: Path) -> None:
    tables = {**GOOD, "surveys": GOOD["surveys"].replace(",c1,", ",C1,")}
    (warning,) = validate(open_source(folder_of(tmp_path, **tables))).warnings
    assert "nothing is known of it; 1 differs in case" in warning and "'C1' is 'c1' there" in warning


@pytest.mark.parametrize(
    ("codes", "currency"),
    [(("EUR", "eur"), "EUR"), (("eur", " EUR "), "EUR"), (("eur", "eur"), "eur"), (("", ""), None)],
)
def test_one_currency_in_two_writings_is_one(tmp_path: Path, codes: tuple[str, str], currency: str | None) -> None:
    invoices = "invoice_id,account_id,invoiced_on,amount,currency\n" + "".join(
        f"i{place},a1,2021-01-01,1,{code}\n" for place, code in enumerate(codes)
    )
    assert validate(open_source(folder_of(tmp_path, invoices=invoices))).currency == currency


def test_two_currencies_are_still_two(tmp_path: Path) -> None:
    invoices = "invoice_id,account_id,invoiced_on,amount,currency\ni1,a1,2021-01-01,1,EUR\ni2,a1,2021-01-01,1,chf\n"
    assert "found EUR, chf" in only_problem(folder_of(tmp_path, invoices=invoices)).rule


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (("2021-01-01",), "before sent_at; 00:00 of the same day"),
        (("2021-01-01", "2020-12-31"), "before sent_at; 1 of them 00:00 of the same day"),
        (("2020-12-31",), None),
    ],
)
def test_an_answer_of_the_same_day_without_its_time_is_refused_with_the_reason(
    tmp_path: Path, answers: tuple[str, ...], told: str | None
) -> None:
    rows = "".join(f"s{9 + place},a1,,relationship,2021-01-01T10:00:00,{day},5,\n" for place, day in enumerate(answers))
    rule = only_problem(folder_of(tmp_path, surveys=GOOD["surveys"] + rows)).rule
    expected = f"{told}, as which a day without a time is read: write both as days, or answered_at with its time"
    assert rule == (expected if told else "before sent_at")
