"""The score store: scores with their history and the evidence that reports need, in SQL (SQLite by default).

A scoring run appears at once or not at all: it is one transaction, and readers see the state before or after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from features.errors import AccountUnknown
from serving.database.engine import open_database, reading, writing
from serving.database.metadata import metadata
from serving.scores import Reason, Score

CHUNK = 500

RUNS = sa.Table(
    "score_runs",
    metadata,
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("model_version", sa.String(64), primary_key=True),
    sa.Column("scored_at", sa.String(40), nullable=False),
    sa.Column("accounts", sa.Integer, nullable=False),
    sa.Column("model", sa.JSON, nullable=False),
)
SCORES = sa.Table(
    "scores",
    metadata,
    sa.Column("account_id", sa.String(256), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("model_version", sa.String(64), primary_key=True),
    sa.Column("scored_at", sa.String(40), nullable=False),
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("revenue_365d", sa.Double, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("currency", sa.String(16)),
    sa.Column("revenue_at_risk", sa.Double, nullable=False),
    sa.Column("expected_profit", sa.Double, nullable=False),
    sa.Column("band", sa.String(16), nullable=False),
    sa.Column("threat", sa.Boolean, nullable=False),
    sa.Column("base_probability", sa.Double, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("missing_tables", sa.JSON, nullable=False),
    sa.Column("collect", sa.JSON, nullable=False),
    sa.Column("account_manager", sa.String(256)),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Index("scores_by_risk", "as_of", "model_version", "revenue_at_risk"),
)


@dataclass(frozen=True)
class Stored:
    """One stored score with what a report needs beside it.

    Attributes
    ----------
    score : Score
        The latest: greatest as_of, then scored_at.
    history : tuple of dict
        Every stored score of the account, oldest first: as_of, model_version, scored_at, churn_probability,
        revenue_at_risk, band, threat.
    evidence : dict
        See `serving.evidence`.
    model : dict
        The model as it was when the score was made: version, slices, rule, grade, reference figures, metrics.
    """

    score: Score
    history: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    model: dict[str, Any]


class ScoreStore:
    """Scores in a database.

    Parameters
    ----------
    url : str
        SQLAlchemy address; the folder of an SQLite file is made when it is not there.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_database(url)

    def write(
        self,
        scores: Iterable[Score],
        evidence: Mapping[str, dict[str, Any]],
        model: Mapping[str, Any],
        as_of: date,
        scored_at: datetime,
    ) -> int:
        """Store one scoring run in place of that of the same as-of date and version; return the row count."""
        count = 0
        with writing(self._engine) as connection:
            replaced = (SCORES.c.as_of == as_of) & (SCORES.c.model_version == model["version"])
            connection.execute(sa.delete(SCORES).where(replaced))
            for chunk in _chunks(_record(score, evidence) for score in scores):
                self._put(connection, SCORES, chunk)
                count += len(chunk)
            run = {
                "as_of": as_of,
                "model_version": model["version"],
                "scored_at": _stamp(scored_at),
                "accounts": count,
                "model": dict(model),
            }
            self._put(connection, RUNS, [run])
        return count

    def latest(self, account_id: str) -> Stored:
        """Return an account's latest score with history, evidence and model; raises AccountUnknown."""
        mine = SCORES.c.account_id == account_id
        newest_first = (SCORES.c.as_of.desc(), SCORES.c.scored_at.desc())
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(SCORES).where(mine).order_by(*newest_first).limit(1)).mappings().first()
            if row is None:
                raise AccountUnknown(f"there is no score of account {account_id!r}")
            history = connection.execute(_history(mine)).mappings().all()
            run = (RUNS.c.as_of == row["as_of"]) & (RUNS.c.model_version == row["model_version"])
            model = connection.execute(sa.select(RUNS.c.model).where(run)).scalar_one()
        return Stored(_score(dict(row)), tuple(_plain(dict(past)) for past in history), row["evidence"], model)

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()

    def _put(self, connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        replaced = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced), rows)


def _history(mine: sa.ColumnElement[bool]) -> sa.Select[Any]:
    names = ("as_of", "model_version", "scored_at", "churn_probability", "revenue_at_risk", "band", "threat")
    columns = [SCORES.c[name] for name in names]
    return sa.select(*columns).where(mine).order_by(SCORES.c.as_of, SCORES.c.scored_at)


def _record(score: Score, evidence: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    found = evidence.get(score.account_id, {})
    manager = (found.get("account") or {}).get("account_manager")
    record = score.as_dict() | {"as_of": score.as_of, "scored_at": _stamp(score.scored_at)}
    return record | {"account_manager": manager, "evidence": found}


def _score(row: Mapping[str, Any]) -> Score:
    fields = {name: row[name] for name in Score.__dataclass_fields__}
    fields["scored_at"] = datetime.fromisoformat(row["scored_at"])
    fields["reasons"] = tuple(Reason(**reason) for reason in row["reasons"])
    fields["missing_tables"], fields["collect"] = tuple(row["missing_tables"]), tuple(row["collect"])
    return Score(**fields)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"as_of": row["as_of"].isoformat()}


def _stamp(instant: datetime) -> str:
    """UTC, ISO, to the microsecond: sorts as text and keeps its zone in every database."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
