"""Whose accounts: what a reader sees goes in, an SQL condition over a column of account managers comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

#: One account manager, several, or all accounts (None).
Whose = str | Sequence[str] | None


def names_of(whose: Whose) -> tuple[str, ...] | None:
    """Return the account managers; None: all accounts.

    Examples
    --------
    >>> names_of("Jan"), names_of(["Eva", "Jan"]), names_of(None)
    (('Jan',), ('Eva', 'Jan'), None)
    """
    return (whose,) if isinstance(whose, str) else None if whose is None else tuple(whose)


def unmanaged(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether a column names nobody: null and empty alike."""
    return sa.func.coalesce(column, "") == ""


def theirs(column: sa.ColumnElement[Any], whose: Whose) -> sa.ColumnElement[bool]:
    """Return whether a column names one of them; of all accounts, whether it names anybody or not."""
    names = names_of(whose)
    if names is None:
        return sa.true()
    return column == names[0] if len(names) == 1 else column.in_(names)
