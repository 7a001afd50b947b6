"""Files: ends that are not known, choices in any case, empty texts, answers with one time, invitations that bounced."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from support.books import CENTRE, Bench
from support.raw_tables import folder_of, read, rows_of, text_table

from features.as_of import AsOf
from features.sources import open_source
from features.tables import TABLES
from features.validation import validate

OPEN = ["9999-12-31", "2199-12-31", "2150-01-01", "9999-12-31T23:59:59", ""]


@pytest.mark.parametrize("end", OPEN)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_end_that_is_not_known_is_null(tmp_path: Path, end: str, form: str) -> None:
    content = {
        "contracts": f"contract_id,account_id,starts_on,ends_on,annual_value\nk1,a1,2020-01-01,{end},100\n",
        "contacts": f"contact_id,account_id,valid_from,valid_to\nc1,a1,2020-01-01,{end}\n",
        "memberships": f"account_id,program,joined_on,left_on\na1,gold,2021-01-05,{end}\n",
    }
    given = {name: text if form == "csv" else text_table(text) for name, text in content.items()}
    tables = validate(open_source(folder_of(tmp_path, **given)))
    for name, column in (("contracts", "ends_on"), ("contacts", "valid_to"), ("memberships", "left_on")):
        assert [row[column] for row in rows_of(tables, name)] == [None], name


def test_dates_of_parquet_may_be_open_ends(tmp_path: Path) -> None:
    terms = pd.DataFrame(
        {
            "contract_id": ["k1", "k2"],
            "account_id": "a1",
            "starts_on": [date(2020, 1, 1)] * 2,
            "ends_on": [date(9999, 12, 31), date(2149, 12, 31)],
            "annual_value": 5.0,
        }
    )
    assert [row["ends_on"] for row in read(tmp_path, "contracts", contracts=terms)] == [None, date(2149, 12, 31)]


def test_contracts_without_the_column_run(tmp_path: Path) -> None:
    terms = "contract_id,account_id,starts_on,annual_value\nk1,a1,2020-01-01,100\n"
    assert read(tmp_path, "contracts", contracts=terms)[0]["ends_on"] is None


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def one_account(bench: Bench, **tables: pd.DataFrame) -> pd.Series:
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2015-01-01")]})
    frames = {name: frame.assign(account_id="a") for name, frame in tables.items()}
    return bench.load({"accounts": accounts, **frames}).matrix([CENTRE]).signals.iloc[0]


def test_a_contract_without_a_known_end_runs(bench: Bench) -> None:
    terms = pd.DataFrame(
        {"contract_id": ["k1", "k2"], "starts_on": [date(2020, 1, 1), date(2021, 1, 1)], "annual_value": [5.0, 7.0]}
    )
    ended = one_account(bench, contracts=terms.assign(ends_on=[date(2020, 12, 31), date(2024, 3, 31)]))
    assert (ended["contract_value"], ended["contract_days_to_end"]) == (7.0, 30.0)
    evergreen = one_account(bench, contracts=terms.assign(ends_on=[date(2020, 12, 31), None]))
    assert evergreen["contract_value"] == 7.0
    assert pd.isna(evergreen["contract_days_to_end"])


def test_choices_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "tickets",
        tickets="ticket_id,account_id,kind,severity,opened_at,closed_at\n"
        "t1,a1,defect,Low,2021-01-03,\nt2,a1,defect, HIGH ,2021-01-03,\nt3,a1,,,2021-01-03,\n",
    )
    assert [(row["severity"], row["kind"]) for row in rows] == [("low", "defect"), ("high", "defect"), (None, None)]


def test_an_empty_text_in_a_typed_file_is_null(tmp_path: Path) -> None:
    surveys = pd.DataFrame(
        {
            "survey_id": ["s1"], "account_id": "a1", "contact_id": "", "kind": "relationship",
            "sent_at": "2021-01-01", "answered_at": "", "score": "", "comment": "", "channel": "", "bounced_at": "",
            "anonymous": "",
        }
    )  # fmt: skip
    (row,) = read(tmp_path, "surveys", surveys=surveys)
    optional = [column.name for column in TABLES["surveys"].columns if column.optional]
    assert [row[name] for name in optional] == [None] * len(optional)


def test_an_answer_of_a_source_with_one_time_is_answered_when_sent(tmp_path: Path) -> None:
    surveys = (
        "survey_id,account_id,kind,sent_at,score,comment\ns1,a1,relationship,2021-01-01T10:00,9,\n"
        "s2,a1,relationship,2021-01-02T10:00,,\ns3,a1,relationship,2021-01-03T10:00,,good\n"
    )
    folder = folder_of(tmp_path, surveys=surveys)
    (folder / "book.toml").write_text('[surveys]\nanswered_at = "sent_at"\n')
    times = [row["answered_at"] for row in rows_of(validate(open_source(folder)), "surveys")]
    assert times == [datetime(2021, 1, 1, 10), None, datetime(2021, 1, 3, 10)]


def test_a_bounced_invitation_counts_as_unsent_once_that_is_known(bench: Bench) -> None:
    sent = pd.Timestamp(CENTRE) - pd.Timedelta(days=40)
    invitations = pd.DataFrame({"survey_id": ["s1"], "kind": "relationship", "sent_at": [sent]})
    silent = one_account(bench, surveys=invitations)
    assert (silent["response_rate_180d"], silent["silence_never_answered"]) == (0.0, 1.0)
    for when, unsent in ((pd.Timestamp(CENTRE), False), (pd.Timestamp(CENTRE) - pd.Timedelta(seconds=1), True)):
        bounced = one_account(bench, surveys=invitations.assign(bounced_at=when))
        assert bounced["silence_never_surveyed"] == float(unsent)
        assert pd.isna(bounced["response_rate_180d"]) == unsent


def test_no_view_but_a_reports_holds_personal_columns(bench: Bench) -> None:
    personal = {column.name for column in TABLES["contacts"].columns if column.personal}
    assert personal == {"name", "email", "phone"}
    assert not personal & set(AsOf(bench.tables, bench.spine)["contacts"].columns)
    assert personal <= set(AsOf(bench.tables, bench.spine, personal=True)["contacts"].columns)
