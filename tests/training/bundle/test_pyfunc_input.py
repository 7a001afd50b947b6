"""What the pyfunc is sent: as many rows as come, each value read by itself, every problem named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from features.signal import all_signals, signal_names
from training.bundle.pyfunc_input import read_sent

NUMBER = next(signal.name for signal in all_signals() if not signal.is_text)
FLAG = next(signal.name for signal in all_signals() if signal.unit == "flag")
TEXT = next(signal.name for signal in all_signals() if signal.is_text)


def read(values: Any, name: str = NUMBER) -> list[Any]:
    signals = read_sent(pd.DataFrame({name: pd.Series(values)})).matrix.signals
    return [None if value is None or value != value else value for value in signals[name].tolist()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 40], [3.0, 40.0]),
        (pd.array([3, None], "Int64"), [3.0, None]),
        ([True, None, False], [1.0, None, 0.0]),
        (pd.array([True, None], "boolean"), [1.0, None]),
        (["3", " 2.5 ", "", None], [3.0, 2.5, None, None]),
        ([3, "2.5", None, 1.5, True], [3.0, 2.5, None, 1.5, 1.0]),
        ([Decimal("2.5"), np.float32(0.5), np.int64(7), pd.NA], [2.5, 0.5, 7.0, None]),
        ([np.array(3), np.array(None)], [3.0, None]),
        ([None, None], [None, None]),
    ],
    ids=["whole", "whole and null", "flags", "nullable flags", "texts", "all kinds", "kinds", "no dimension", "nulls"],
)
def test_numbers_of_every_kind(values: Any, expected: list[Any]) -> None:
    assert read(values) == read(values, FLAG) == expected


def test_a_null_flag_is_not_false() -> None:
    """MLflow makes False of it where the schema says boolean, so the schema says nothing."""
    assert read([True, None], FLAG) == [1.0, None]


def test_texts_and_their_nulls() -> None:
    assert read(["software", "", None, np.nan, 7], TEXT) == ["software", None, None, None, "7"]


@pytest.mark.parametrize(
    ("values", "name", "says"),
    [
        (["3,5", "many", 1], NUMBER, f"{NUMBER}: 2 of 3 values cannot be read as numbers: '3,5', 'many'"),
        ([1.0, float("inf")], NUMBER, f"{NUMBER}: 1 of 2 values cannot be read as numbers: inf"),
        ([{"a": 1}, None], NUMBER, f"{NUMBER}: 1 of 2 values cannot be read as numbers: {{'a': 1}}"),
        ([[1]], TEXT, f"{TEXT}: 1 of 1 values cannot be read as texts: [1]"),
        (list("abcde"), NUMBER, "5 of 5 values cannot be read as numbers: 'a', 'b', 'c', ..."),
        (["1.2.2025"], "as_of", "as_of: 1 of 1 values cannot be read as dates (YYYY-MM-DD, or an instant): '1.2.2025'"),
    ],
)
def test_a_value_that_cannot_be_read_is_quoted(values: list[Any], name: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        read(values, name)
    assert says in str(refused.value)


def test_every_column_with_a_problem_is_named() -> None:
    with pytest.raises(InputError, match=f"{NUMBER}: 1 of 1 .*; as_of: 1 of 1 "):
        read_sent(pd.DataFrame({NUMBER: ["x"], "as_of": ["soon"]}))


def test_a_misspelt_column_is_an_error_that_says_what_may_be_meant() -> None:
    with pytest.raises(InputError) as refused:
        read_sent(pd.DataFrame({NUMBER[:-1]: [1.0], "moon_phase": [2], 3: [0]}))
    told = str(refused.value)
    assert f"unknown columns: {NUMBER[:-1]!r} (did you mean {NUMBER!r}?), 'moon_phase', 3." in told
    assert "a signal without a column counts as not known" in told


def test_a_column_that_stands_twice_is_an_error() -> None:
    with pytest.raises(InputError, match=f"columns that stand twice: {NUMBER}"):
        read_sent(pd.DataFrame([[1, 2]], columns=[NUMBER, NUMBER]))


@pytest.mark.parametrize(
    "index", [[7, 3, 5], ["b", "a", "b"], pd.MultiIndex.from_tuples([(1, "x"), (1, "x"), (0, "y")])]
)
def test_rows_keep_their_number_order_and_index(index: Any) -> None:
    frame = pd.DataFrame({"account_id": ["C", "A", "B"], NUMBER: [3, 1, 2]}, index=index)
    sent = read_sent(frame)
    assert sent.keys.index.equals(frame.index) and sent.keys["account_id"].tolist() == ["C", "A", "B"]
    assert sent.matrix.signals[NUMBER].tolist() == [3, 1, 2] and len(sent.matrix) == 3
    assert list(sent.matrix.signals.columns) == list(signal_names())


@pytest.mark.parametrize("frame", [pd.DataFrame(index=range(3)), pd.DataFrame({"account_id": ["A", "B", "C"]})])
def test_rows_of_which_nothing_is_known_are_rows(frame: pd.DataFrame) -> None:
    sent = read_sent(frame)
    assert len(sent.matrix) == len(sent.keys) == 3 and sent.matrix.signals.isna().all(axis=None)


def test_no_row_is_no_row() -> None:
    assert len(read_sent(pd.DataFrame({NUMBER: []})).matrix) == len(read_sent([]).matrix) == 0


def test_instants_of_every_form_in_one_column() -> None:
    """MLflow reads a column of datetimes by the form of its first row; here each row is read by itself."""
    east = timezone(timedelta(hours=3))
    values = [
        "2026-01-01", "2026-01-01T01:30:00+03:00", "2026-01-01T23:00:00Z", " 2026-01-01 10:00:00.5 ", None, "",
        date(2026, 1, 1), datetime(2026, 1, 1, 1, 30, tzinfo=east), datetime(2026, 1, 1, 8, tzinfo=UTC),
        pd.Timestamp("2026-01-01T10:00"), pd.NaT,
    ]  # fmt: skip
    found = read_sent(pd.DataFrame({"as_of": pd.Series(values, dtype=object)})).keys["as_of"].tolist()
    first, before = "2026-01-01", "2025-12-31"
    assert found == [first, before, first, first, None, None, first, before, first, first, None]


@pytest.mark.parametrize(
    "sent",
    [
        [{NUMBER: 1, TEXT: "a"}, {NUMBER: None}],
        [{NUMBER: np.array(1), TEXT: np.array("a")}, {NUMBER: np.array(None)}],
        {NUMBER: [1, None], TEXT: np.array(["a", None])},
    ],
    ids=["records", "records of MLflow's server", "columns"],
)
def test_records_and_columns(sent: Any) -> None:
    signals = read_sent(sent).matrix.signals
    assert signals[NUMBER].tolist()[0] == 1 and np.isnan(signals[NUMBER].tolist()[1])
    assert signals[TEXT].tolist() == ["a", None]


def test_one_record() -> None:
    assert read_sent({NUMBER: 1, "account_id": 17}).keys["account_id"].tolist() == ["17"]


@pytest.mark.parametrize("sent", ["text", np.ones((2, 2)), {NUMBER: [1, 2], TEXT: ["a"]}, [1, 2]])
def test_what_is_no_table_is_refused(sent: Any) -> None:
    with pytest.raises(InputError, match=r"expected a data frame|no rows can be made"):
        read_sent(sent)
