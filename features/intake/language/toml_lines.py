"""The lines of a TOML file by place: its text goes in, the line of every section and key comes out, for messages.

And a value as TOML writes it.

`tomllib` gives values without their lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

_SECTION = re.compile(r"^\s*(\[{1,2})\s*([^\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*([\w."'-]+)\s*=""")
Place = tuple[str | int, ...]


def lines_of(text: str) -> dict[Place, int]:
    """Return the line of every section and key; parts of one table count from 0."""
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    section: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if head := _SECTION.match(line):
            names: Place = tuple(re.findall(r'"[^"]*"|[\w-]+', head[2]))
            names = tuple(str(name).strip('"') for name in names)
            if head[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
                section = (*names, counts[names])
            else:
                parent = next((names[:end] for end in range(len(names), 0, -1) if names[:end] in counts), ())
                section = (*parent, counts[parent], *names[len(parent) :]) if parent else names
            found.setdefault(section, number)
        elif key := _KEY.match(line):
            names = tuple(name.strip("\"'") for name in re.findall(r'"[^"]*"|[\w-]+', key[1]))
            found.setdefault((*section, *names), number)
    return found


def line_of(lines: Mapping[Place, int], place: Sequence[str | int]) -> int | None:
    """Return the line of a place, of the first thing in it, or of the nearest thing around it."""
    for end in range(len(place), 0, -1):
        outer = tuple(place[:end])
        if outer in lines:
            return lines[outer]
        inner = [line for found, line in lines.items() if found[:end] == outer]
        if inner:
            return min(inner)
    return None


def inline(value: Any) -> str:
    """Return a value as TOML writes it in one line.

    Examples
    --------
    >>> inline({"let": "account", "map": {"8400": "0.19"}})
    '{ "let" = "account", "map" = { "8400" = "0.19" } }'
    """
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(name), ensure_ascii=False)} = {inline(each)}" for name, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
