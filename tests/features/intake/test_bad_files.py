"""Exports of eleven systems go bad at once: one list names them all, and nothing that was there has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import INVOICES, PLAIN, Exports
from support.presets import answered, imported

from features.errors import InvalidTables
from features.intake.asking.suggesting import suggest
from features.intake.importing import import_book


@dataclass(frozen=True)
class Sample:
    """A made-up export, a heading that its table needs, and the words of a row behind which the file is cut off."""

    text: str
    heading: str
    cut: str
    encoding: str = "utf-8"


SAMPLES = {
    "EXTF_a.csv": Sample(samples.DATEV, "Belegdatum", ';8401;"";', "cp1252"),
    "masters.csv": Sample(samples.DATEV_MASTERS, "Ort", "12001;;Möb", "cp1252"),
    "items.txt": Sample(samples.SAP, "Betr. in HW", "|12001     |1800"),
    "answers.csv": Sample(samples.QUALTRICS, "endDate", "R_2,120"),
    "companies.csv": Sample(samples.HUBSPOT_COMPANIES, "property_name", "9002,false,S"),
    "contacts.csv": Sample(samples.HUBSPOT_CONTACTS, "property_createdate", "6,FALSE,c@x"),
    "tickets.csv": Sample(samples.ZENDESK, "organization_id", "3,700,1,1,2025"),
    "log.csv": Sample(samples.SERVICENOW, "opened_at", "INC2,New,0,"),
    "issues.csv": Sample(samples.JIRA, "Created", "One,X-2,Bug"),
    "bills.csv": Sample(samples.STRIPE_INVOICES, "period_start", "l4,in_3,cus_1"),
    "credits.csv": Sample(samples.STRIPE_CREDIT_NOTES, "invoice_id", "cn_2,2025-01-20"),
    "deals.csv": Sample(samples.OPPORTUNITIES, "CloseDate", "006B,001A,De"),
}
ANSWERS = {
    "datev_revenue_accounts": "[8000, 8499]", "datev_tax_rate": "0.19", "sap_tax_rate": "0.19",
    "qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"', "servicenow_zone": '"UTC"',
    "servicenow_account": '"company"', "jira_zone": '"UTC"', "jira_account": '"Issue Type"',
    "salesforce_contract_months": "12",
}  # fmt: skip
NAMES = list(SAMPLES)
WAYS: dict[str, Callable[[str, Sample], str]] = {
    "the export of another system": lambda name, own: SAMPLES[NAMES[NAMES.index(name) - 5]].text,
    "a heading with another name": lambda name, own: own.text.replace(own.heading, "new name", 1),
    "cut off within a row": lambda name, own: own.text.partition(own.cut)[0] + own.cut,
    "cut off within the header": lambda name, own: own.text[: own.text.index(own.heading)],
}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """A folder of all samples with a mapping, a crosswalk and a book that came of them."""
    folder = tmp_path_factory.mktemp("bad") / "exports"
    folder.mkdir()
    exports = Exports(folder)
    for name, sample in SAMPLES.items():
        exports.put(name, sample.text, sample.encoding)
    imported(exports, ANSWERS)
    return exports


@pytest.mark.parametrize("way", WAYS)
def test_each_bad_file_is_told_in_one_list_and_what_was_there_stays(exports: Exports, way: str) -> None:
    before = kept(exports)
    assert {path.name for path in before} >= {"mapping.toml", "crosswalk.csv", "invoices.parquet", "book.toml"}
    for name, sample in SAMPLES.items():
        exports.put(name, WAYS[way](name, sample), sample.encoding)
    told = problems(exports)
    assert [name for name in SAMPLES if not any(name in each for each in told)] == [], told
    assert kept(exports) == before, "nothing is written, in whole or in part"


def test_dates_that_can_be_read_in_two_ways_are_asked_and_not_taken(tmp_path: Path) -> None:
    """From 01/02 to 12/11 each day may be a month: three systems, three questions, no book."""
    (tmp_path / "exports").mkdir()
    exports = Exports(tmp_path / "exports")
    exports.put("deals.csv", samples.OPPORTUNITIES.replace("02/13/24", "12/11/24"))
    exports.put("companies.csv", samples.HUBSPOT_COMPANIES.replace("2020-01-01", "01/02/2020"))
    exports.put("log.csv", samples.SERVICENOW.replace("29-02-2024", "01-02-2024").replace("05-03", "12-11"))
    made = suggest(exports.folder, "exports")
    dates = {each for each in made.open_questions if each.endswith("_dates")}
    assert dates == {"salesforce_dates", "hubspot_dates", "servicenow_dates"}
    assert made.text.count("every value can be read as %d/%m/%y and as %m/%d/%y") == 1
    exports.mapping, exports.out = tmp_path / "mapping.toml", tmp_path / "book"
    rest = ANSWERS | {"hubspot_customer_since": '"property_createdate"'}
    told = exports.refused(answered(made.text, rest), partial=True)
    assert [each.split(": ")[0] for each in told] == [f"mapping.toml.answers.{each}" for each in made.open_questions
                                                      if each in dates]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exports", "mapping.toml"]


def test_two_currencies_stand_in_the_list_beside_what_cannot_be_read(tmp_path: Path) -> None:
    exports = Exports(tmp_path).put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,currency\n"
                                    "1,A,2025-01-02,7,EUR\n2,A,soon,8,EUR\n3,A,2025-01-03,9,CHF\n")  # fmt: skip
    day, money = exports.refused(PLAIN + 'currency = "currency"\n')
    assert "row 3: 'soon'" in day and "found EUR (2 rows), CHF (1 row); [[rates]]" in money


def test_what_breaks_the_contract_stands_beside_what_cannot_be_read(tmp_path: Path) -> None:
    """Of the tables that can be read: one list, and not a second one once the first is settled."""
    exports = Exports(tmp_path).put("invoices.csv", INVOICES)
    exports.put("answers.csv", "id,who,at,score\nS1,A1,2025-01-01,11\nS1,A1,2025-01-02,9\n")
    exports.put("desk.csv", "id,who,at\nT1,A1,soon\nT1,A1,2025-01-02\n")
    source = '[sources.{name}]\nfiles = "{name}.csv"\n[[tables.{table}]]\nfrom = "{name}"\n[tables.{table}.columns]\n'
    mapping = PLAIN + source.format(name="answers", table="surveys") + (
        'survey_id = "id"\naccount_id = "who"\nkind = { constant = "relationship" }\nscore = "score"\n'
        'sent_at = { column = "at", zone = "day" }\nanswered_at = { column = "at", zone = "day" }\n'
    ) + source.format(name="desk", table="tickets") + (
        'ticket_id = "id"\naccount_id = "who"\nopened_at = { column = "at", zone = "day" }\n'
    )  # fmt: skip
    unread, *broken = exports.refused(mapping)
    assert "row 2: 'soon'" in unread
    assert sorted(each.partition(":")[0] for each in broken) == ["surveys.score", "surveys.survey_id"], broken
    assert not exports.out.exists()


def test_an_import_that_fails_late_proposes_no_pairs(tmp_path: Path) -> None:
    """Two currencies are seen when all else is well; pairs that are lacking are why the crosswalk is written."""
    bills = "invoice_id,account_id,invoiced_on,amount,currency\n1,A1,2025-01-02,7,EUR\n2,A1,2025-01-03,8,CHF\n"
    exports = Exports(tmp_path).put("invoices.csv", bills)
    exports.put("desk.csv", "id,customer,at\nT1,A1,2025-07-01\n")
    mapping = PLAIN.replace("[sources", '[book]\nmaster = "ledger"\n\n[sources', 1) + 'currency = "currency"\n'
    mapping = mapping.replace('from = "bills"', 'from = "bills"\nsystem = "ledger"') + (
        '[sources.desk]\nfiles = "desk.csv"\n[[tables.tickets]]\nfrom = "desk"\nsystem = "desk"\n'
        '[tables.tickets.columns]\nticket_id = "id"\naccount_id = "customer"\n'
        'opened_at = { column = "at", zone = "day" }\n'
    )
    (problem,) = exports.refused(mapping)
    assert "one currency is expected" in problem and not (tmp_path / "crosswalk.csv").exists()
    exports.put("invoices.csv", bills.replace("CHF", "EUR"))
    assert exports.book(mapping).proposals == 1 and (tmp_path / "crosswalk.csv").exists()


def test_a_file_that_ends_within_the_last_row_of_its_header_is_refused(tmp_path: Path) -> None:
    """All ids that the mapping needs are there; it would be a survey that nobody answered."""
    (tmp_path / "exports").mkdir()
    exports = Exports(tmp_path / "exports").put("answers.csv", samples.QUALTRICS)
    imported(exports, ANSWERS)
    exports.put("answers.csv", samples.QUALTRICS.partition(',"{""ImportId"":""QID1""')[0])
    assert problems(exports) == ["answers.csv: it ends within row 3, a row of its header: 10 of 11 cells"]


def test_a_file_without_a_row_is_told(tmp_path: Path) -> None:
    exports = Exports(tmp_path).put("invoices.csv", INVOICES.splitlines()[0])
    assert exports.refused(PLAIN)[0] == "invoices: bills has no row below its header"
    assert "invoices: bills has no row below its header" in exports.book(PLAIN, partial=True).warnings


def test_a_sentence_with_commas_makes_no_file_of_commas(tmp_path: Path) -> None:
    lines = [
        "Nr;Kunde;Tag;Summe;Text",
        "1;A1;2025-01-02;5;eins, zwei, drei, vier, fünf, sechs, sieben",
        "2;A1;2025-01-03;6;acht",
    ]
    exports = Exports(tmp_path).put("invoices.csv", "\n".join(lines))
    names = {"invoice_id": "Nr", "account_id": "Kunde", "invoiced_on": "Tag", "amount": "Summe"}
    mapping = PLAIN
    for column, heading in names.items():
        mapping = mapping.replace(f'= "{column}"', f'= "{heading}"')
    assert exports.book(mapping).revenue_by_year == {"2025": "11.00"}


def problems(exports: Exports) -> list[str]:
    with pytest.raises(InvalidTables) as caught:
        import_book(exports.mapping, exports.out, partial=True)
    return [str(problem) for problem in caught.value.problems]


def kept(exports: Exports) -> dict[Path, bytes]:
    """Return the bytes of all files beside the exports: mapping, crosswalk, book."""
    return {path: path.read_bytes() for path in _beside(exports)}


def _beside(exports: Exports) -> Iterator[Path]:
    for path in exports.folder.parent.rglob("*"):
        if path.is_file() and path.parent != exports.folder:
            yield path
