"""Whether the records of a request are old is told of one account too, and never of one that is only quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.bundles import graded
from support.served import Json, client_of

from serving.predict.history import AccountHistory
from serving.predict.last_records import cautions_of, records_ended
from serving.predict.predictor import Predictor
from serving.store import ScoreStore
from training.bundle.bundle import Bundle
from training.settings import ChurnRule

LAST = date(2025, 6, 1)
MONTHS = [date(2024 + month // 12, month % 12 + 1, 1) for month in range(18)]
QUARTERS = [LAST - timedelta(days=91 * number) for number in range(9)]


def account(days: list[date], account_id: str = "A", **tables: object) -> Json:
    invoices = [{"invoice_id": f"{account_id}{n}", "invoiced_on": f"{day}", "amount": 10} for n, day in enumerate(days)]
    return {"account": {"account_id": account_id, "customer_since": "2023-01-01"}, "invoices": invoices, **tables}


def ended(as_of: date, *accounts: Json) -> dict[str, object] | None:
    found = records_ended([AccountHistory.model_validate(each) for each in accounts], as_of)
    return None if found is None else dict(found.figures)


def test_a_monthly_invoiced_account_of_which_nothing_came_for_three_of_its_longest_gaps() -> None:
    assert MONTHS[-1] == LAST
    expected = {"table": "*", "last": "2025-06-01", "age_days": 94, "gap_days": 31}
    assert ended(LAST + timedelta(days=93), account(MONTHS)) is None
    assert ended(LAST + timedelta(days=94), account(MONTHS)) == expected
    assert ended(LAST + timedelta(days=94), account(MONTHS), account(QUARTERS, "B")) == expected


@pytest.mark.parametrize(
    "quiet",
    [
        account(QUARTERS),
        account(MONTHS[-7:]),
        account([]),
        account(MONTHS, tickets=[{"ticket_id": "t", "opened_at": "2025-09-20"}]),
        account(MONTHS, loops=[{"loop_id": "l", "level": None, "opened_at": "2025-01-01", "closed_at": "2025-09-20"}]),
        account(MONTHS, contacts=[{"contact_id": "c", "valid_from": "2024-01-01", "valid_to": "2025-09-20"}]),
    ],
    ids=["quarterly", "too few", "none", "asks", "is answered", "a contact left"],
)
def test_a_quiet_account_is_no_old_export(quiet: Json) -> None:
    assert ended(date(2025, 10, 1), quiet) is None


def test_what_is_signed_or_comes_later_tells_nothing() -> None:
    signed = {"contract_id": "k", "starts_on": "2024-01-01", "ends_on": "2025-09-20", "annual_value": 1}
    later = account([*MONTHS, date(2025, 11, 1)], contracts=[signed])
    assert ended(date(2025, 10, 1), later) == {"table": "*", "last": "2025-06-01", "age_days": 122, "gap_days": 31}
    assert ended(date(2025, 10, 1), later, account([date(2025, 9, 20)], "fresh")) is None


def test_a_prediction_of_one_account_says_so(bundle: Bundle) -> None:
    body = {"as_of": "2025-10-01", "accounts": [account(MONTHS)]}

    def details(model: Bundle, lang: str = "en") -> list[str]:
        answer = client_of(graded(model, "B"), ScoreStore("sqlite://")).ask(
            "POST", f"/v1/predictions?lang={lang}", json=body
        )
        assert answer.status_code == 200, answer.text
        return [warning["detail"] for warning in answer.json()["warnings"] if warning["code"] == "stale"]

    assert details(bundle) == [
        "The last record of any kind is of 1 Jun 2025, 122 days before, and until then an invoice came at least every "
        "31 days: what happened since is not in the score, and reads as nothing"
    ]
    assert details(bundle, "de")[0].startswith("Der letzte Eintrag überhaupt ist vom 01.06.2025, 122 Tage davor")


def test_a_model_of_silence_foretells_just_that(bundle: Bundle) -> None:
    predictor, asked = Predictor(graded(bundle, "B")), [AccountHistory.model_validate(account(MONTHS))]
    scores = predictor.predict(asked, date(2025, 10, 1))
    assert [caution.code for caution in cautions_of(predictor, scores, asked)][-1:] == ["stale"]
    predictor.bundle = replace(predictor.bundle, rule=ChurnRule(silence_days=180))
    assert "stale" not in [caution.code for caution in cautions_of(predictor, scores, asked)]
