"""Work in several threads gives what one thread gives, and takes no more threads than there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from threading import Barrier, Lock, Thread, get_ident

import pytest
from threadpoolctl import threadpool_info

from features.machine import threads
from features.machine.threads import ROWS_AT_A_TIME, at_once, in_parallel, workers

HELD = ContextVar("held", default="")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, on any machine."""
    monkeypatch.setattr(threads, "workers", lambda: 3)
    yield
    assert threads._busy().more(9, 9) == 2, "every helper is free again"
    for _ in range(2):
        threads._busy().freed()


def test_pieces_run_at_once_and_results_keep_the_order() -> None:
    together = Barrier(3, timeout=60)  # breaks unless three pieces wait at the same time

    def work(number: int) -> tuple[int, int, str]:
        together.wait()
        return number, get_ident(), HELD.get()

    token = HELD.set("the caller's")
    done: list[int] = []
    made = in_parallel(work, range(3), done=lambda: done.append(1))
    HELD.reset(token)
    assert [(number, held) for number, _, held in made] == [(number, "the caller's") for number in range(3)]
    assert len({thread for _, thread, _ in made}) == 3 and len(done) == 3


def test_the_first_error_comes_back_and_ends_the_rest() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        raise KeyError(number)

    with pytest.raises(KeyError):
        in_parallel(work, range(100))
    assert len(begun) <= 3


def test_an_interruption_ends_what_runs_beside_it_at_its_next_piece() -> None:
    begun: list[int] = []
    both = Barrier(2, timeout=60)

    def step(number: int) -> None:
        begun.append(number)
        if number == 0:
            both.wait()
        while pieces._error is None:
            pass

    def interrupted() -> None:
        both.wait()
        raise KeyboardInterrupt

    def long() -> None:
        in_parallel(step, range(100), rows=ROWS_AT_A_TIME)

    pieces = threads._Pieces(lambda work: work(), [interrupted, long], lambda: None)
    helper = Thread(target=pieces.work_off)
    helper.start()
    pieces.work_off()
    helper.join()
    with pytest.raises(KeyboardInterrupt):
        pieces.results()
    assert begun == [0]


def test_divided_work_takes_only_the_helpers_that_are_free() -> None:
    lock, at_work, most = Lock(), 0, 0

    def leaf(_: int) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        with lock:
            at_work -= 1
        return get_ident()

    made = in_parallel(lambda _: in_parallel(leaf, range(50)), range(3))
    assert [len(part) for part in made] == [50, 50, 50] and most <= 3


def test_who_is_alone_in_the_end_is_helped_again() -> None:
    both = Barrier(2, timeout=60)

    def long() -> int:
        while threads._busy().more(1, 9) == 0:  # the other piece has ended once a helper is free
            pass
        threads._busy().freed()
        return len(in_parallel(lambda _: both.wait(), range(2)))

    assert at_once(long, lambda: "short") == (2, "short")


def test_large_pieces_run_one_after_another_in_the_callers_thread() -> None:
    for rows in (ROWS_AT_A_TIME, ROWS_AT_A_TIME // 2 + 1):
        assert set(in_parallel(lambda _: get_ident(), range(4), rows=rows)) == {get_ident()}
    both = Barrier(2, timeout=60)
    assert len(in_parallel(lambda _: both.wait(), range(2), rows=ROWS_AT_A_TIME // 2)) == 2


def test_each_piece_has_one_openmp_thread_and_the_caller_its_own_afterwards() -> None:
    import lightgbm  # noqa: F401 (loads OpenMP)

    def of_openmp(_: int = 0) -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "openmp"}

    before = of_openmp()
    with threads._libraries().limit(limits=2, user_api="openmp"):
        assert in_parallel(of_openmp, range(3)) == [{1}] * 3
        assert of_openmp() == {2}
    assert of_openmp() == before


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), ("2,1", 2), ("0", 4), ("many", 4), ("", 4), ("64", 4)])
def test_openmps_own_setting_bounds_the_threads(monkeypatch: pytest.MonkeyPatch, asked: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    assert workers() == expected


def test_where_the_system_does_not_tell_which_processors_are_its_own_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert workers() == 3
