"""The end of the data: no straggler moves it, and nothing is learnt while it is in doubt and not said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.small_books import MONTHS, TODAY, billed, monthly, small_book

from features.errors import InputError, NotEnoughData, UnsettledEnd
from training.settings import ChurnRule, TrainingSettings
from training.slices.labels import end_of_data
from training.slices.preparing import cautions_before, demand_settled_end, prepare

END = date(2025, 12, 2)


@pytest.mark.parametrize("day", ["2026-09-01", "2026-12-24", "2062-01-01"])
def test_a_straggler_does_not_move_the_end(tmp_path: Path, day: str) -> None:
    tables = small_book(tmp_path, invoices=[*monthly(), *billed("a1", [day])])
    assert end_of_data(tables, None, TODAY) == END
    with pytest.raises(UnsettledEnd, match=f"a1-{day}: '{day}'.*\n.*--until 2025-12-02$"):
        demand_settled_end(tables, None)
    demand_settled_end(tables, END)


def test_a_usual_book_ends_after_its_last_invoice(tmp_path: Path) -> None:
    tables = small_book(tmp_path)
    assert end_of_data(tables, None, TODAY) == END
    demand_settled_end(tables, None)


def test_departures_that_end_early_end_what_is_known(tmp_path: Path) -> None:
    """Nobody watched since: who has no departure then has not stayed for all that is known."""
    ids = [f"a{number}" for number in range(1, 13)]
    rows = [row for account in ids for row in billed(account, MONTHS)]
    tables = small_book(
        tmp_path,
        accounts=[f"{account},2023-01-01" for account in ids],
        invoices=rows,
        churns=[f"{account},{day[:7]}-15" for account, day in zip(ids[:9], MONTHS[3:], strict=False)],
    )
    assert end_of_data(tables, None, TODAY) == date(2023, 12, 16)
    assert [doubt.table for doubt in tables.doubts] == ["churns"]


def test_book_toml_says_until_when_departures_are_known(tmp_path: Path) -> None:
    tables = small_book(tmp_path, "[churns]\nuntil = 2025-06-30\n", churns=["a3,2024-06-01"])
    assert end_of_data(tables, None, TODAY) == date(2025, 7, 1)


def test_until_stands_above_all(tmp_path: Path) -> None:
    assert end_of_data(small_book(tmp_path), date(2030, 1, 1), TODAY) == date(2030, 1, 1)


def test_invoices_after_today_alone_are_no_data(tmp_path: Path) -> None:
    tables = small_book(tmp_path, invoices=billed("a1", ["2027-01-01"]))
    with pytest.raises(InputError, match="nothing to learn from"):
        end_of_data(tables, None, TODAY)


def test_nothing_is_prepared_while_the_end_is_in_doubt(tmp_path: Path) -> None:
    """Whoever asks, as a notebook does: not the command alone refuses it."""
    tables = small_book(tmp_path, invoices=[*monthly(), *billed("a1", ["2026-09-01"])])
    settings = TrainingSettings(rule=ChurnRule(silence_days=180))
    with pytest.raises(UnsettledEnd, match="a1-2026-09-01: '2026-09-01'"):
        prepare(tables, settings)
    with pytest.raises(NotEnoughData, match="the data end on 2023-02-01"):
        prepare(tables, replace(settings, until=date(2023, 2, 1)))
    (told,) = cautions_before(tables, replace(settings, until=date(2026, 9, 2)))
    assert told.startswith("--until 2026-09-02 lies beyond 2025-12-02, where the records end")
