"""Independent pieces of work in several threads, with the results of one thread.

In: a function and items. Out: its results, in the order of the items.

LightGBM, NumPy and SciPy work outside Python's lock. Many small fits in threads of one OpenMP thread each end sooner
than one after another with many OpenMP threads, which mostly wait for each other there. A large piece does better with
the threads of its own, and memory holds fewer such pieces at a time.

Pieces may be divided again. All threads of a process together are no more than its processors: whoever divides work
takes the helpers that are free, and works too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar, copy_context
from functools import cache
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from threadpoolctl import ThreadpoolController

#: Rows that pieces may copy at a time, all together: pieces of more than half as many run one after another, each with
#: all OpenMP threads.
ROWS_AT_A_TIME = 500_000
#: Threads at a time, on a machine with more processors than that.
MOST_WORKERS = 8
Item = TypeVar("Item")
Result = TypeVar("Result")
#: The pieces within which this thread works, the outermost first.
_ABOVE: ContextVar[tuple[_Pieces[Any, Any], ...]] = ContextVar("pieces above", default=())


def workers() -> int:
    """Return how many threads may work at a time: the processors, or `OMP_NUM_THREADS` where that is fewer."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    # Only Linux tells which processors are the process's own.
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processors = min(own, MOST_WORKERS)
    return min(processors, int(asked)) if asked.isdigit() and int(asked) else processors


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    rows: int = 0,
    done: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Return what a function makes of each item, in the order of the items.

    A piece sees the context variables of the caller.

    Parameters
    ----------
    work : callable
        Called in several threads. It must not change what other pieces read.
    items : iterable
        Those that take longest come best first.
    rows : int
        Rows of a matrix that a piece copies: only as many pieces run at a time as `ROWS_AT_A_TIME` holds.
    done : callable
        Called after each piece, one call at a time.

    Raises
    ------
    BaseException
        The first error of a piece, when the running ones have ended, which begin nothing new; the others are not begun.

    Examples
    --------
    >>> in_parallel(lambda number: number**2, [1, 2, 3])
    [1, 4, 9]
    """
    pieces = _Pieces(work, list(items), done)
    helpers = _busy().more(len(pieces) - 1, ROWS_AT_A_TIME // max(rows, 1))
    threads = [Thread(target=copy_context().run, args=(pieces.help_off,)) for _ in range(helpers)]
    # The caller has one OpenMP thread, too, until it is alone. OpenBLAS sums in another order with more threads than
    # one, and has one setting for all threads: it is the same with and without helpers.
    with _libraries().limit(limits={"openmp": 1, "blas": 1} if helpers else {"blas": 1}):
        for thread in threads:
            thread.start()
        pieces.work_off()
        for thread in threads:
            thread.join()
    return pieces.results()


def at_once(one: Callable[[], Item], other: Callable[[], Result], rows: int = 0) -> tuple[Item, Result]:
    """Return the results of two functions that run as `in_parallel` runs its pieces.

    Examples
    --------
    >>> at_once(lambda: 1, lambda: "two")
    (1, 'two')
    """
    ours: list[Item] = []
    theirs: list[Result] = []

    def first() -> None:
        ours.append(one())

    def second() -> None:
        theirs.append(other())

    in_parallel(_run, [first, second], rows)
    return ours[0], theirs[0]


def _run(work: Callable[[], None]) -> None:
    work()


class _Pieces(Generic[Item, Result]):
    """Pieces that several threads take in turn, and their results."""

    def __init__(self, work: Callable[[Item], Result], items: list[Item], done: Callable[[], object]) -> None:
        self._work, self._items, self._done = work, items, done
        self._lock, self._next = Lock(), 0
        self._made: dict[int, Result] = {}
        self._error: BaseException | None = None
        self._above = _ABOVE.get()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    def work_off(self) -> None:
        """Work on one piece after another until none is left or one has failed, here or above."""
        within = _ABOVE.set((*self._above, self))
        while (place := self._taken()) is not None:
            try:
                made = self._work(self._items[place])
                with self._lock:
                    self._made[place] = made
                    self._done()
            except BaseException as error:  # `results` raises it
                with self._lock:
                    self._error = self._error or error
        _ABOVE.reset(within)

    def help_off(self) -> None:
        """Do the same in a thread of one OpenMP thread, and be free for others then."""
        try:
            with _libraries().limit(limits=1, user_api="openmp"):
                self.work_off()
        finally:
            _busy().freed()

    def results(self) -> list[Result]:
        """Return the results in the order of the items; raise the first error."""
        if self._error is not None:
            raise self._error
        if len(self._made) < len(self):
            raise RuntimeError("work beside this has failed")  # what divided both raises the error of that
        return [self._made[place] for place in range(len(self))]

    def _taken(self) -> int | None:
        with self._lock:
            place, self._next = self._next, self._next + 1
            failed = any(pieces._error is not None for pieces in (self, *self._above))
            return place if place < len(self) and not failed else None


class _Busy:
    """How many helping threads of the process are at work."""

    def __init__(self) -> None:
        self._lock, self._count = Lock(), 0

    def more(self, wanted: int, at_a_time: int) -> int:
        """Return how many more may begin, and count them: `wanted` at most, `at_a_time` with all and the caller."""
        with self._lock:
            free = max(0, min(wanted, min(workers(), at_a_time) - 1 - self._count))
            self._count += free
            return free

    def freed(self) -> None:
        """Count one less."""
        with self._lock:
            self._count -= 1


@cache
def _busy() -> _Busy:
    return _Busy()


def _libraries() -> ThreadpoolController:
    return _controller("lightgbm" in sys.modules, "sklearn" in sys.modules)


@cache
def _controller(*loaded: bool) -> ThreadpoolController:
    """Return what sets the threads of the libraries that are loaded; to look for them takes 20 ms."""
    return ThreadpoolController()
