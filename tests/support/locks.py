"""The lock files: what is pinned, with its version and the hashes that a download must have."""

from __future__ import annotations

import re


def pins(text: str) -> set[tuple[str, str, frozenset[str]]]:
    """Return name, version and hashes of everything that a file of requirements pins; a repeated pin counts once."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        pinned = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if pinned:
            hashes = frozenset(re.findall(r"--hash=(\S+)", line))
            key = pinned[1], pinned[2]
            found[key] = found.get(key, frozenset()) | hashes
    return {(name, version, hashes) for (name, version), hashes in found.items()}
