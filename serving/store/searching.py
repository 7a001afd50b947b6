"""Names as they are searched and sorted: without case or marks, and ä as ae, so that Müller and MUELLER are one name.

In Python for what is stored beside a score, and for what a reader typed; in SQL the one is then within the other.
"""

from __future__ import annotations

from typing import Any
from unicodedata import combining, normalize

import sqlalchemy as sa

#: Letters with a mark that are spelt without it by another letter more, not by leaving the mark out.
SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
#: Between a name and an id: nobody types it.
BETWEEN = "\n"
#: Longest text of a search.
LONGEST_SEARCH = 100


def folded(text: str) -> str:
    """Return a text in the form in which names are compared.

    Examples
    --------
    >>> sorted({folded(text) for text in ("Müller", "MÜLLER", "mu\u0308ller", "Mueller")})
    ['mueller']
    >>> folded("Société Øst & GROẞ")
    'societe øst & gross'
    """
    spelt = normalize("NFC", text).casefold().translate(SPELT)
    return "".join(letter for letter in normalize("NFKD", spelt) if not combining(letter))


def searched(name: str | None, account_id: str) -> str:
    """Return what is looked through, and sorted by, of an account: its name, then its id."""
    return folded(name or account_id) + BETWEEN + folded(account_id)


def typed(text: str) -> str:
    """Return what is searched for of what a reader typed: without what is not printed, and without blanks around it."""
    return "".join(filter(str.isprintable, text)).strip()


def looked_through(columns: Any) -> sa.ColumnElement[str]:
    """Return `searched` of rows; of runs from before it was kept, the same with ASCII's capitals folded alone."""
    plain = sa.func.coalesce(columns.name, columns.account_id).concat(BETWEEN).concat(columns.account_id)
    return sa.func.coalesce(columns.searched, sa.func.lower(plain))


def holds(columns: Any, text: str) -> sa.ColumnElement[bool]:
    """Return the condition that an account's name or id holds a text."""
    return looked_through(columns).contains(folded(text), autoescape=True)
