"""What is the same but for its writing: ids by case, blanks or zeros, currencies by case, a day that is a midnight."""

from __future__ import annotations

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
        (("0017", "17"), ("17", "0017"), "('0017' is '17') (1 row: 0017)"),
        (("K-1", "k-1 "), ("k-1 ",), "('K-1' is 'k-1 ') (1 row: K-1)"),
        (("001A0a", "001A0A"), ("001A0a", "001A0A"), None),
        (("17", "170", "0", "00"), ("17",), None),
    ],
    ids=("zeros", "zeros, each with invoices", "case, one without invoices", "Salesforce's", "others"),
)
def test_accounts_that_are_one_customer_but_for_writing_are_warned_of(
    tmp_path: Path, accounts: tuple[str, ...], billed: tuple[str, ...], told: str | None
) -> None:
    rows = "account_id,customer_since\n" + "".join(f'"{name}",2020-01-01\n' for name in accounts)
    invoices = INVOICES + "".join(f'i{place},"{name}",2021-01-01,1\n' for place, name in enumerate(billed))
    warnings = validate(open_source(folder_of(tmp_path, accounts=rows, invoices=invoices))).warnings
    ends = [warning.partition("a part of the records ")[2] for warning in warnings if "another account has" in warning]
    assert ends == ([told] if told else [])


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
