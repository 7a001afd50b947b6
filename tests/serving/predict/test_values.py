"""A cell of a file and a text of a request: the same texts are taken, as the same values, and the same are refused."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from features.errors import InvalidTables
from features.sources import open_source
from features.validation import validate
from serving.predict.fault_words import sentence
from serving.predict.history import RECORDS

REFUSED = object()
DAY, NOON = date(2026, 1, 31), datetime(2026, 1, 31, 10)


@dataclass(frozen=True)
class Place:
    """A column, the other columns of a row there, and what its texts come to."""

    table: str
    column: str
    row: dict[str, str]
    texts: dict[str, Any]


TIMES: dict[str, Any] = {
    "2026-01-31 10:00": NOON,
    "2026-01-31T10:00": NOON,
    "2026-01-31T10:00:00": NOON,
    "2026-01-31 10:00:00Z": NOON,
    "2026-01-31T10:00:00 UTC": NOON,
    "2026-01-31T12:00:00+02": NOON,
    "2026-01-31T12:00:00+0200": NOON,
    "2026-01-31T12:30:00+02:30": NOON,
    "2026-01-30T23:00:00-11:00": NOON,
    "2026-01-31T10:00:00-00:00": NOON,
    "2026/1/31 9:05": datetime(2026, 1, 31, 9, 5),
    "2026-01-31T10:00:00.5": datetime(2026, 1, 31, 10, 0, 0, 500000),
    "2026-01-31T10:00:00.123456789Z": datetime(2026, 1, 31, 10, 0, 0, 123456),
    "2026-02-01T00:30:00+15:59": datetime(2026, 1, 31, 8, 31),
    "2026-01-31T23:59:59": datetime(2026, 1, 31, 23, 59, 59),
    "1899-12-31T23:30:00-01:00": datetime(1900, 1, 1, 0, 30),
}
NO_TIMES = (
    "31.01.2026", "2026-02-30", "2026-13-01", "20260131", "2026-01", "2026", "2026-W05-6", "2026-001", "26-01-31",
    "02026-01-31", "-2026-01-31", "2026-01/31", "2026-01-31Z", "2026-01-31T10", "2026-01-31T1000",
    "2026-01-31T24:00:00",
    "2026-01-31T10:60:00", "2026-01-31T23:59:60", "2026-01-31T1:2:3", "2026-01-31T10:00:00,5", "2026-01-31t10:00:00",
    "2026-01-31  10:00", "2026-01-31T10:00:00 Europe/Berlin", "2026-01-31T10:00:00 +02:00", "2026-01-31T10:00:00+16:00",
    "2026-01-31T10:00:00+02:00:30", "2026-01-31T10:00:00.", "2026-01-31 10:00:00UTC", "epoch", "infinity", "now",
    "2026-01-31 (BC)", "1899-12-31",
    "2200-01-01", "1700000000", "٢٠٢٦-٠١-٣١", "2026-01-31\u00a0", "0001-01-01T00:00:00+01:00",
)  # fmt: skip
DAYS: dict[str, Any] = {
    "2026-01-31": DAY, " 2026-01-31 ": DAY, "\t2026-01-31\n": DAY, "2026-1-31": DAY, "2026/01/31": DAY,
    "2026/1/31": DAY, "1900-01-01": date(1900, 1, 1), "2024-02-29": date(2024, 2, 29),
}  # fmt: skip
NUMBERS: dict[str, Any] = {
    "1": 1.0, "1.0": 1.0, " 1 ": 1.0, "\t1\n": 1.0, "+5": 5.0, "-5.25": -5.25, ".5": 0.5, "5.": 5.0, "1e3": 1000.0,
    "1E+3": 1000.0, "00012": 12.0, "-0": 0.0, "1e-400": 0.0, "1e15": 1e15,
    **dict.fromkeys(
        ("1_000", "1,5", "1.332,33", "1 000", "0x10", "--1", "+-1", "1.5.2", "1e", "e3", ".", "-", "1d", "１", "12 EUR",
         "true", "nan", "inf", "-Infinity", "1e400", "1e16"), REFUSED
    ),
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "7": 7, "7.0": 7, " 7 ": 7, "7e0": 7, "0": 0, "10": 10,
    **dict.fromkeys(("7.5", "11", "-1", "seven", "nan", "inf", "1e400", "7,0"), REFUSED),
}  # fmt: skip
FLAGS: dict[str, Any] = {
    **dict.fromkeys(("true", "TRUE", "True", "t", "T", "yes", "Y", "1", " true "), True),
    **dict.fromkeys(("false", "FALSE", "f", "no", "N", "0", "\tNo"), False),
    **dict.fromkeys(("on", "off", "perhaps", "1.0", "2", "tr", "wahr"), REFUSED),
}
CHOICES: dict[str, Any] = {
    "low": "low", "Low": "low", "CRITICAL": "critical", " high ": "high",
    **dict.fromkeys(("urgent", "lo w", "0"), REFUSED),
}  # fmt: skip
TEXTS: dict[str, Any] = {"A": "A", " A ": " A ", " ": None, " \t": None, "ä€😀": "ä€😀", "x" * 1000: "x" * 1000}
SURVEY = {"survey_id": "", "account_id": "A", "kind": "relationship", "sent_at": "2019-01-01"}
CONTACT = {"contact_id": "", "account_id": "A", "valid_from": "2020-01-01"}
PLACES = {
    "date": Place(
        "invoices",
        "invoiced_on",
        {"invoice_id": "", "account_id": "A", "amount": "1"},
        DAYS | {text: found.date() for text, found in TIMES.items()} | dict.fromkeys(NO_TIMES, REFUSED),
    ),
    "instant": Place(
        "actions",
        "done_at",
        {"action_id": "", "account_id": "A", "kind": "visit"},
        {text: datetime.combine(found, datetime.min.time()) for text, found in DAYS.items()}
        | TIMES
        | dict.fromkeys(NO_TIMES, REFUSED),
    ),
    "number": Place("invoices", "amount", {"invoice_id": "", "account_id": "A", "invoiced_on": "2025-01-01"}, NUMBERS),
    "whole number": Place("surveys", "score", SURVEY | {"answered_at": "2020-01-01"}, WHOLE),
    "flag": Place("contacts", "decision_maker", CONTACT, FLAGS),
    "choice": Place("tickets", "severity", {"ticket_id": "", "account_id": "A", "opened_at": "2025-01-01"}, CHOICES),
    "optional date": Place("contacts", "valid_to", CONTACT, {"": None, "  ": None, "2026-01-31": DAY}),
    "optional number": Place(
        "contracts",
        "price_change",
        {"contract_id": "", "account_id": "A", "starts_on": "2025-01-01", "ends_on": "2026-01-01", "annual_value": "1"},
        {"": None, " ": None, "0.08": 0.08},
    ),
    "optional whole number": Place("surveys", "score", SURVEY, {"": None, " ": None}),
    "optional flag": Place("contacts", "decision_maker", CONTACT, {"": None, " ": None}),
    "optional choice": Place(
        "tickets", "severity", {"ticket_id": "", "account_id": "A", "opened_at": "2025-01-01"}, {"": None, " ": None}
    ),
    "optional text": Place("contacts", "role", CONTACT, TEXTS | {"": None}),
}
CASES = [(name, text) for name, place in PLACES.items() for text in place.texts]


@pytest.mark.parametrize("name", PLACES)
def test_a_file_takes_and_refuses_these_texts(name: str, tmp_path: Path) -> None:
    place = PLACES[name]
    taken = {text: value for text, value in place.texts.items() if value is not REFUSED}
    tables = validate(open_source(book(tmp_path / "good", place, list(taken))))
    found = tables[place.table].order_by(key_of(place)).execute()[place.column].tolist()
    for text, value, expected in zip(taken, found, taken.values(), strict=True):
        assert same(value, expected), (text, value, expected)
    refused = [text for text, value in place.texts.items() if value is REFUSED]
    if refused:
        with pytest.raises(InvalidTables) as raised:
            validate(open_source(book(tmp_path / "bad", place, refused)))
        rows = [problem.rows for problem in raised.value.problems if problem.column == place.column]
        assert sum(rows) == len(refused), raised.value


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_request_takes_and_refuses_the_same(name: str, text: str) -> None:
    place = PLACES[name]
    expected = place.texts[text]
    row = place.row | {key_of(place): "k", place.column: text}
    if expected is REFUSED:
        with pytest.raises(ValidationError) as raised:
            RECORDS[place.table].model_validate(row)
        (fault,) = raised.value.errors()
        assert fault["loc"] == (place.column,)
        said = sentence(fault)
        assert "expected" in said and text.strip()[:8].encode().decode() in said
    else:
        found = getattr(RECORDS[place.table].model_validate(row), place.column)
        assert same(found, expected) and type(found) is type(expected)


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("invoices", "amount", 7, 7.0),
        ("invoices", "amount", 7.5, 7.5),
        ("surveys", "score", 7, 7),
        ("surveys", "score", 7.0, 7),
        ("contacts", "decision_maker", True, True),
        ("contacts", "decision_maker", False, False),
    ],
)
def test_json_has_values_of_its_own(table: str, column: str, value: Any, expected: Any) -> None:
    (place,) = (
        found for found in PLACES.values() if (found.table, found.column) == (table, column) and len(found.texts) > 3
    )
    found = getattr(RECORDS[table].model_validate(place.row | {key_of(place): "k", column: value}), column)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("table", "column"), [("invoices", "amount"), ("invoices", "invoiced_on"), ("actions", "kind")]
)
@pytest.mark.parametrize("value", ["", None])
def test_nothing_is_missing_where_something_must_be(table: str, column: str, value: Any) -> None:
    place = next(found for found in PLACES.values() if found.table == table)
    with pytest.raises(ValidationError) as raised:
        RECORDS[table].model_validate(
            place.row | {key_of(place): "k", place.column: next(iter(place.texts)), column: value}
        )
    (fault,) = raised.value.errors()
    assert fault["loc"] == (column,) and sentence(fault).startswith("missing; a ")


HEADS = (
    "2024-05-03T09:30:00", "2024-02-30 00:00:00", "9999-12-31T23:59:59", "2024-05-03T24:00:00", "2024-05-03T23:59:60",
    " 024-05-03T09:30:00", "2024-05-03T+9:30:00", "\uff12024-05-03T09:30:00", "2024-05-03T09:30:0\u0663",
)  # fmt: skip
TAILS = ("", "Z", "z", ".1", ".123", ".123Z", ".123456", ".123456Z", ".12a", ".\u0661\u0662\u0663", ".123+01:00",
         ",123", ".12+", "ZZ", ".1_2", " UTC")  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_the_common_forms_of_an_instant_are_read_as_all_others_are(head: str) -> None:
    """Most instants take a shorter way; a blank before them sends them the long one."""
    record = RECORDS["actions"]
    row = {"action_id": "k", "account_id": "A", "kind": "visit"}

    def read(text: str) -> Any:
        try:
            return record.model_validate(row | {"done_at": text}).done_at  # type: ignore[attr-defined]
        except ValidationError:
            return REFUSED

    assert [read(head + tail) for tail in TAILS] == [read(f" {head}{tail}") for tail in TAILS]


def key_of(place: Place) -> str:
    return next(iter(place.row))


def same(found: Any, expected: Any) -> bool:
    """Whether a value is the expected one; pandas shows null as NaN or NaT, and dates as timestamps."""
    if expected is None:
        return found is None or found != found
    if isinstance(expected, date):
        moment = datetime.fromisoformat(str(found))
        wanted = datetime.fromisoformat(str(expected))
        return moment.replace(tzinfo=None) == wanted and (moment.tzinfo in (None, UTC))
    return bool(found == expected)


def book(folder: Path, place: Place, texts: list[str]) -> Path:
    """Write a book of one account whose other table has one row for each text, in CSV."""
    folder.mkdir(parents=True)
    write(folder / "accounts.csv", [{"account_id": "A", "customer_since": "2019-01-01"}])
    key = key_of(place)
    rows = [place.row | {key: f"k{number:03}", place.column: text} for number, text in enumerate(texts)]
    write(folder / f"{place.table}.csv", rows)
    if place.table != "invoices":
        write(
            folder / "invoices.csv",
            [{"invoice_id": "i", "account_id": "A", "invoiced_on": "2025-01-01", "amount": "1"}],
        )
    return folder


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_MINIMAL)
        table.writeheader()
        table.writerows(rows)
