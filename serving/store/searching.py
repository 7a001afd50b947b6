"""Names as they are searched and sorted: without case or marks, and ä as ae, so that Müller and MUELLER are one name.

Who has no such letter on the keyboard leaves the mark out instead, so Muller and Sondby find Müller and Søndby too. In
Python for what is stored beside a score, and for what a reader typed; in SQL the one is then within the other.
"""

from __future__ import annotations

from typing import Any
from unicodedata import combining, normalize

import sqlalchemy as sa

#: Letters with a mark that are spelt without it by another letter more.
SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ø": "oe", "ü": "ue"})
#: Letters of which Unicode knows no mark to leave out.
BARE = str.maketrans({"æ": "ae", "ð": "d", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"})
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
    'societe oest & gross'
    """
    return bare(normalize("NFC", text).casefold().translate(SPELT))


def bare(text: str) -> str:
    """Return a text without case, and with every mark left out.

    Examples
    --------
    >>> bare("Søndby & Müller Łódź")
    'sondby & muller lodz'
    """
    plain = normalize("NFKD", text.casefold().translate(BARE))
    return "".join(letter for letter in plain if not combining(letter))


def searched(name: str | None, account_id: str) -> str:
    """Return what is looked through, and sorted by, of an account: its name, then its id, each in both forms."""
    return BETWEEN.join(dict.fromkeys(form(text) for text in (name or account_id, account_id) for form in FORMS))


def typed(text: str) -> str:
    """Return what is searched for of what a reader typed: without what is not printed, and without blanks around it."""
    return "".join(filter(str.isprintable, text)).strip()


def looked_through(columns: Any) -> sa.ColumnElement[str]:
    """Return `searched` of rows; of runs from before it was kept, the same with ASCII's capitals folded alone."""
    plain = sa.func.coalesce(columns.name, columns.account_id).concat(BETWEEN).concat(columns.account_id)
    return sa.func.coalesce(columns.searched, sa.func.lower(plain))


def holds(columns: Any, text: str) -> sa.ColumnElement[bool]:
    """Return the condition that an account's name or id holds a text, in either form."""
    kept, forms = looked_through(columns), dict.fromkeys(form(text) for form in FORMS)
    return sa.or_(*(kept.contains(form, autoescape=True) for form in forms))


#: How names are compared: the one that they are sorted by first.
FORMS = (folded, bare)
