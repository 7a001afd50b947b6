"""What a refused value looks like, so that a message can say what to change.

In: the texts that a column refuses, with the number of rows of each. Out: a sentence that tells the forms apart, as
"looks like '1.332,33' (a decimal comma)"; nothing where no form is recognised.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from features.schema import Kind

Forms = tuple[tuple[re.Pattern[str], str], ...]
MOST_FORMS = 3


def _forms(*pairs: tuple[str, str]) -> Forms:
    return tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in pairs)


_NOTHING = (r"n/?a|null|none|nil|nan|nat|-+|–|\?+|k\.? ?a\.?|unbekannt|unknown", "a word for nothing; leave it empty")
_NUMBERS = _forms(
    (r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}", "commas between thousands"),
    (r"[+-]?\d{1,3},\d{3}", "a comma before decimals or between thousands"),
    (r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+", "a decimal comma"),
    (r"[+-]?\d{1,3}(\.\d{3}){2,}", "points between thousands"),
    # Refused only where a mapping says that a comma is meant.
    (r"[+-]?\d+\.\d+", "a decimal point"),
    (r"[+-]?\d{1,3}([ \u00a0\u202f'’]\d{3})+([.,]\d+)?", "blanks or strokes between thousands"),
    (r"\(.*\d.*\)", "brackets for a minus"),
    (r".*\d ?-", "a minus at the end"),
    (r".*\d.*%", "a percent sign"),
    (r"(?=.*\d).*([€$£¥]|\b[a-z]{3}\b).*", "a currency beside the number"),
    _NOTHING,
)
_WHOLE = _forms(
    (r"[+-]?\d+[.,]\d*[1-9]\d*", "a number with decimals"),
    (r"\d+ ?/ ?\d+", "a share of the scale, as 9/10"),
    _NOTHING,
)
_FLAGS = _forms((r"ja|nein|j|wahr|falsch|oui|non|s[ií]|x", "another word for true or false"), _NOTHING)
_TIMES = _forms(
    (r"\d{1,2}\.\d{1,2}\.(\d{4}|\d{2})\b.*", "the day first"),
    (r"(1[3-9]|2\d|3[01])[/-]\d{1,2}[/-]\d{4}\b.*", "the day first"),
    (r"\d{1,2}[/-](1[3-9]|2\d|3[01])[/-]\d{4}\b.*", "the month first"),
    (r"\d{1,2}[/-]\d{1,2}[/-]\d{4}\b.*", "the day or the month first"),
    (r"\d{1,2}[/-]\d{1,2}[/-]\d{2}", "a year of two digits"),
    (r"(19|20|21)\d{6}", "no dashes"),
    (r"\d{19}", "nanoseconds since 1970"),
    (r"\d{16}", "microseconds since 1970"),
    (r"\d{13}", "milliseconds since 1970"),
    (r"\d{9,10}(\.\d+)?", "seconds since 1970"),
    (r"[2-6]\d{4}(\.\d+)?", "the day number of a spreadsheet"),
    (r"(0000|0001|1000|9999)\b.*", "a placeholder for no date; leave it empty"),
    (r"(?=.*\d{4}).*\b(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*\b.*", "a month in words"),
    _NOTHING,
)
_FORMS: Mapping[Kind, Forms] = {
    Kind.NUMBER: _NUMBERS,
    Kind.INTEGER: _WHOLE + _NUMBERS,
    Kind.FLAG: _FLAGS,
    Kind.DATE: _TIMES,
    Kind.INSTANT: _TIMES,
}
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d).*")


def form_of(kind: Kind, text: str) -> str | None:
    """Return the form of a value that cannot be read as `kind`; None where it is like nothing known.

    Examples
    --------
    >>> form_of(Kind.NUMBER, "1.332,33"), form_of(Kind.DATE, "31.12.2025"), form_of(Kind.DATE, "2025-31-12")
    ('a decimal comma', 'the day first', 'the day before the month')
    """
    stripped = text.strip()
    for pattern, name in _FORMS.get(kind, ()):
        if pattern.fullmatch(stripped):
            return name
    return _iso_form(stripped) if kind.is_time else None


def _iso_form(text: str) -> str | None:
    """Return what is wrong with a value that has the form of a date: its month, its day or its time."""
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[place]) for place in (1, 2, 3))
    if month > 12 >= day >= 1:
        return "the day before the month"
    try:
        date(year, month, day)
    except ValueError:
        return "no day of the calendar"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return "no time of the day"
    return None


def told_apart(kind: Kind, refused: Iterable[tuple[str, int]]) -> str:
    """Return a sentence on the forms of refused values; empty where none is recognised.

    Parameters
    ----------
    kind : Kind
        What the column holds.
    refused : iterable of (text, rows)
        Distinct values, the most frequent first.

    Examples
    --------
    >>> told_apart(Kind.NUMBER, [("1,5", 3), ("7,25", 1)])
    "looks like '1,5' (a decimal comma)"
    >>> told_apart(Kind.NUMBER, [("1,5", 3), ("7 EUR", 2), ("?!", 1)])
    "3 look like '1,5' (a decimal comma), 2 like '7 EUR' (a currency beside the number)"
    """
    rows: Counter[str | None] = Counter()
    example: dict[str | None, str] = {}
    for text, count in refused:
        form = form_of(kind, text)
        rows[form] += count
        example.setdefault(form, text)
    told = [form for form, _ in rows.most_common() if form is not None][:MOST_FORMS]
    if not told:
        return ""
    if len(rows) == 1:
        return f"looks like {example[told[0]]!r} ({told[0]})"
    parts = [f"{rows[form]} like {example[form]!r} ({form})" for form in told]
    return ", ".join(parts).replace(" like ", " looks like " if rows[told[0]] == 1 else " look like ", 1)
