"""Numbers and times of exports, as DuckDB reads them, against Python's own: by Hypothesis and by golden values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exports import PLAIN, Exports

from features.intake.language.mapping_model import Value
from features.intake.language.typed_sql import number_sql, typed_sql
from features.schema import Kind

BASE = duckdb.connect()
BASE.execute("SET TimeZone = 'UTC'")
BERLIN = ZoneInfo("Europe/Berlin")


def read(sql: str, texts: Sequence[str]) -> list[Any]:
    """Return what some SQL of `t` makes of texts."""
    rows = BASE.execute(f"SELECT {sql} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [list(texts)]).fetchall()
    return [row[0] for row in rows]


def value(**keys: Any) -> Value:
    return Value.model_validate({"column": "c", **keys})


@given(
    st.lists(st.decimals(-(10**11), 10**11, places=2, allow_nan=False, allow_infinity=False), min_size=1, max_size=40)
)
def test_amounts_are_read_in_every_form(amounts: list[Any]) -> None:
    """Thousands by point, comma or blank, a minus before, behind or as brackets, a currency beside."""
    expected = [float(amount) for amount in amounts]
    english = [f"{amount:,}" for amount in amounts]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    assert read(number_sql("t"), english) == expected
    assert read(number_sql("t", ","), german) == expected
    assert (
        read(number_sql("t"), [f"({text[1:]})" if text.startswith("-") else f"${text}" for text in english]) == expected
    )
    trailing = [f"{text[1:]}-" if text.startswith("-") else f"{text} EUR" for text in german]
    assert read(number_sql("t", ","), trailing) == expected
    assert read(number_sql("t", ","), [text.replace(".", "\u00a0") for text in german]) == expected


def test_numbers_that_are_none_are_not_read() -> None:
    assert read(number_sql("t"), ["1.332,33", "1,5", "many", "1-2", "12.3.4"]) == [None] * 5
    assert read(number_sql("t", ","), ["1,332.33", "1.5", "64083", "123,45-", "40,00-"]) == [
        None,
        None,
        64083.0,
        -123.45,
        -40.0,
    ]
    assert read(number_sql("t"), ["40.00-", "(40.00)", "1,332.33"]) == [-40.0, -40.0, 1332.33]


@settings(max_examples=25)
@given(st.lists(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=40))
def test_times_of_a_zone_become_utc(times: list[datetime]) -> None:
    """Of an hour that occurs twice the later is meant; one that never occurs is an hour later."""
    sql = typed_sql(Kind.INSTANT, "t", value(zone="Europe/Berlin"), "Europe/Berlin")
    plain = [time.replace(microsecond=0) for time in times]

    def in_utc(time: datetime) -> datetime:
        both = [time.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC).replace(tzinfo=None) for fold in (0, 1)]
        return max(both)

    assert read(sql, [str(time) for time in plain]) == [in_utc(time) for time in plain]
    offsets = [f"{time.isoformat()}.1234567{offset}" for time in plain for offset in ("Z", "+0200", "-05:30")]
    moved = [time + timedelta(hours=hours, microseconds=123456) for time in plain for hours in (0, -2, 5.5)]
    assert read(sql, offsets) == moved


@pytest.mark.parametrize("forms", [["%d.%m.%Y", "iso"], ["iso", "%d.%m.%Y"]])
def test_a_sheet_with_days_as_days_and_as_texts_is_read_in_both_forms(forms: list[str]) -> None:
    texts = ["2025-03-31 23:59:59", "01.02.2025", "2025-02-11", "2025-02-11T23:30:00Z", "45000", "iso", "2.13.2025"]
    days = [date(2025, 3, 31), date(2025, 2, 1), date(2025, 2, 11), date(2025, 2, 11), None, None, None]
    assert read(typed_sql(Kind.DATE, "t", value(date=forms), None), texts) == days
    instants = read(typed_sql(Kind.INSTANT, "t", value(date=forms, zone="Europe/Berlin"), "Europe/Berlin"), texts)
    assert instants[:2] == [datetime(2025, 3, 31, 21, 59, 59), datetime(2025, 1, 31, 23)]
    assert instants[3:] == [datetime(2025, 2, 11, 23, 30), None, None, None]
    assert value(date=["iso"]) == value(date="iso") == value()


def test_hours_that_occur_twice_or_never() -> None:
    sql = typed_sql(Kind.INSTANT, "t", value(zone="Europe/Berlin"), "Europe/Berlin")
    twice, never = read(sql, ["2024-10-27 02:30:00", "2024-03-31 02:30:00"])
    assert twice == datetime(2024, 10, 27, 1, 30) and never == datetime(2024, 3, 31, 1, 30)


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("20251214", {}, date(2025, 12, 14)),
        ("11.02.2025", {"date": "%d.%m.%Y"}, date(2025, 2, 11)),
        ("2025-02-11T23:30:00.123456789Z", {}, date(2025, 2, 11)),
        ("2025-02-11T23:30:00Z", {"zone": "Europe/Berlin"}, date(2025, 2, 12)),
        ("2025-02-11 23:30:00", {"zone": "Europe/Berlin"}, date(2025, 2, 11)),
        ("1739316600", {"epoch": "seconds"}, date(2025, 2, 11)),
        ("1739316600000", {"epoch": "milliseconds"}, date(2025, 2, 11)),
        ("31.02.2025", {"date": "%d.%m.%Y"}, None),
        ("soon", {}, None),
    ],
)
def test_days(text: str, keys: dict[str, str], expected: date | None) -> None:
    made = value(**keys)
    assert read(typed_sql(Kind.DATE, "t", made, made.zone), [text]) == [expected]


def test_day_and_month_lie_in_the_year_of_the_header() -> None:
    sql = typed_sql(Kind.DATE, "t", value(date="%d%m", year_from={"row": 1, "column": 1}), None, "20230701")
    days = read(sql, ["0107", "902", "3006", "2902"])
    assert days == [date(2023, 7, 1), date(2024, 2, 9), date(2024, 6, 30), date(2024, 2, 29)]


@pytest.mark.parametrize("forms", [["%d.%m.%Y", "%d.%m.%y"], ["%d.%m.%y", "%d.%m.%Y"], ["%d.%m.%Y", "iso", "%d.%m.%y"]])
@pytest.mark.parametrize("kind", [Kind.DATE, Kind.INSTANT])
def test_years_of_two_and_of_four_digits_stand_in_one_column_in_any_order_of_forms(
    forms: list[str], kind: Kind
) -> None:
    """A column that several people typed: the form with the long year would read the year 25 and lose the day."""
    typed = typed_sql(kind, "t", value(date=forms, zone="UTC"), "UTC")
    days = read(f"CAST({typed} AS DATE)", ["03.02.25", "03.02.2025", "3.2.25", "31.12.99", "03.02.125"])
    assert days == [date(2025, 2, 3)] * 3 + [date(1999, 12, 31), None]


@pytest.mark.parametrize("forms", ([], "iso", ["iso", "%d%m"], ["%d%m", "iso"], ["%d%m", "%d.%m"], "%d%m%y"))
def test_the_year_of_the_header_goes_with_one_form_alone(tmp_path: Path, forms: str | list[str]) -> None:
    exports = Exports(tmp_path).put("invoices.csv", "2023\ninvoice_id,account_id,invoiced_on,amount\n1,A,0107,1\n")
    day = f'{{ column = "invoiced_on", date = {json.dumps(forms)}, year_from = {{ row = 1, column = 1 }} }}'
    (problem,) = exports.refused(PLAIN.replace('invoiced_on = "invoiced_on"', f"invoiced_on = {day}"))
    assert "year_from needs date: the one form of day and month, as '%d%m', and no other beside it" in problem


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [("iso", "2022-05-04", date(2022, 5, 4)), ("%d.%m.%Y", "04.05.2022", date(2022, 5, 4)),
     ("%m%d", "0504", date(2024, 5, 4))],
)  # fmt: skip
def test_a_choice_whose_own_form_names_a_year_does_not_take_that_of_the_header(
    tmp_path: Path, form: str, text: str, expected: date
) -> None:
    rows = f"20230701,,,,\ninvoice_id,account_id,invoiced_on,iso,amount\n1,A,0107,,1\n2,A,,{text},1\n"
    exports = Exports(tmp_path).put("invoices.csv", rows)
    day = (
        f'{{ first_of = [{{ column = "iso", date = "{form}" }}, "invoiced_on"], date = "%d%m", '
        "year_from = { row = 1, column = 1 } }"
    )
    mapping = PLAIN.replace('invoiced_on = "invoiced_on"', f"invoiced_on = {day}")
    exports.book(mapping.replace('"invoices.csv"', '"invoices.csv"\nheader = [2]'))
    assert exports.rows("invoices", "invoice_id, invoiced_on") == [("1", date(2023, 7, 1)), ("2", expected)]


def test_a_plain_day_is_not_before_a_time_of_that_day(tmp_path: Path) -> None:
    exports = Exports(tmp_path).put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\nI1,A1,2025-01-02,1\n")
    exports.put(
        "nps.csv", "id,org,sent,answered\nS1,A1,2025-07-01 10:00,2025-07-01\nS2,A1,2025-07-01 10:00,2025-07-03\n"
    )
    survey = """
[sources.nps]
files = "nps.csv"
[[tables.surveys]]
from = "nps"
[tables.surveys.columns]
survey_id = "id"
account_id = "org"
kind = { constant = "relationship" }
sent_at = { column = "sent", zone = "Europe/Berlin" }
answered_at = { column = "answered", zone = "Europe/Berlin" }
"""
    exports.book(PLAIN + survey)
    first, second = datetime(2025, 7, 1, 8), datetime(2025, 7, 2, 22)
    assert exports.rows("surveys", "survey_id, answered_at") == [("S1", first), ("S2", second)]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=2)
@given(st.lists(TEXTS, min_size=50, max_size=100))
def test_quoted_texts_come_back(texts: list[str]) -> None:
    """Line breaks, quotes and delimiters in cells; outer blanks do not count."""
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        exports = Exports(Path(folder))
        with (exports.folder / "invoices.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(["id", "org", "on", "sum"])
            writer.writerows([f"{place}x", f"a{text}z", "2025-01-02", "1"] for place, text in enumerate(texts))
        mapping = PLAIN.replace('= "invoice_id"', '= "id"').replace('= "account_id"', '= "org"')
        exports.book(mapping.replace('= "invoiced_on"', '= "on"').replace('= "amount"', '= "sum"'))
        assert sorted(row[0] for row in exports.rows("invoices", "account_id")) == sorted(f"a{text}z" for text in texts)
