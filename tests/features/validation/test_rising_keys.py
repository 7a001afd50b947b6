"""Keys that rise cannot repeat; that one row is out of order, null or again is seen."""

from __future__ import annotations

import duckdb
import pytest

from features.validation.rising_keys import rises


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["A1", "A2", "A3"], True),
        ([], True),
        (["A1"], True),
        (["A1", "A1"], False),
        (["A2", "A1"], False),
        (["A1", "A3", "A2"], False),
        ([None, "A1"], False),
        (["A1", None, "A2"], False),
    ],
)
def test_only_keys_in_order_rise(keys: list[str | None], expected: bool) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (place INTEGER, id VARCHAR)")
    for place, key in enumerate(keys):
        connection.execute("INSERT INTO rows VALUES (?, ?)", [place, key])
    assert rises(connection, "id", "rows") is expected


def test_a_key_that_repeats_far_below_is_seen() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows AS SELECT lpad(i::VARCHAR, 9, '0') AS id FROM range(400_000) t(i)")
    assert rises(connection, "id", "rows")
    connection.execute("INSERT INTO rows VALUES ('000000007')")
    assert not rises(connection, "id", "rows")
