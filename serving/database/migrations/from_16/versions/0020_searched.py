"""Name and id as they are searched and sorted, beside the score and in the index that lists read.

Lists have folded umlauts in SQL, row by row. Filled for the newest date; of older runs it stays null.
"""

from __future__ import annotations

from typing import Any
from unicodedata import combining, normalize

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
KEY = ("run_id", "account_id")
RUNS = sa.table("score_runs", *(sa.column(name) for name in ("run_id", "as_of")))
SCORES = sa.table("scores", *(sa.column(name) for name in (*KEY, "name", "searched")))


def upgrade() -> None:
    """Add the column, fill it, and make the index anew with it."""
    op.add_column("scores", sa.Column("searched", sa.Text))
    newest = sa.select(RUNS.c.run_id).where(RUNS.c.as_of == sa.select(sa.func.max(RUNS.c.as_of)).scalar_subquery())
    rows = op.get_bind().execute(sa.select(*SCORES.c).where(SCORES.c.run_id.in_(newest))).all()
    if rows:
        which = (SCORES.c[name] == sa.bindparam(f"its_{name}") for name in KEY)
        found = [
            {"its_run_id": row.run_id, "its_account_id": row.account_id, "searched": _searched(row)} for row in rows
        ]
        op.get_bind().execute(sa.update(SCORES).where(*which).values(searched=sa.bindparam("searched")), found)
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("scores_listed", "scores")
        op.create_index(
            "scores_listed",
            "scores",
            [
                "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk",
                "churn_probability", "revenue_365d", "currency", "account_manager", "name", "lapsed", "unheard_180d",
                "renewals_due_90d", "searched",
            ],
        )  # fmt: skip


def _searched(row: sa.Row[Any]) -> str:
    return _folded(row.name or row.account_id) + "\n" + _folded(row.account_id)


def _folded(text: str) -> str:
    spelt = normalize("NFC", text).casefold().translate(SPELT)
    return "".join(letter for letter in normalize("NFKD", spelt) if not combining(letter))
