"""Accounts of several systems: what is proposed, what a person confirmed, and what the next import finds changed."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports, left_out

from features.book_facts import read_book_facts
from features.intake.alike import Party, alike, is_certain
from features.intake.crosswalk import Pair, confirm_from, read_links, write_crosswalk

MAPPING = (
    PLAIN.replace("\n", '\n[book]\nmaster = "ledger"\n', 1).replace(
        'from = "bills"\n', 'from = "bills"\nsystem = "ledger"\n'
    )
    + """
[sources.masters]
files = "masters.csv"
[[identities]]
from = "masters"
system = "ledger"
columns = { id = "no", name = "firm", town = "town", email = "mail" }

[sources.desk]
files = "desk.csv"
[[identities]]
from = "desk"
system = "desk"
columns = { id = "org", name = "name", email = "mail" }
[[tables.tickets]]
from = "desk"
system = "desk"
columns = { ticket_id = "id", account_id = "org", opened_at = { column = "at", zone = "UTC" } }
"""
)


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    made = Exports(tmp_path).put("invoices.csv", INVOICES)
    made.put(
        "masters.csv", "no,firm,town,mail\nA1,Müller & Söhne GmbH,Köln,info@mueller.example\nA2,Deutsche Bank AG,,\n"
    )
    head = "id,org,name,mail,at\n"
    made.put(
        "desk.csv", head + "T1,71,MULLER,x@mueller.example,2025-07-01 10:00\nT2,72,Deutsche Bahn AG,,2025-07-01 10:00\n"
    )
    return made


def crosswalk(exports: Exports) -> list[dict[str, str]]:
    with (exports.folder / "crosswalk.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def confirm(exports: Exports, number: str, word: str) -> None:
    path = exports.folder / "crosswalk.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(line + word if f",{number}," in line else line for line in lines) + "\n", encoding="utf-8"
    )


def test_pairs_are_proposed_and_only_confirmed_ones_count(exports: Exports) -> None:
    report = exports.book(MAPPING)
    assert left_out(report, "tickets") == {"its account has no confirmed pair in the crosswalk": 2}
    assert report.proposals == 2
    assert report.one_system_only == {"2 accounts of desk have no confirmed pair": ("71", "72")}
    pairs = {row["id"]: (row["account_id"], row["why"], row["confirmed"]) for row in crosswalk(exports)}
    assert pairs["71"] == ("A1", "same e-mail domain", "")
    assert pairs["72"] == ("A2", "similar name", ""), "the Bahn is like the Bank: a person must refuse it"
    confirm(exports, "71", "yes")
    confirm(exports, "72", "no")
    report = exports.book(MAPPING)
    assert exports.rows("tickets", "ticket_id, account_id") == [("T1", "A1")]
    assert report.proposals == 0, "what was refused is not proposed again"
    assert {row["id"]: row["confirmed"] for row in crosswalk(exports)} == {"71": "yes", "72": "no"}


def test_a_table_that_the_crosswalk_costs_all_its_rows_is_not_known_and_said_loudly(exports: Exports) -> None:
    report = exports.book(MAPPING)
    (warning,) = [each for each in report.warnings if "confirmed pair" in each]
    assert warning == (
        "tickets: 2 of 2 rows of desk are left out: their 2 accounts (2 accounts of the book, with 150.50 of revenue, "
        f"have none in desk) have no confirmed pair in {exports.folder / 'crosswalk.csv'}; tickets is not written, "
        "being not known"
    )
    assert "tickets" not in report.records and not (exports.out / "tickets.parquet").exists()
    assert "tickets: not there, so not known" in report.unknown
    exports.out = exports.folder / "second"
    (problem,) = exports.refused(MAPPING.replace('master = "ledger"', 'master = "desk"'))
    assert "invoices.account_id: none of the accounts of its rows has a confirmed pair in" in problem


def test_sure_pairs_are_confirmed_at_once_and_names_that_are_only_alike_never(exports: Exports) -> None:
    """Two people of one domain are one pair; Bank and Bahn, and a name that two accounts have, wait for a person."""
    masters = "A3,Nord GmbH,,\nA4,Nord GmbH,,\nA5,Süd GmbH,Ulm,\n"
    path = exports.folder / "masters.csv"
    path.write_text(path.read_text(encoding="utf-8") + masters, encoding="utf-8")
    rows = "id,org,name,mail,at\n" + "".join(
        f"T{place},{org},{name},,2025-07-01 10:00\n"
        for place, (org, name) in enumerate(
            [("a@mueller.example", ""), ("B@mueller.example", ""), ("72", "Deutsche Bahn AG"), ("73", "NORD"),
             ("74", "SÜD GmbH"), ("75", "Süd KG"), ("76", "SÜD")]
        )
    )  # fmt: skip
    exports.put("desk.csv", rows).book(MAPPING)
    why = {row["id"]: row["why"] for row in crosswalk(exports)}
    assert why == {
        "*@mueller.example": "same e-mail domain", "72": "similar name", "74": "same name", "75": "similar name",
        "73": "same name, which several accounts have", "76": "same name, without the legal form on one side",
    }  # fmt: skip
    path = exports.folder / "crosswalk.csv"
    assert confirm_from(path, 91) == (1, 3) and confirm_from(path, 50) == (1, 4)
    assert {row["id"] for row in crosswalk(exports) if row["confirmed"]} == {"*@mueller.example", "74"}
    exports.book(MAPPING)
    assert exports.rows("tickets", "account_id") == [("A1",), ("A1",)], "A5 was never billed"


def test_a_word_that_is_neither_yes_nor_no_is_a_problem(exports: Exports) -> None:
    exports.put("crosswalk.csv", "system,id,account_id,confirmed\ndesk,71,A1,maybe\ndesk,72,A1,yes\ndesk,72,A2,x\n")
    problems = exports.refused(MAPPING)
    assert problems == [
        "crosswalk.csv.confirmed: neither yes nor no (1 row: 71: 'maybe')",
        "crosswalk.csv.account_id: confirmed for several accounts (1 row: 72: 'A1, A2')",
    ]


def test_what_speaks_for_a_pair() -> None:
    """Numbers without zeros before VAT ids before domains before names; nobody's mailer and no name are no sign."""
    masters = [
        Party("0012", "Acme GmbH", "Bonn", "DE 123", "a@acme.example"),
        Party("13", "", "Bonn", "", "b@gmail.com"),
        Party("14", "BMW AG", "München"),
    ]
    others = [
        Party("x1", "Other", number="12"),
        Party("x2", "Other", vat="de123"),
        Party("x3", "Other", email="z@acme.example"),
        Party("x4", "", email="z@gmail.com"),
        Party("x5", "bmw"),
        Party("x6", "Zebra Ltd"),
        Party("x7", "ACME gmbh", email="z@acme.example"),
        Party("x8", "Acme Gruppe", email="z@acme.example"),
        Party("x9", "BMW", email="z@acme.example"),
    ]
    told = {party.id: (master.id, score, why) for party, master, score, why in alike(others, masters)}
    assert told == {
        "x1": ("0012", 98, "same number"),
        "x2": ("0012", 100, "same VAT id"),
        "x3": ("0012", 90, "same e-mail domain"),
        "x5": ("14", 94, "same name, without the legal form on one side"),
        "x7": ("0012", 95, "same name; same e-mail domain"),
        "x8": ("0012", 90, "same e-mail domain"),
        "x9": ("0012", 90, "same e-mail domain; but same name, without the legal form on one side as 14"),
    }
    assert [is_certain(told[each][2]) for each in ("x7", "x8", "x9")] == [True, True, False], "x9 is a person's"


def test_a_name_is_the_very_name_with_its_legal_form_and_where_no_other_account_has_it() -> None:
    names = {"1": "Berg Handel OHG", "2": "Hansa GmbH & Co. KG", "3": "Hansa e.K.", "4": "Alt AG", "5": "Neu"}
    masters = [Party(number, name, "Ulm" if number == "3" else "") for number, name in names.items()]
    others = ("Berg Handel", "berg-handel ohg", "Hansa", "Hansa GmbH&Co.KG", "Hansa e. K.", "Alt", "NEU", "Neu GmbH")
    parties = [Party(name, name, "Ulm" if name == "Hansa" else "") for name in others]
    told = {party.id: (master.id, score) for party, master, score, why in alike(parties, masters) if is_certain(why)}
    assert told == {"berg-handel ohg": ("1", 95), "NEU": ("5", 95)}
    left = {party.id: (master.id, score) for party, master, score, why in alike(parties, masters)}
    assert {name: left[name] for name in others if name not in told} == {
        "Berg Handel": ("1", 94), "Hansa": ("3", 94), "Hansa GmbH&Co.KG": ("2", 94), "Hansa e. K.": ("3", 94),
        "Alt": ("4", 94), "Neu GmbH": ("5", 94),
    }  # fmt: skip


def test_the_next_import_tells_what_has_changed(exports: Exports) -> None:
    head, first, second = INVOICES.splitlines(keepends=True)
    exports.put("invoices.csv", head + first + second + "I3,A1,2025-03-01,10\n")
    assert exports.book(PLAIN).warnings == ()
    told = tomllib.loads((exports.out / "book.toml").read_text(encoding="utf-8"))["fingerprints"]
    assert told["months"]["invoices"] == {"2025-01": [1, 10000], "2025-02": [1, 5050], "2025-03": [1, 1000]}
    exports.put(
        "invoices.csv", head + first.replace("100", "90") + second.replace("50.50", "51") + "I3,A1,2025-03-01,1\n"
    )
    (changed, smaller) = exports.book(PLAIN).warnings
    assert (
        "invoices: 1 month changed by more than 5% since the last import: 2025-01 (revenue 100.00 to 90.00)" in changed
    )
    assert "invoices.csv became smaller since the last import" in smaller
    assert exports.book(PLAIN).warnings == ()


def test_what_a_source_cannot_say_stands_in_the_book(exports: Exports) -> None:
    exports.book(PLAIN + '\n[known.surveys]\ninvitations = false\nanswered_at = "sent_at"\nuntil = 2025-06-30\n')
    known, problems = read_book_facts(exports.out)
    assert not problems and not known["surveys"].invitations and known["surveys"].answered_at_is_sent_at
    assert str(known["surveys"].until) == "2025-06-30"
    exports.out = exports.folder / "second"
    (problem,) = exports.refused(PLAIN + "\n[known.surveys]\ninvitation = false\n")
    assert "line 15: unknown; surveys may have" in problem


def test_a_name_of_an_export_is_no_formula_for_the_person_who_opens_the_crosswalk(tmp_path: Path) -> None:
    pairs = [Pair("desk", "-71", "=HYPERLINK(A1)", "A1", "'s-Hertogenbosch", 90, "same name", "yes")]
    path = tmp_path / "crosswalk.csv"
    write_crosswalk(path, pairs)
    assert path.read_text().splitlines()[1] == "desk,'-71,'=HYPERLINK(A1),A1,'s-Hertogenbosch,90,same name,yes"
    assert read_links(path) == (pairs, [])
