"""What a question offers and what becomes of its answer: stages, own data of a survey, names for pairs, headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import Exports, left_out
from support.presets import answered, imported

from features.intake.asking.presets import presets
from features.intake.asking.suggesting import suggest

DEALS = (
    "Record ID,Deal Name,Deal Stage,Amount,Close Date,Associated Company IDs\n"
    "1,A,Won it,{0},2024-01-10 15:00,9\n2,B,Closed lost,{0},2024-01-11 15:00,9\n"
)
OWN_DATA = samples.QUALTRICS.replace(",Q1\n", ",Q1,KdNr\n", 1).replace('empfehlen?"\n', 'empfehlen?",KdNr\n', 1)
OWN_DATA = OWN_DATA.replace(
    '"{""ImportId"":""QID1""}"\n', '"{""ImportId"":""QID1""}","{""ImportId"":""KdNr""}"\n'
).replace(",9\n2025", ",9,10001\n2025")


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("12.5", "'Closed lost' 1 (12.50), 'Won it' 1 (12.50)\n#   1"),
        ("12.000", "'Closed lost' 1, 'Won it' 1\n#   without sums: "),
    ],
)
def test_stages_are_not_advised_away_and_sums_wait_for_the_sign(exports: Exports, amount: str, told: str) -> None:
    """12.000 is twelve or twelve thousand; a stage that is lost says nothing against the column of stages."""
    text = suggest(exports.put("deals.csv", DEALS.format(amount)).folder, ".").text
    assert "Deal Stage: " + told.partition("#   1")[0] in text
    assert 'recommended: ""' not in text.partition("hubspot_won_stages")[0]


def test_an_empty_list_of_stages_is_refused_in_plain_words(exports: Exports) -> None:
    made = suggest(exports.put("deals.csv", DEALS.format("5")).folder, ".").text
    mapping = answered(made, {"hubspot_won_stages": '""', "hubspot_contract_months": "12"})
    (problem,) = exports.refused(mapping)
    told = "a list of texts is expected, as [\"closed won\"], found '' (to be changed at answers.hubspot_won_stages)"
    assert problem.endswith(told) and "tuple" not in problem
    exports.put("deals.csv", samples.DATEV).mapping.unlink()
    made = suggest(exports.folder, ".").text
    (problem,) = exports.refused(answered(made, {"datev_revenue_accounts": '""', "datev_tax_rate": "0"}))[:1]
    assert "two numbers is expected, the first and the last, as [8000, 8999], found ''" in problem


def test_own_data_of_a_survey_may_say_the_account(exports: Exports) -> None:
    text = suggest(exports.put("answers.csv", OWN_DATA).folder, ".").text
    assert "#   columns that may be meant: ExternalReference, KdNr\n" in text and "#   KdNr: '10001'\n" in text
    assert "Q1_NPS_GROUP" not in text.partition("qualtrics_account = ")[0]


def test_an_unfinished_response_without_a_score_is_no_answer(exports: Exports) -> None:
    """A finished response without one is kept, and so is an unfinished one with its score, R_2."""
    more = "2025-07-04 08:00:00,2025-07-04 08:05:00,0,{0},False,2025-07-09 08:05:00,R_{0},12001,email,,\n"
    exports.put("answers.csv", samples.QUALTRICS + more.format(99) + more.format(100))
    answers = {"qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"'}
    report = imported(exports, answers)
    assert left_out(report, "surveys") == {"a preview or a test": 1, "unfinished, without a score": 1}
    assert exports.rows("surveys", "survey_id, score") == [("R_1", 9), ("R_100", None), ("R_2", 8)]


def test_times_that_a_spreadsheet_has_written_are_read(exports: Exports) -> None:
    saved = samples.QUALTRICS
    for day, at in enumerate(("2025-07-01 03:23:51", "2025-07-02 08:05:00", "2025-07-03 08:05:00"), 13):
        saved = saved.replace(f"{at},", f"{day}.07.2025 03:23,", 1)
    text = suggest(exports.put("answers.csv", saved).folder, ".").text
    assert 'qualtrics_dates = "%d.%m.%Y %H:%M"' in text, "an answer that the file gives"
    imported(exports, {"qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"'})
    assert [str(at) for (at,) in exports.rows("surveys", "sent_at")] == ["2025-07-13 09:23:00", "2025-07-14 09:23:00"]


def test_customers_of_a_dashboard_are_offered_for_pairs(exports: Exports) -> None:
    """The companies are a sheet without industry and day of creation."""
    exports.put(
        "invoices.csv",
        "id,Date (UTC),Customer,Total,Tax,Status,Currency,Customer Name,Customer Email\n"
        "in_1,2025-01-02 10:00,cus_1,119.00,19.00,paid,eur,Nord GmbH,a@nord.example\n"
        "in_2,2025-02-02 10:00,cus_1,119.00,19.00,paid,eur,Nord GmbH,a@nord.example\n",
    )
    exports.put("companies.csv", "Record ID,Company name,Company Domain Name,City\n9001,Nord GmbH,nord.example,Köln\n")
    imported(exports, {"hubspot_customer_since": '""', "hubspot_dates": '"iso"'}, partial=False)
    pairs = (exports.mapping.parent / "crosswalk.csv").read_text(encoding="utf-8").splitlines()
    assert pairs[1:] == ["hubspot,9001,Nord GmbH,cus_1,Nord GmbH,95,same name; same e-mail domain,"]


@pytest.mark.parametrize(
    ("headings", "name"),
    [
        ("Record ID,Company name,Company Domain Name,City", "hubspot_companies"),
        ("Record ID - Company,Company name,Company owner", "hubspot_companies"),
        ("Datensatz-ID,Name des Unternehmens,Domain-Name des Unternehmens", "hubspot_companies"),
        ("Record ID,Company name,Company Domain Name,Deal Stage,Amount,Close Date", "hubspot_deals"),
        ("Record ID,Company name,Company Domain Name,First Name,Last Name,Email,Create Date", "hubspot_contacts"),
        ("Record ID,Company name,City", None),
        ("id,name,city", None),
    ],
)
def test_companies_are_known_without_a_day_of_creation(headings: str, name: str | None) -> None:
    records = [headings.split(",")]
    best = max(presets(), key=lambda preset: preset.likeness(records, []))
    assert (best.name if best.likeness(records, []) else None) == name
