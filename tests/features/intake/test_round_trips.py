"""What is written in one way is read back as it was meant, or not at all: Hypothesis against Python's own reading."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.exports import PLAIN, Exports

from features.intake.asking.answers import DATE_FORMS, TIMES, signs
from features.intake.files.reading import Workspace, open_files
from features.intake.files.workspace import connection_in
from features.intake.language.mapping_model import SourceFiles, Value
from features.intake.language.typed_sql import number_sql, typed_sql
from features.schema import Kind

BASE = duckdb.connect()
BASE.execute("SET TimeZone = 'UTC'")


def read(sql: str, texts: Sequence[str]) -> list[Any]:
    """Return what some SQL of `t` makes of texts."""
    rows = BASE.execute(f"SELECT {sql} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [list(texts)]).fetchall()
    return [row[0] for row in rows]


def value(**keys: Any) -> Value:
    return Value.model_validate({"column": "c", **keys})


DIGITS = st.from_regex(r"[0-9]{1,5}", fullmatch=True)
BETWEEN = st.sampled_from([" ", "\u00a0", "'", " EUR ", " € ", "€", "/", " - ", "; ", "\n"])


@settings(max_examples=30)
@given(st.lists(st.tuples(DIGITS, BETWEEN, DIGITS, st.sampled_from(["", ",5", " EUR", "-"])), min_size=1, max_size=40))
@example([("12", " EUR ", "130", " USD"), ("12", " ", "34", ""), ("1", "'", "234", ",5"), ("1", "\n", "567", "")])
def test_two_numbers_of_a_cell_are_never_one(cells: list[tuple[str, str, str, str]]) -> None:
    """Only thousands may stand apart: up to three digits, then three."""
    texts = ["".join(cell) for cell in cells]
    expected = [
        float(first + second) + (0.5 if end == ",5" else 0) if is_thousands else None
        for first, between, second, end in cells
        for is_thousands in [between in (" ", "\u00a0", "'") and len(first) <= 3 and len(second) == 3]
    ]
    signed = [-number if number and cell[3] == "-" else number for number, cell in zip(expected, cells, strict=True)]
    assert read(number_sql("t", ","), texts) == signed


#: Zones whose clocks go forward and back by an hour and by half of one, that skipped a day, that never change.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC")
#: Nights in which some of these change, in local time.
NIGHTS = [
    datetime(2024, 3, 31, 2), datetime(2024, 10, 27, 2), datetime(2024, 3, 10, 2), datetime(2024, 11, 3, 1),
    datetime(2024, 4, 7, 1, 30), datetime(2024, 10, 6, 2), datetime(2011, 12, 30), datetime(1996, 10, 27, 2),
]  # fmt: skip
NEAR = st.builds(
    lambda night, minutes: night + timedelta(minutes=minutes), st.sampled_from(NIGHTS), st.integers(-180, 180)
)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=15)
@given(st.lists(NEAR, min_size=20, max_size=60))
def test_hours_that_occur_twice_or_never_in_every_zone(zone: str, times: list[datetime]) -> None:
    """The later of two; what never occurs is moved on by what the clock skips. ISO and a form give the same."""
    own = ZoneInfo(zone)

    def in_utc(time: datetime) -> datetime:
        both = [time.replace(tzinfo=own, fold=fold).astimezone(UTC).replace(tzinfo=None) for fold in (0, 1)]
        return max(both)

    expected = [in_utc(time) for time in times]
    assert read(typed_sql(Kind.INSTANT, "t", value(zone=zone), zone), [str(time) for time in times]) == expected
    form = "%d.%m.%Y %H:%M"
    sql = typed_sql(Kind.INSTANT, "t", value(zone=zone, date=form), zone)
    assert read(sql, [time.strftime(form) for time in times]) == expected


FORMS = [form + time for form in DATE_FORMS for time in TIMES]


@settings(max_examples=60)
@given(
    st.sampled_from(FORMS), st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)), min_size=1, max_size=9)
)
def test_every_form_that_is_suggested_reads_what_it_writes(form: str, times: list[datetime]) -> None:
    texts = [time.strftime(form) for time in times]
    expected = [datetime.strptime(text, form) for text in texts]
    sql = typed_sql(Kind.INSTANT, "t", value(date=form, zone="UTC"), "UTC")
    assert read(sql, texts) == expected
    assert all(signs(form) <= set(text) for text in texts), "a form is not ruled out by what it reads"


@pytest.mark.parametrize(
    ("form", "text"),
    [("%d.%m.%Y", "11.02.25"), ("%d.%m.%Y", "infinity"), ("%d.%m.%Y", "epoch"), ("%Y%m%d", "2025123"),
     ("%Y%m%d", "infinity"), ("iso", "infinity"), ("iso", "epoch"), ("iso", "2025123"), ("iso", "-infinity")],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Kind.DATE, Kind.INSTANT])
def test_a_day_that_nobody_wrote_is_not_read(kind: Kind, form: str, text: str) -> None:
    """DuckDB's strptime takes these for a day of the year 25, for 1 January 1900, and for 3 December."""
    keys = {} if form == "iso" else {"date": form}
    assert read(typed_sql(kind, "t", value(**keys), "UTC"), [text]) == [None]
    assert read(typed_sql(Kind.DATE, "t", value(date="%d.%m.%Y")), ["01.01.1900"])[0].year == 1900


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=8)
TRAPS = st.text(st.sampled_from(list("a;,|\t\"'\n\r ")), max_size=8)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS | TRAPS, CELLS | TRAPS, TRAPS), min_size=1, max_size=8),
    sign=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_cells_come_back_however_a_file_is_cut_and_quoted(
    rows: list[tuple[str, str, str]], sign: str, end: str, quoting: Any, encoding: str
) -> None:
    """Nothing says how: the file itself does. Rows are numbered, so that none of them is blank."""
    if end == "\n" and any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # Python 3.11 leaves a lone CR bare there, which is the end of a line
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sign, lineterminator=end, quoting=quoting)
    writer.writerows([("n", "x", "y", "z"), *((f"r{place}", *row) for place, row in enumerate(rows))])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "a.csv").write_bytes(out.getvalue().encode(encoding))
        space = Workspace(connection_in(folder), folder, folder)
        problems: list[Any] = []
        (file,) = open_files(space, "a", SourceFiles(files=("a.csv",)), problems)
        come = space.connection.execute(f"SELECT c0, c1, c2, c3 FROM {file.relation}").fetchall()
        space.connection.close()
    assert problems == [] and file.head.headings == ("n", "x", "y", "z")
    assert [tuple(cell or "" for cell in row) for row in come] == [(f"r{n}", *row) for n, row in enumerate(rows)]


def test_an_end_that_never_comes_is_a_problem_unless_the_mapping_says_what_it_is(tmp_path: Path) -> None:
    """PostgreSQL writes `infinity`; as a day it would be one of 1900."""
    exports = Exports(tmp_path).put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\nI1,A,2025-01-02,1\n")
    exports.put("terms.csv", "id,account,start,end,value\nC1,A,2025-01-02,infinity,9\n")
    contracts = (
        '[sources.terms]\nfiles = "terms.csv"\n[[tables.contracts]]\nfrom = "terms"\n[tables.contracts.columns]\n'
        'contract_id = "id"\naccount_id = "account"\nstarts_on = "start"\nannual_value = "value"\nends_on = "end"\n'
    )
    (problem,) = exports.refused(PLAIN + contracts)
    assert problem.startswith("contracts.ends_on: cannot be read") and "terms.csv row 2: 'infinity'" in problem
    exports.book(PLAIN + contracts.replace('"end"', '{ column = "end", nulls = ["infinity"] }'))
    assert exports.rows("contracts", "ends_on") == [(None,)]
