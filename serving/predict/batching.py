"""Concurrent predictions merged into one matrix: while one batch is worked on, whatever arrives waits for the next.

A matrix costs nearly the same for one account as for a hundred, so a batch takes all that waits and nobody waits for a
batch to fill: alone, a caller is answered at once; under load, batches grow by themselves. BentoML's own batching
serves its `@bentoml.api` routes only, which can answer no problem details.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter

from serving import metrics
from serving.errors import Overloaded
from serving.predict.predictor import Call, Predictor
from serving.scoring.scores import Score

#: Most accounts in one batch, as long as it has more than one caller.
MOST_ACCOUNTS = 200


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
    """Scores for concurrent callers; one thread works, all others wait.

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
        waiting = Waiting(predictor, call, rendered)
        with self._lock:
            if len(self._queue) >= self._most_waiting:
                raise Overloaded(f"{self._most_waiting} predictions wait already")
            self._queue.append(waiting)
        metrics.waiting(1)
        try:
            self._worker.submit(self._work)
            return await asyncio.wait_for(asyncio.wrap_future(waiting.answer), seconds)
        except TimeoutError as error:
            raise Overloaded(f"no answer within {seconds:g} seconds") from error
        finally:
            metrics.waiting(-1)

    def close(self) -> None:
        """Answer whoever waits, and stop."""
        self._worker.shutdown(wait=True)

    def _work(self) -> None:
        batch = [waiting for waiting in self._take() if waiting.answer.set_running_or_notify_cancel()]
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
        """Take what waits for the same model, oldest first, up to the greatest number of accounts."""
        with self._lock:
            taken: list[Waiting] = []
            accounts = 0
            while self._queue:
                accounts += len(self._queue[0].call.histories)
                if taken and (accounts > MOST_ACCOUNTS or self._queue[0].predictor is not taken[0].predictor):
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
