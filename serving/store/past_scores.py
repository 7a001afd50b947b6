"""One stored score of an account by its date and version, with what a sentence about it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.scoring.scores import Score
from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS, SCORES, score_of


@dataclass(frozen=True)
class KeptScore:
    """A score with its evidence."""

    score: Score
    evidence: Mapping[str, Any]


def kept_score(
    connection: Connection,
    account_id: str,
    as_of: date | None = None,
    version: str | None = None,
    before: date | None = None,
) -> KeptScore | None:
    """Return the newest score of an account that is of this date and version, or of a date before another; or None."""
    which = [CURRENT, SCORES.c.account_id == account_id]
    if as_of is not None:
        which.append(RUNS.c.as_of == as_of)
    if version is not None:
        which.append(RUNS.c.model_version == version)
    if before is not None:
        which.append(RUNS.c.as_of < before)
    query = sa.select(SCORES).join(RUNS).where(*which).order_by(*NEWEST_FIRST).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else KeptScore(score_of(dict(row)), row["evidence"])
