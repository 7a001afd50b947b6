"""Days and instants in every form they come in become days and naive UTC."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.raw_tables import (
    folder_of,
    only_problem,
    read,
    rows_of,
)

from features.sources import open_source
from features.validation import validate


def survey(sent_at: str) -> str:
    return f"survey_id,account_id,kind,sent_at\ns1,a1,relationship,{sent_at}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-07-01", datetime(2021, 7, 1)),
        ("2021-07-01T10:00:00", datetime(2021, 7, 1, 10)),
        ("2021-07-01 10:00", datetime(2021, 7, 1, 10)),
        ("2021-07-01T10:00:00Z", datetime(2021, 7, 1, 10)),
        ("2021-07-01T10:00:00+02:00", datetime(2021, 7, 1, 8)),
        ("2021-07-01 00:30:00+02", datetime(2021, 6, 30, 22, 30)),
        ("2021-07-01T10:00:00.123456789", datetime(2021, 7, 1, 10, 0, 0, 123456)),
    ],
)
def test_instants_in_csv_become_naive_utc(tmp_path: Path, text: str, expected: datetime) -> None:
    (row,) = read(tmp_path, "surveys", surveys=survey(text))
    assert row["sent_at"] == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("zone", "hour"), [(None, 10), ("UTC", 10), ("Europe/Berlin", 8), ("America/New_York", 14)])
def test_instants_in_parquet_become_naive_utc(tmp_path: Path, unit: str, zone: str | None, hour: int) -> None:
    sent = pd.Series(pd.to_datetime(["2021-07-01 10:00"])).dt.tz_localize(zone).dt.as_unit(unit)
    frame = pd.DataFrame({"survey_id": ["s1"], "account_id": ["a1"], "kind": ["relationship"], "sent_at": sent})
    (row,) = read(tmp_path, "surveys", surveys=frame)
    assert row["sent_at"] == datetime(2021, 7, 1, hour)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("before_1970", [False, True])
def test_nanoseconds_are_cut_to_microseconds_as_those_of_texts_are(
    tmp_path: Path, zone: str | None, before_1970: bool
) -> None:
    """The last moment of a year, as pandas writes it, is not the first of the next."""
    last = datetime(1969 if before_1970 else 2024, 12, 31, 23, 59, 59, 999_999)
    nanoseconds = np.array([last], "datetime64[ns]") + np.timedelta64(999, "ns")
    moment = pa.array(nanoseconds).cast(pa.timestamp("ns", zone))
    surveys = pa.table({"survey_id": ["s1"], "account_id": ["a1"], "kind": ["relationship"], "sent_at": moment})
    invoices = pa.table({"invoice_id": ["i1"], "account_id": ["a1"], "invoiced_on": moment, "amount": [1.0]})
    tables = validate(open_source(folder_of(tmp_path, surveys=surveys, invoices=invoices)))
    (survey,), (invoice,) = rows_of(tables, "surveys"), rows_of(tables, "invoices")
    assert (survey["sent_at"], invoice["invoiced_on"]) == (last, last.date())


def test_times_in_date_columns_are_cut_to_their_utc_day_with_a_warning(tmp_path: Path) -> None:
    churns = "account_id,churned_on\na1,2022-01-01T00:30:00+02:00\na2,2022-01-01\n"
    tables = validate(open_source(folder_of(tmp_path, churns=churns)))
    assert [row["churned_on"] for row in rows_of(tables, "churns")] == [date(2021, 12, 31), date(2022, 1, 1)]
    (warning,) = tables.warnings
    assert warning.startswith("churns.churned_on: 1 timestamp")


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_timestamps_at_midnight_in_date_columns_of_parquet(tmp_path: Path, zone: str | None) -> None:
    day = pd.Series(pd.to_datetime(["2022-01-01"])).dt.tz_localize(zone)
    tables = validate(open_source(folder_of(tmp_path, churns=pd.DataFrame({"account_id": ["a1"], "churned_on": day}))))
    (row,) = rows_of(tables, "churns")
    assert row["churned_on"] == (date(2022, 1, 1) if zone is None else date(2021, 12, 31))
    assert len(tables.warnings) == (0 if zone is None else 1)


def test_the_same_instant_is_not_before(tmp_path: Path) -> None:
    same = "loop_id,account_id,opened_at,closed_at\nl1,a1,2021-01-01T10:00:00+01:00,2021-01-01T09:00:00Z\n"
    (row,) = read(tmp_path, "loops", loops=same)
    assert row["opened_at"] == row["closed_at"] == datetime(2021, 1, 1, 9)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([20200101, 20200102]),
        pa.array([1.5, 2.5]),
        pa.array([True, False]),
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([1, 2], pa.time64("us")),
        pa.array([1, 2], pa.duration("us")),
        pa.array([b"\xff", b"x"]),
    ],
    ids=["whole numbers", "floats", "flags", "lists", "structs", "times of day", "durations", "bytes"],
)
def test_dates_of_another_type_are_refused_row_by_row(tmp_path: Path, column: pa.Array) -> None:
    contacts = pa.table({"contact_id": ["c1", "c2"], "account_id": ["a1", "a2"], "valid_from": column})
    problem = only_problem(folder_of(tmp_path, contacts=contacts))
    assert problem.column == "valid_from" and "not a date" in problem.rule
    assert problem.ids == ("c1", "c2")


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_dates_in_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    days = pa.array([date(2020, 1, 1), date(2020, 2, 29)], kind)
    contacts = pa.table({"contact_id": ["c1", "c2"], "account_id": ["a1", "a2"], "valid_from": days})
    found = read(tmp_path, "contacts", contacts=contacts)
    assert [row["valid_from"] for row in found] == [date(2020, 1, 1), date(2020, 2, 29)]
