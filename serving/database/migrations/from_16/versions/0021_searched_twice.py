"""Names and ids are searched in two forms: spelt without marks, and with the marks left out, so Sondby finds Søndby.

Filled anew where it is filled.
"""

from __future__ import annotations

from typing import Any
from unicodedata import combining, normalize

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ø": "oe", "ü": "ue"})
BARE = str.maketrans({"æ": "ae", "ð": "d", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"})
KEY = ("run_id", "account_id")
SCORES = sa.table("scores", *(sa.column(name) for name in (*KEY, "name", "searched")))


def upgrade() -> None:
    """Fill the column anew."""
    rows = op.get_bind().execute(sa.select(*SCORES.c).where(SCORES.c.searched.is_not(None))).all()
    if rows:
        which = (SCORES.c[name] == sa.bindparam(f"its_{name}") for name in KEY)
        found = [
            {"its_run_id": row.run_id, "its_account_id": row.account_id, "searched": _searched(row)} for row in rows
        ]
        op.get_bind().execute(sa.update(SCORES).where(*which).values(searched=sa.bindparam("searched")), found)


def _searched(row: sa.Row[Any]) -> str:
    texts = (row.name or row.account_id, row.account_id)
    return "\n".join(dict.fromkeys(form(text) for text in texts for form in (_folded, _bare)))


def _folded(text: str) -> str:
    return _bare(normalize("NFC", text).casefold().translate(SPELT))


def _bare(text: str) -> str:
    plain = normalize("NFKD", text.casefold().translate(BARE))
    return "".join(letter for letter in plain if not combining(letter))
