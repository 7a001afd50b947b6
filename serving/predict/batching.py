"""Concurrent predictions merged into one matrix: while one batch is worked on, whatever arrives waits for the next.

A matrix costs nearly the same for one account as for a hundred, so a batch takes all that waits. Alone, a caller is
answered at once; where several wait, a batch begins when nobody else comes for a moment. BentoML's own batching serves
its `@bentoml.api` routes only, which can answer no problem details.

A small batch is worked on in the event loop. A thread of its own would wait for the interpreter at every turn of the
loop, and the loop at every turn of the thread: a fifth fewer answers under 32 clients (`python -m benchmarks load`).
Any other batch has a thread, so that the loop answers others meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter

from serving import metrics
from serving.errors import Overloaded
from serving.predict.predictor import Call, Predictor, is_small
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
    """A call that waits for its turn, with the model that was served when it came and how its answer is written.

    Attributes
    ----------
    loop : asyncio.AbstractEventLoop
        The event loop of the caller.
    """

    predictor: Predictor
    call: Call
    rendered: Rendered
    loop: asyncio.AbstractEventLoop
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
        #: The event loop that sees to the next batch; None while nobody waits and nothing is worked on.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

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
            When too many wait, no answer came within so many seconds, or the service stops.
        """
        waiting = Waiting(predictor, call, rendered, asyncio.get_running_loop())
        metrics.waiting(1)
        try:
            self._join(waiting)
            return await asyncio.wait_for(asyncio.wrap_future(waiting.answer), seconds)
        except TimeoutError as error:
            raise Overloaded(f"no answer within {seconds:g} seconds") from error
        finally:
            metrics.waiting(-1)
            if waiting.answer.cancel():
                self._leave(waiting)

    def close(self) -> None:
        """Take no more calls, and wait for the batch that is being worked on."""
        self._closed = True
        self._worker.shutdown(wait=True)

    def _join(self, waiting: Waiting) -> None:
        with self._lock:
            if self._closed:
                raise Overloaded("the service stops")
            if len(self._queue) >= self._most_waiting:
                raise Overloaded(f"{self._most_waiting} predictions wait already")
            self._queue.append(waiting)
            if self._loop is None or self._loop.is_closed():
                self._go_on()

    def _leave(self, waiting: Waiting) -> None:
        with self._lock, suppress(ValueError):
            self._queue.remove(waiting)

    def _go_on(self) -> None:
        """Let the loop of whoever waits longest see to the next batch; called with the lock held."""
        self._loop = None
        while self._queue and self._loop is None:
            loop = self._queue[0].loop
            try:
                loop.call_soon_threadsafe(self._gather, loop, loop.time() + LONGEST_WAIT_SECONDS, 0, context=Context())
                self._loop = loop
            except RuntimeError:  # It is closed, and its caller gone.
                self._queue.popleft()

    def _gather(self, loop: asyncio.AbstractEventLoop, until: float, before: int) -> None:
        """Begin a batch once nobody else comes; `before` is how many waited when this was asked last."""
        now = len(self._queue)
        if now == before or loop.time() >= until:
            self._begin()
        elif now == 1:
            loop.call_soon(self._gather, loop, until, now)
        else:
            loop.call_later(LULL_SECONDS, self._gather, loop, until, now)

    def _begin(self) -> None:
        batch = self._take()
        try:
            if batch and not batch[0].predictor.is_quick([waiting.call for waiting in batch]):
                self._worker.submit(self._work, batch)
                return
        except Exception as error:
            _tell_all(batch, error)
            batch = []
        self._work(batch)

    def _work(self, batch: Sequence[Waiting]) -> None:
        """Answer a batch, whatever happens, and see to the next one."""
        try:
            if batch := [waiting for waiting in batch if waiting.answer.set_running_or_notify_cancel()]:
                self._answer(batch)
        except Exception as error:
            _tell_all(batch, error)
        finally:
            with self._lock:
                self._go_on()

    def _answer(self, batch: Sequence[Waiting]) -> None:
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

        What makes a small batch a large one is left for the next.
        """
        with self._lock:
            taken: list[Waiting] = []
            accounts = records = 0
            while self._queue:
                first = self._queue[0]
                was_small = is_small(accounts, records)
                accounts += len(first.call.histories)
                records += first.call.number_of_records
                if taken and (accounts > MOST_ACCOUNTS or first.predictor is not taken[0].predictor):
                    break
                if taken and was_small and not is_small(accounts, records):
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


def _tell_all(batch: Sequence[Waiting], error: Exception) -> None:
    """Tell an error to all who have no answer yet."""
    for waiting in batch:
        with suppress(InvalidStateError):
            waiting.answer.set_exception(error)


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
