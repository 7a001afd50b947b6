"""The short way for the forms that most cells have reads what the long way reads, and refuses what it refuses."""

from __future__ import annotations

import random

import ibis
import pandas as pd
import pytest

from features.sources import connect
from features.tables import TABLES
from features.validation import conversion
from features.validation.conversion import typed

TIMES = (
    "2025-01-01",
    "2024-02-29 23:59:59",
    "2025-01-31T09:30:00Z",
    "2025-01-01 10:11:12.123456",
    "2199-12-31",
    "2025-01-31T09:30:00+02:00",
)
NUMBERS = ("100", "-0.5", "1332.33", "007", "+1", "1e3", ".5", "1.", "1_000", "9" * 30, "nan")
CHARACTERS = "0123456789" * 3 + "-/: TZ+._e\t"
CELLS = 3_000


def spoilt(texts: tuple[str, ...], chance: random.Random) -> str:
    """Return one of the texts with up to two characters exchanged."""
    characters = list(chance.choice(texts))
    for _ in range(chance.randrange(3)):
        characters[chance.randrange(len(characters))] = chance.choice(CHARACTERS)
    return "".join(characters)


def test_short_way_is_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    names = ["contract_id", "account_id", "starts_on", "ends_on", "annual_value"]
    rows = [("k", "a", *(spoilt(of, chance) for of in (TIMES, TIMES, NUMBERS))) for _ in range(CELLS)]
    connection = connect()
    raw = connection.create_table("raw", pd.DataFrame(rows, columns=names), temp=True)

    def read() -> pd.DataFrame:
        return connection.execute(typed(TABLES["contracts"], raw))

    short = read()
    for form in ("COMMON_TIME", "COMMON_NUMBER"):
        monkeypatch.setattr(conversion, form, "never")
    pd.testing.assert_frame_equal(short, read())
    assert 0.2 * CELLS < short["starts_on__bad"].sum() < 0.8 * CELLS
    assert 0.1 * CELLS < short["annual_value__bad"].sum() < 0.9 * CELLS


def test_a_cell_is_read_once() -> None:
    table = TABLES["invoices"]
    raw = ibis.table(dict.fromkeys(table.schema, "string"), name="raw")
    assert str(ibis.to_sql(typed(table, raw), dialect="duckdb")).count(conversion.COMMON_TIME) == 1
