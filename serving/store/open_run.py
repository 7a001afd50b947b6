"""`OpenRun`: a scoring run while scores are added to it, some hundred in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from serving.database.engine import reading, written_json
from serving.scoring.book_figures import BookFigures
from serving.scoring.kept_estimates import Kept
from serving.scoring.scores import FIELDS, Score
from serving.store.book_movement import BookMovement
from serving.store.ends_table import ENDS
from serving.store.figure_tables import FIGURE_ACCOUNTS, FIGURES, pieces
from serving.store.runs import PublicationHook, PublishedRun, RunWriter
from serving.store.score_tables import SCORES, record_of, score_of

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

    def __init__(
        self, run: RunWriter, moved: BookMovement, hooks: Sequence[PublicationHook], now: Callable[[], datetime]
    ) -> None:
        self._run, self._moved, self._hooks, self._now = run, moved, hooks, now
        self.done, self.scored_at = run.begun_with, run.scored_at
        for scores, managers in self._begun():
            moved.add(scores, managers)

    def add(self, scores: Iterable[Score], evidence: Mapping[str, dict[str, Any]]) -> None:
        """Store the next scores with their evidence, by account id; raises RunLost, InputError."""
        for chunk in _chunks(iter(scores)):
            records = [record_of(self._run.run_id, score, evidence.get(score.account_id, {})) for score in chunk]
            # Written here: most of the time of an insert goes into it, and nobody else could write meanwhile.
            self._run.add([record | {name: written_json(record[name]) for name in IN_JSON} for record in records])
            self._moved.add(chunk, [record["account_manager"] for record in records])
            self.done += len(chunk)

    def add_figures(self, figures: BookFigures) -> None:
        """Store the programme's figures, in the place of those that an earlier writer of the run has left."""
        for table in (FIGURES, FIGURE_ACCOUNTS, ENDS):
            self._run.clear(table)
        for table, rows in pieces(self._run.run_id, figures):
            self._run.add(rows, table)

    def publish(self, model: Mapping[str, Any] | None = None) -> PublishedRun:
        """Let readers see the run, all at once; see `RunWriter.publish`."""
        return self._run.publish((self._moved.keep, *self._hooks), self._now(), model)

    def stored(self, columns: Sequence[str], outlook: Sequence[str] = ()) -> Iterator[list[dict[str, Any]]]:
        """Yield columns of the scores that are stored, and figures of their outlook, null where there are none.

        Pieces follow one another by account_id, which is one of the columns.
        """
        foreseen = (SCORES.c.evidence["outlook", name].as_float().label(name) for name in outlook)
        return self._pieces([*(SCORES.c[name] for name in columns), *foreseen])

    def outlooks(self) -> Iterator[Kept]:
        """Yield what figures of what is to come are made of, of each score that is stored."""
        columns = [SCORES.c[name] for name in ("account_id", "band", "churn_probability")]
        for rows in self._pieces([*columns, SCORES.c.evidence["outlook"].label("outlook")]):
            yield from (Kept(*row.values()) for row in rows)

    def _begun(self) -> Iterator[tuple[list[Score], list[str | None]]]:
        """Yield the scores that an earlier writer of the run has left, with their account managers, in pieces."""
        if self.done and self._moved.compares:
            for rows in self._pieces([SCORES.c[name] for name in (*FIELDS, "account_manager")]):
                yield [score_of(row) for row in rows], [row["account_manager"] for row in rows]

    def _pieces(self, columns: Sequence[sa.ColumnElement[Any]]) -> Iterator[list[dict[str, Any]]]:
        """Yield columns of the run's scores, account_id among them, by account_id."""
        mine = sa.select(*columns).where(SCORES.c.run_id == self._run.run_id).order_by(SCORES.c.account_id).limit(CHUNK)
        piece = mine
        while True:
            with reading(self._run.engine) as connection:
                rows = [dict(row) for row in connection.execute(piece).mappings()]
            if not rows:
                return
            yield rows
            piece = mine.where(SCORES.c.account_id > rows[-1]["account_id"])


def _chunks(scores: Iterator[Score]) -> Iterator[list[Score]]:
    while chunk := list(islice(scores, CHUNK)):
        yield chunk
