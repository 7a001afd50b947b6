"""`OpenRun`: a scoring run while scores are added to it, some hundred in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from serving.database.engine import reading, written_json
from serving.scoring.scores import Score
from serving.store.runs import PublicationHook, PublishedRun, RunWriter
from serving.store.score_tables import SCORES, record_of

#: Scores of a transaction: SQLite's only write lock is held while they are written.
CHUNK = 500
#: Columns of a score that hold JSON.
IN_JSON = tuple(column.name for column in SCORES.columns if isinstance(column.type, sa.JSON))


class OpenRun:
    """A run that is being written.

    Attributes
    ----------
    done : int
        Scores that are stored, those of an earlier writer of the same run included: the first of the whole.
    scored_at : datetime
        When the run was scored; an earlier writer's time where there was one.
    """

    def __init__(self, run: RunWriter, hooks: Sequence[PublicationHook], now: Callable[[], datetime]) -> None:
        self._run, self._hooks, self._now = run, hooks, now
        self.done, self.scored_at = run.begun_with, run.scored_at

    def add(self, scores: Iterable[Score], evidence: Mapping[str, dict[str, Any]]) -> None:
        """Store the next scores with their evidence, by account id; raises RunLost, InputError."""
        records = (record_of(self._run.run_id, score, evidence.get(score.account_id, {})) for score in scores)
        # Written here: most of the time of an insert goes into it, and nobody else could write meanwhile.
        rows = (record | {name: written_json(record[name]) for name in IN_JSON} for record in records)
        for chunk in _chunks(rows):
            self._run.add(chunk)
            self.done += len(chunk)

    def publish(self, model: Mapping[str, Any] | None = None) -> PublishedRun:
        """Let readers see the run, all at once; see `RunWriter.publish`."""
        return self._run.publish(self.done, self._hooks, self._now(), model)

    def stored(self, columns: Sequence[str], outlook: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return columns of the scores that are stored, and figures of their outlook, null where there are none."""
        foreseen = (SCORES.c.evidence["outlook", name].as_float().label(name) for name in outlook)
        query = sa.select(*(SCORES.c[name] for name in columns), *foreseen).where(SCORES.c.run_id == self._run.run_id)
        with reading(self._run.engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
