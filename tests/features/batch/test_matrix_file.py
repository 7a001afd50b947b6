"""The matrix as a file: a run that is broken off goes on from its finished parts; the file appears when whole."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from support.books import CENTRE, Bench, random_book

from features.as_of import KEYS, customers
from features.batch import computing
from features.batch.matrix_file import write_matrix
from features.errors import InputError
from features.signal import signal_names

DATES = [CENTRE - timedelta(days=120), CENTRE]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench().load(random_book(40, seed=4))


@pytest.fixture(scope="module")
def whole(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("whole") / "m.parquet"
    write_matrix(bench.tables, DATES, path)
    return pd.read_parquet(path)


@pytest.fixture
def broken_off(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file of a run that was killed while its third part was written."""
    monkeypatch.setattr(computing, "MOST_RECORDS", 1_500)
    out = tmp_path / "m.parquet"
    calls: list[int] = []

    def kill(done: int, rows: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_matrix(bench.tables, DATES, out, kill)
    # What a process leaves that is killed while it writes.
    (parts(out)[0].parent / ".000000000099-000000000100.parquet.1-ab.parquet").write_bytes(b"PAR1")
    assert not out.exists()
    yield out
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def parts(out: Path) -> list[Path]:
    return sorted((out.parent / ".m.parquet.parts").glob("0*.parquet"))


def begun_at(bench: Bench, out: Path) -> int:
    """Write the file to its end; return how many rows were finished before."""
    done: list[int] = []
    write_matrix(bench.tables, DATES, out, lambda rows, _: done.append(rows))
    return done[0]


def test_the_file_has_every_signal_with_the_same_types_in_every_part(whole: pd.DataFrame) -> None:
    assert list(whole.columns) == ["account_id", "as_of", *signal_names()]
    assert whole[["account_id", "as_of"]].apply(tuple, axis=1).is_monotonic_increasing


def test_a_broken_off_run_goes_on(bench: Bench, whole: pd.DataFrame, broken_off: Path) -> None:
    finished = int(parts(broken_off)[-1].stem.split("-")[1])
    assert 0 < finished < len(whole)
    assert begun_at(bench, broken_off) == finished
    pd.testing.assert_frame_equal(pd.read_parquet(broken_off), whole, check_exact=True)


def test_a_broken_part_is_made_anew(bench: Bench, whole: pd.DataFrame, broken_off: Path) -> None:
    first, second = parts(broken_off)
    second.write_bytes(second.read_bytes()[:-100])
    assert begun_at(bench, broken_off) == int(first.stem.split("-")[1])
    pd.testing.assert_frame_equal(pd.read_parquet(broken_off), whole, check_exact=True)


def test_parts_of_another_book_are_not_gone_on_from(bench: Bench, broken_off: Path) -> None:
    run = bench.connection.con.execute
    run("UPDATE invoices SET amount = amount + 1 WHERE invoice_id = (SELECT min(invoice_id) FROM invoices)")
    try:
        assert begun_at(bench, broken_off) == 0
    finally:
        run("UPDATE invoices SET amount = amount - 1 WHERE invoice_id = (SELECT min(invoice_id) FROM invoices)")


def test_one_run_at_a_time_writes_a_file(bench: Bench, broken_off: Path) -> None:
    with (parts(broken_off)[0].parent / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"m\.parquet: another run is writing it"):
            write_matrix(bench.tables, DATES, broken_off)
    assert begun_at(bench, broken_off) > 0


def test_customers_by_silence_are_those_of_the_model(bench: Bench, whole: pd.DataFrame, tmp_path: Path) -> None:
    write_matrix(bench.tables, DATES, tmp_path / "m.parquet", by_silence=True)
    found = pd.read_parquet(tmp_path / "m.parquet")
    spine = customers(bench.tables, DATES, by_silence=True).execute().sort_values(KEYS)
    assert found["account_id"].to_list() == spine["account_id"].to_list()
    assert 0 < len(found) < len(whole)
    pd.testing.assert_frame_equal(found, whole.merge(found[KEYS], on=KEYS), check_dtype=False)
