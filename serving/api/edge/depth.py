"""How deeply a JSON body is nested, and whether a member stands twice, before a parser sees it.

The first costs a microsecond a kilobyte, the speed of `bytes.replace`: the check removes the strings, then the
innermost pairs of brackets, one level per round, for as many rounds as the limit has levels. It need not recognise
invalid JSON exactly; it only has to ensure that a parser opens no more levels than the limit allows before it stops.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Both kinds of bracket count as one; a parser refuses mixed-up brackets, but at no greater depth.
_ALIKE = bytes.maketrans(b"{}", b"[]")
_DELETED = bytes(set(range(256)) - set(b'[]{}"'))
_ESCAPED = re.compile(rb'\\["\\]')
_STRING = re.compile(rb'"[^"]*(?:"|$)')


def too_deep(body: bytes, limit: int) -> bool:
    """Whether a body opens more levels than the limit.

    Examples
    --------
    >>> too_deep(b'{"a": [1, "[[["]}', 2), too_deep(b'{"a": [[]]}', 2)
    (False, True)
    """
    brackets = _brackets(body)
    for level in range(limit + 1):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            # No pairs are left: a parser stops at the first closing bracket. Until then it has opened the brackets
            # before it, and below the last of them the levels that were removed.
            return len(inner) - len(inner.lstrip(b"[")) + level > limit
        brackets = inner
    return True


def stands_twice(body: bytes, name: str) -> bool:
    """Whether the object of a body has a member of this name twice; of a body that is no object, or broken, False.

    Only a body that holds the name twice anywhere is parsed for it.

    Examples
    --------
    >>> stands_twice(b'{"a": 1, "a": 2}', "a"), stands_twice(b'{"a": 1, "b": {"a": 2}}', "a")
    (True, False)
    """
    if body.count(f'"{name}"'.encode()) < 2:
        return False
    names: list[str] = []

    def last(pairs: list[tuple[str, Any]]) -> None:
        names[:] = [key for key, _ in pairs]  # A parser ends the outermost object last.

    try:
        json.loads(body, object_pairs_hook=last)
    except (ValueError, RecursionError):
        return False
    return names.count(name) > 1 and body.lstrip()[:1] == b"{"


def _brackets(body: bytes) -> bytes:
    """Return the brackets outside of strings."""
    kept = _ESCAPED.sub(b"", body).translate(_ALIKE, _DELETED)
    # Most strings hold no bracket, so their quotes are adjacent. The others are rare enough for a regular expression.
    kept = kept.replace(b'""', b"")
    return _STRING.sub(b"", kept) if b'"' in kept else kept
