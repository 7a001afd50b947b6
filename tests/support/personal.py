"""Names, numbers and addresses of simulated contacts, and where they stand in what is written or sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq

#: Every simulated address and number looks like these; nothing else in our files does.
SIMULATED = (re.compile(rb"[a-z]@[a-z0-9.-]+\.example"), re.compile(rb"\+49 30 23125 \d{3}"))


def leaks(content: bytes, names: tuple[bytes, ...]) -> list[bytes]:
    """Return the addresses and numbers in a content, and those of the names that it has."""
    hits = [found.group() for pattern in SIMULATED for found in pattern.finditer(content)]
    return hits + [name for name in names if name in content]


def names_in(book_folder: Path) -> tuple[bytes, ...]:
    """Return fifty of the names in a simulated book, which holds addresses and numbers too."""
    contacts = pq.read_table(book_folder / "contacts.parquet")
    assert all(contacts[name].null_count < len(contacts) / 5 for name in ("name", "email", "phone"))
    assert leaks(json.dumps(contacts["email"].to_pylist()).encode(), ())
    return tuple(name.encode() for name in contacts["name"].drop_null().unique().to_pylist()[:50])
