"""Checks what somebody wants to store: texts of a form or a request go in, a step or feedback comes out, or all faults.

A fault names a text of the pages' catalogue and the field; the API and the pages put it in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, get_args

from serving.acting.acting_tables import Kind, Verdict
from serving.acting.acts import NewFeedback, NewStep

LONGEST = {"what": 500, "owner": 200, "text": 2000}
KINDS: tuple[str, ...] = get_args(Kind)
VERDICTS: tuple[str, ...] = get_args(Verdict)
#: How much of a wrong value is quoted.
QUOTED = 60


@dataclass(frozen=True)
class Wrong:
    """One fault: the field (`place`), the code of its text, and what the text quotes."""

    place: str
    code: str
    quoted: Mapping[str, Any] = field(default_factory=dict)


def step_of(sent: Mapping[str, str | None], not_before: date | None = None) -> tuple[NewStep | None, tuple[Wrong, ...]]:
    """Return the step that was sent, or every fault of it; one that is due before `not_before` is a fault."""
    what, owner, kind = (_clean(sent.get(name)) for name in ("what", "owner", "kind"))
    due_on, faults = _date(_clean(sent.get("due_on"))), [*_missing(what, owner), *_long(what=what, owner=owner)]
    if not _clean(sent.get("due_on")):
        faults.append(Wrong("due_on", "due_missing"))
    elif due_on is None:
        faults.append(Wrong("due_on", "no_due", {"value": _clean(sent.get("due_on"))[:QUOTED]}))
    elif not_before is not None and due_on < not_before:
        faults.append(Wrong("due_on", "due_in_the_past", {"value": due_on.isoformat()}))
    if kind not in KINDS:
        faults.append(Wrong("kind", "no_kind", {"value": kind[:QUOTED], "known": ", ".join(KINDS)}))
    if faults or due_on is None:
        return None, tuple(faults)
    return NewStep(kind, what, owner, due_on), ()  # type: ignore[arg-type]


def feedback_of(sent: Mapping[str, str | None]) -> tuple[NewFeedback | None, tuple[Wrong, ...]]:
    """Return the feedback that was sent, or every fault of it; who disagrees says why."""
    verdict, text = (_clean(sent.get(name)) for name in ("verdict", "text"))
    faults = list(_long(text=text))
    if verdict not in VERDICTS:
        faults.append(Wrong("verdict", "no_verdict", {"value": verdict[:QUOTED]}))
    if not text and verdict in ("wrong", "note"):
        faults.append(Wrong("text", "no_reason" if verdict == "wrong" else "no_note"))
    return (None, tuple(faults)) if faults else (NewFeedback(verdict, text or None), ())  # type: ignore[arg-type]


def _missing(what: str, owner: str) -> list[Wrong]:
    return [Wrong(name, f"no_{name}") for name, value in (("what", what), ("owner", owner)) if not value]


def _long(**values: str) -> list[Wrong]:
    return [
        Wrong(name, "too_long", {"value": f"{value[:QUOTED]}…", "most": LONGEST[name]})
        for name, value in values.items()
        if len(value) > LONGEST[name]
    ]


def _clean(value: str | None) -> str:
    """Return a text without characters that no reader sees, line ends aside."""
    return "".join(each for each in value or "" if each.isprintable() or each == "\n").strip()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
