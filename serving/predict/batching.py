"""Concurrent predictions merged into one matrix: while one batch is worked on, whatever arrives waits for the next.

A matrix costs nearly the same for one account as for a hundred, so a batch takes all that waits and nobody waits for a
batch to fill: alone, a caller is answered at once; under load, batches grow by themselves. BentoML's own batching
serves its `@bentoml.api` routes only, which can answer no problem details.

A batch of few records is worked on in the event loop. A thread of its own would wait for the interpreter at every turn
of the loop, and the loop at every turn of the thread: a third fewer answers under 32 clients (`python -m benchmarks
load`). A larger batch has a thread, so that the loop answers others meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter

from serving import metrics
from serving.errors import Overloaded
from serving.predict.predictor import Call, Predictor
from serving.scoring.scores import Score

#: Most accounts in one batch, as long as it has more than one caller.
MOST_ACCOUNTS = 200
#: Where several wait, a batch begins when nobody else has come for so many seconds: those who were answered together
#: ask again together.
LULL_SECONDS = 0.001
#: Longest time that a batch waits for a lull.
LONGEST_WAIT_SECONDS = 0.02


Rendered = Callable[[Predictor, list[Score]], bytes]


@dataclass(frozen=True, eq=False)
class Waiting:
    """A call that waits for its turn, with the model that was served when it came and how its answer is written."""

    predictor: Predictor
    call: Call
    rendered: Rendered
    answer: Future[bytes] = field(default_factory=Future)
    since: float = field(default_factory=perf_counter)


class Batcher:
    """Scores for concurrent callers; one batch is worked on at a time, all others wait.

    Parameters
    ----------
    most_waiting : int
        Calls that may wait; one more is refused.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._queue: deque[Waiting] = deque()
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predictions")
        #: The event loop that sees to the batches for as long as anybody waits.
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """The number of calls that wait."""
        return len(self._queue)

    async def predict(self, predictor: Predictor, call: Call, rendered: Rendered, seconds: float) -> bytes:
        """Score a call's accounts together with whoever else asks, and return the answer as `rendered` writes it.

        Raises
        ------
        Refusal
            As `Predictor.predict`.
        Overloaded
            When too many wait, or no answer came within so many seconds.
        """
        waiting, loop = Waiting(predictor, call, rendered), asyncio.get_running_loop()
        with self._lock:
            if len(self._queue) >= self._most_waiting:
                raise Overloaded(f"{self._most_waiting} predictions wait already")
            self._queue.append(waiting)
            idle = self._loop is None or self._loop.is_closed()
            if idle:
                self._loop = loop
        metrics.waiting(1)
        try:
            if idle:
                self._gather_soon(loop)
            return await asyncio.wait_for(asyncio.wrap_future(waiting.answer), seconds)
        except TimeoutError as error:
            raise Overloaded(f"no answer within {seconds:g} seconds") from error
        finally:
            metrics.waiting(-1)

    def close(self) -> None:
        """Answer whoever is being worked for, and stop."""
        self._worker.shutdown(wait=True)

    def _gather_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon(self._gather, loop, loop.time() + LONGEST_WAIT_SECONDS, 0)

    def _gather(self, loop: asyncio.AbstractEventLoop, until: float, before: int) -> None:
        """Begin a batch once nobody else comes; `before` is how many waited when this was asked last."""
        now = len(self._queue)
        if now == before or loop.time() >= until:
            self._begin(loop)
        elif now == 1:
            loop.call_soon(self._gather, loop, until, now)
        else:
            loop.call_later(LULL_SECONDS, self._gather, loop, until, now)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = [waiting for waiting in self._take() if waiting.answer.set_running_or_notify_cancel()]
        if _are_quick(batch):
            self._work(batch)
            self._go_on(loop)
            return
        try:
            self._worker.submit(self._work_apart, loop, batch)
        except RuntimeError as error:  # It is closed.
            for waiting in batch:
                waiting.answer.set_exception(error)
            self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if not self._queue:
                self._loop = None
                return
        self._gather_soon(loop)

    def _work_apart(self, loop: asyncio.AbstractEventLoop, batch: Sequence[Waiting]) -> None:
        self._work(batch)
        with suppress(RuntimeError):  # The loop is closed: another takes over with the next call.
            loop.call_soon_threadsafe(self._go_on, loop)

    def _work(self, batch: Sequence[Waiting]) -> None:
        if not batch:
            return
        now = perf_counter()
        for waiting in batch:
            metrics.step_took("wait", now - waiting.since)
        metrics.merged(sum(len(waiting.call.histories) for waiting in batch))
        try:
            found = batch[0].predictor.predict_each([waiting.call for waiting in batch])
        except Exception as error:
            self._one_by_one(batch, error)
        else:
            for waiting, answer in zip(batch, found, strict=True):
                _tell(waiting, answer)

    def _take(self) -> list[Waiting]:
        """Take what waits for the same model, oldest first, up to the greatest number of accounts.

        What makes a quick batch slow is left for the next one.
        """
        with self._lock:
            taken: list[Waiting] = []
            accounts = 0
            while self._queue:
                accounts += len(self._queue[0].call.histories)
                if taken and (accounts > MOST_ACCOUNTS or self._queue[0].predictor is not taken[0].predictor):
                    break
                if taken and _are_quick(taken) and not _are_quick([*taken, self._queue[0]]):
                    break
                taken.append(self._queue.popleft())
        return taken

    def _one_by_one(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Let one call's failure be its own."""
        for waiting in batch:
            try:
                found = waiting.predictor.predict_each([waiting.call])[0] if len(batch) > 1 else error
            except Exception as own:
                found = own
            _tell(waiting, found)


def _are_quick(batch: Sequence[Waiting]) -> bool:
    return not batch or batch[0].predictor.is_quick([waiting.call for waiting in batch])


def _tell(waiting: Waiting, answer: list[Score] | Exception) -> None:
    try:
        if isinstance(answer, Exception):
            raise answer
        with metrics.step("serialise"):
            written = waiting.rendered(waiting.predictor, answer)
    except Exception as error:
        waiting.answer.set_exception(error)
    else:
        waiting.answer.set_result(written)
