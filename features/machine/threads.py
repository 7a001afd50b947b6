"""Independent pieces of work in several threads, with the results of one thread.

In: a function and items. Out: its results, in the order of the items.

LightGBM, NumPy and DuckDB work outside Python's lock. Many small fits in threads of one OpenMP thread each end sooner
than one after another with many OpenMP threads, which mostly wait for each other there. A large piece does better with
the threads of its own, and memory holds fewer such pieces at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import ContextVar, copy_context
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

#: Pieces that each copy more rows than this run one after another, each with all OpenMP threads.
MOST_ROWS = 100_000
#: Pieces at a time, on a machine with more processors than that.
MOST_WORKERS = 8
Item = TypeVar("Item")
Result = TypeVar("Result")
_INSIDE: ContextVar[bool] = ContextVar("inside a piece of parallel work", default=False)


def workers() -> int:
    """Return how many pieces may run at a time: the processors, or `OMP_NUM_THREADS` where that is fewer; 1 inside one.

    Examples
    --------
    >>> in_parallel(lambda _: workers(), [1, 2])
    [1, 1]
    """
    if _INSIDE.get():
        return 1
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    processors = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
    return min(processors, int(asked)) if asked.isdigit() and int(asked) else processors


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    rows: int = 0,
    done: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Return what a function makes of each item, in the order of the items.

    A piece sees the context variables of the caller. Work inside a piece is not divided again.

    Parameters
    ----------
    work : callable
        Called in other threads. It must not change what other pieces read.
    items : iterable
        Those that take longest come best first.
    rows : int
        Rows of a matrix that a piece copies; above `MOST_ROWS` the pieces run one after another.
    done : callable
        Called in the caller's thread after each piece.

    Raises
    ------
    BaseException
        The first error of a piece, when the running ones have ended; the others are not begun.

    Examples
    --------
    >>> in_parallel(lambda number: number**2, [1, 2, 3])
    [1, 4, 9]
    """
    pieces = list(items)
    count = 1 if rows > MOST_ROWS else min(workers(), len(pieces))
    if count <= 1:
        return [_noted(work(piece), done) for piece in pieces]
    with ThreadPoolExecutor(count, initializer=_one_thread) as pool:
        running = [pool.submit(copy_context().run, _inside, work, piece) for piece in pieces]
        try:
            for ended in as_completed(running):
                ended.result()
                done()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [ended.result() for ended in running]


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


def _noted(result: Result, done: Callable[[], object]) -> Result:
    done()
    return result


def _inside(work: Callable[[Item], Result], piece: Item) -> Result:
    _INSIDE.set(True)
    return work(piece)


def _one_thread() -> None:
    """Give the OpenMP of this thread one thread."""
    _libraries().limit(limits=1, user_api="openmp")


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
