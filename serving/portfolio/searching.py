"""Names as they are searched and sorted: without case, and ä as ae, so that Müller, MÜLLER and Mueller are one name.

In SQL for a column, in Python for what a reader typed. SQLite knows the case of ASCII letters only; of other letters
the usual forms of what was typed are looked for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa

#: A letter and how it is spelt without it, each in one piece and as a letter with a mark (NFD).
SPELT = tuple(
    (normalize(form, letter), spelt)
    for letter, spelt in zip("äöüÄÖÜßẞ", ("ae", "oe", "ue", "ae", "oe", "ue", "ss", "ss"), strict=True)
    for form in (("NFC", "NFD") if len(normalize("NFD", letter)) > 1 else ("NFC",))
)


def folded(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Return a column in the form in which names are compared."""
    found: sa.ColumnElement[str] = sa.func.lower(column)
    for letter, spelt in SPELT:
        found = sa.func.replace(found, letter, spelt)
    return found


def forms_of(text: str) -> Collection[str]:
    """Return what to look for in folded columns.

    Examples
    --------
    >>> sorted({form for text in ("Müller", "MÜLLER", "mu\u0308ller", "Mueller") for form in forms_of(text)})
    ['mueller']
    """
    cases = (text.lower(), text.upper(), text.title())
    return {_folded(normalize(form, each)) for each in cases for form in ("NFC", "NFD")}


def holds(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds a text."""
    compared = folded(column)
    return sa.or_(*(compared.contains(form, autoescape=True) for form in sorted(forms_of(text))))


def _folded(text: str) -> str:
    """Return a text as `folded` makes a column in SQLite, which leaves other letters than ASCII's as they are."""
    lowered = "".join(each.lower() if each.isascii() else each for each in text)
    for letter, spelt in SPELT:
        lowered = lowered.replace(letter, spelt)
    return lowered
