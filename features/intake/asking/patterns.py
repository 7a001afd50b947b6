"""Names of files that differ in a number or a month become one pattern, so that next month's file is read, too.

In: the names of the files of one kind, and those of all other files of the folder, which no pattern may fit. Out:
patterns of the mapping language.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase

#: A number, or the name of a month in German or English.
PART = re.compile(
    r"(\d+|(?<![a-zä])(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|mär(?:z)?|maerz|apr(?:il)?|may|mai|june?|juni|"
    r"july?|juli|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)(?![a-zä]))",
    re.IGNORECASE,
)
#: Digits of a number that holds a year, which changes even where all files are of one.
YEAR_DIGITS = 4


def escaped(name: str) -> str:
    """Return a pattern that fits one name."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def patterns(names: Sequence[str], others: Collection[str]) -> list[str]:
    """Return patterns that fit all names and none of the others; a name that stands alone is its own.

    Examples
    --------
    >>> patterns(["journal_2024.csv", "journal_2025.csv", "customers.csv"], ["tickets_2025.csv"])
    ['journal_[0-9]*.csv', 'customers.csv']
    """
    return list(by_pattern(names, others))


def by_pattern(names: Sequence[str], others: Collection[str]) -> dict[str, list[str]]:
    """Return the names that each of these patterns fits."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        alike.setdefault(tuple(PART.split(name)[::2]), []).append(name)
    fitting: dict[str, list[str]] = {}
    for group in alike.values():
        pattern = "".join(_pieces(group))
        if len(group) == 1 or any(fnmatchcase(other, pattern) for other in others):
            fitting |= {escaped(name): [name] for name in group}
        else:
            fitting[pattern] = group
    return fitting


def _pieces(group: Sequence[str]) -> Iterator[str]:
    for place, texts in enumerate(zip(*(PART.split(name) for name in group), strict=True)):
        first = texts[0]
        changes = place % 2 and (len(set(texts)) > 1 or (first.isdigit() and len(first) >= YEAR_DIGITS))
        digits = all(text.isdigit() for text in texts)
        yield ("[0-9]*" if digits else "*") if changes else escaped(first)
