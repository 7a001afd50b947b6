"""Whose chunk is scored next: keys take turns, and so do the jobs of one key, whatever their size and age.

Each worker keeps in memory whom it served last. That is fair with any number of workers, since each is fair, and
nothing is lost with a worker: the turns only begin anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

#: How many names are remembered; whoever was served longest ago is forgotten first, and comes first all the same.
REMEMBERED = 10_000


@dataclass(frozen=True)
class Candidate:
    """A job with a free chunk: who made it, and its oldest free chunk."""

    principal: str
    job_id: str
    chunk_id: int


class Turns:
    """The order in which one worker serves keys and jobs."""

    def __init__(self) -> None:
        self._count = 0
        self._served: OrderedDict[str, int] = OrderedDict()

    def next_of(self, candidates: Iterable[Candidate]) -> Candidate | None:
        """Return the job of the key that was served longest ago; of several, the one served longest ago itself."""
        return min(candidates, key=self._place, default=None)

    def took(self, candidate: Candidate) -> None:
        """Remember that a job was served."""
        self._count += 1
        for name in (candidate.principal, candidate.job_id):
            self._served[name] = self._count
            self._served.move_to_end(name)
        while len(self._served) > REMEMBERED:
            self._served.popitem(last=False)

    def _place(self, candidate: Candidate) -> tuple[int, int, int]:
        key, job = self._served.get(candidate.principal, 0), self._served.get(candidate.job_id, 0)
        return key, job, candidate.chunk_id
