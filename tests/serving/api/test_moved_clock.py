"""A clock that is moved: what 'today' means follows it, forwards and backwards, and nothing else comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from support.served import Client, Json, assert_problem, client_of, histories, rows_of

from serving.predict import predictor as predictions
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Stands in for `datetime` where the service asks what day it is."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self, zone: tzinfo) -> datetime:
        return self.instant.astimezone(zone)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(predictions, "datetime", made)
    return made


@pytest.fixture
def client(bundle: Bundle, tmp_path: Path) -> Client:
    return client_of(bundle, ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}"))


@pytest.fixture(scope="module")
def accounts(book_folder: Path) -> list[Json]:
    return histories(rows_of(book_folder), ["A000002"])


def as_of(client: Client, accounts: list[Json]) -> str:
    """Return the date that is taken where none is given."""
    answer = client.post({"accounts": accounts})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["predictions"][0]["as_of"])


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC), "2026-03-01"),
        (datetime(2026, 3, 2, 0, 0, 0, 0, UTC), "2026-03-02"),
        (datetime.fromisoformat("2026-03-02T00:30:00+01:00"), "2026-03-01"),
        (datetime.fromisoformat("2026-03-01T20:30:00-05:00"), "2026-03-02"),
        (NOON - timedelta(days=365), "2025-03-01"),
    ],
    ids=["before midnight", "midnight", "past midnight in Berlin", "evening in New York", "a year back"],
)
def test_today_is_the_day_it_is_in_utc(
    client: Client, clock: Clock, accounts: list[Json], instant: datetime, day: str
) -> None:
    assert as_of(client, accounts) == NOON.date().isoformat()
    clock.instant = instant
    assert as_of(client, accounts) == day


def test_moved_back_what_was_today_lies_in_the_future_and_is_refused(
    client: Client, clock: Clock, accounts: list[Json]
) -> None:
    body = {"as_of": NOON.date().isoformat(), "accounts": accounts}
    before = client.post(body).json()["predictions"]
    clock.instant -= timedelta(days=1)
    assert_problem(client.post(body), 422, "/as_of")
    clock.instant += timedelta(days=1)
    again = client.post(body).json()["predictions"]
    assert [one | {"scored_at": ""} for one in again] == [one | {"scored_at": ""} for one in before]


def test_a_date_that_is_named_does_not_depend_on_the_clock(client: Client, clock: Clock, accounts: list[Json]) -> None:
    body = {"as_of": "2025-06-01", "accounts": accounts}
    found = []
    for years in (0, 1, 50):
        clock.instant = NOON.replace(year=NOON.year + years)
        found.append(client.post(body).json()["predictions"][0] | {"scored_at": ""})
    assert found[0] == found[1] == found[2]
