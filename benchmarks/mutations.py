"""Requests that are nearly right: a valid body of predictions, broken in one to four places; seeded.

Half of them are changed as JSON (a value becomes another, a field is dropped, doubled, renamed, moved or nested), half
as bytes (turned, cut out, put in, cut off, doubled). Used by a test with a few hundred and by a benchmark with ten
thousand.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Place = tuple[Any, Any]
#: What may stand where something else is expected.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10, 11, 7.5, 1e15, 1e16, 1e308, 2**31, 2**63, 2**64, -(2**70), 10**400,
    float("nan"), float("inf"), float("-inf"), "", " ", "0", "NaN", "null", "true", "\x00", "A\x00B", "\ud800",
    "\udfff\ud800", "😀", "\u202e", "e\u0301", "'; DROP TABLE accounts; --", "../..", "%00", "<script>", "{{7*7}}",
    "a" * 70_000,
    "2026-01-01", "2026-02-30", "0001-01-01", "9999-12-31", "1899-12-31", "2200-01-01", "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00+14:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-01T24:00:00Z",
    "2026-W01-1", "20260101", "now", "relationship", "critical", "frontline", [], {}, [None], [[]], {"": None},
    {"account_id": "A"}, [1, "a", None, {}], {"$ref": "#/"}, {"__proto__": {}}, {"__class__": "x"},
)  # fmt: skip
NAMES = (
    "",
    "account",
    "accounts",
    "invoices",
    "as_of",
    "account_id",
    "amount",
    "x" * 300,
    "\x00",
    "\ud800",
    "__class__",
)
SNIPPETS = (b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"-",
            b"[" * 40, b'{"a":' * 40, b"null", b"NaN", b"1e999", b"9" * 5000, b"\\u0000", b"\\ud800")  # fmt: skip


def mutated(body: Json, count: int, seed: int) -> Iterator[bytes]:
    """Yield so many broken requests, the same for the same seed.

    Parameters
    ----------
    body : dict
        A valid body of POST /v1/predictions; it is left as it is.
    """
    chance = random.Random(seed)
    whole = json.dumps(body).encode()
    for _ in range(count):
        changes = chance.randint(1, 4)
        if chance.random() < 0.5:
            found = copy.deepcopy(body)
            for _ in range(changes):
                found = _restructured(found, chance)
            yield json.dumps(found, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")
        else:
            broken = whole
            for _ in range(changes):
                broken = chance.choice(BYTES)(broken, chance)
            yield broken


def _restructured(body: Any, chance: random.Random) -> Any:
    places = list(_places(body))
    if not places or chance.random() < 0.02:
        return copy.deepcopy(chance.choice(ODD))
    container, key = chance.choice(places)
    chance.choice(STRUCTURES)(container, key, places, chance)
    return body


def _places(node: Any) -> Iterator[Place]:
    """Yield every (container, key) of a value."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield node, key
        yield from _places(value)


def _replace(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    container[key] = copy.deepcopy(chance.choice(ODD))


def _drop(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    del container[key]


def _rename(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    if isinstance(container, dict):
        container[chance.choice(NAMES)] = container.pop(key)


def _double(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    if isinstance(container, list):
        container.extend([copy.deepcopy(container[key])] * chance.choice((1, 2, 150)))


def _nest(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 20, 60))):
        container[key] = [container[key]] if chance.random() < 0.5 else {"a": container[key]}


def _move(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    other, place = chance.choice(places)
    container[key] = copy.deepcopy(other[place])


def _add(container: Any, key: Any, places: list[Place], chance: random.Random) -> None:
    if isinstance(container, dict):
        container[chance.choice(NAMES)] = copy.deepcopy(chance.choice(ODD))


def _turn(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) or 1)
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _cut(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) or 1)
    return body[:at] + body[at + chance.choice((1, 2, 10, 500)) :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) or 1)
    return body[:at] + chance.choice(SNIPPETS) + body[at:]


def _end(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) or 1)]


def _repeat(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) or 1)
    return body[:at] + body[at : at + 200] * 2 + body[at + 200 :]


STRUCTURES: tuple[Callable[[Any, Any, list[Place], random.Random], None], ...] = (
    _replace, _replace, _replace, _drop, _rename, _double, _nest, _move, _add,
)  # fmt: skip
BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_turn, _turn, _cut, _insert, _insert, _end, _repeat)
