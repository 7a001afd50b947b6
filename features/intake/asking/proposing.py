"""A column whose name says just what a question asks is proposed: written into the mapping, and shown to be confirmed.

In: a question and the headings of the columns that may be meant. Out: the only one that its words begin in, and some of
its values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.intake.asking.presets import Question
from features.intake.files.reading import OpenFile, Workspace
from features.validation.quoting import shortened

#: Values of a proposed column that are shown.
SAMPLES = 3


def words_of(name: str) -> str:
    """Return the words of a heading or of the name of a field, in lower case.

    Examples
    --------
    >>> words_of("property_contract_end"), words_of("CustomerSince__c")
    ('property contract end', 'customer since c')
    """
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", name)).lower().split())


def proposed(question: Question, columns: Sequence[str]) -> str | None:
    """Return the column that a question is about; None where none of them is, or several are."""
    about = [
        column
        for column in columns
        if any(re.search(rf"\b{re.escape(part)}", words_of(column)) for part in question.about)
    ]
    return about[0] if len(about) == 1 else None


def samples(space: Workspace, file: OpenFile, column: str) -> str:
    """Return some values of a column, those of its first rows."""
    place = file.head.position([column])
    if place is None:
        return "no value"
    rows = space.connection.execute(
        f"SELECT trim(c{place}) FROM {file.relation} WHERE trim(c{place}) <> '' LIMIT {SAMPLES}"
    ).fetchall()
    return ", ".join(repr(shortened(value)) for (value,) in rows) or "no value"
