"""What the models of a mapping refuse, in words, with the line and what was perhaps meant there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from typing import Any

from pydantic import BaseModel, ValidationError

from features.errors import Problem
from features.intake.language.mapping_model import (
    BookPlan,
    Cell,
    Condition,
    Derived,
    DerivedLoops,
    LeaveOut,
    Mapping,
    Part,
    SourceFiles,
    Value,
)
from features.intake.language.toml_lines import Place, line_of
from features.validation.names import near

#: With these begins a text that is no answer yet, or asks for one.
UNANSWERED = ("?", "$")
#: What is told of a bare number or flag where a value of a row is expected.
FORM_OF_VALUE = 'a heading or a value in braces is expected, as {{ constant = "{}" }}'
#: What is told of a text where a list is expected, as an empty answer.
LIST = 'a list of texts is expected, as ["closed won"]'
SPAN = "a list of two numbers is expected, the first and the last, as [8000, 8999]"
#: What a mapping may say anywhere.
KEYS = frozenset(
    field.alias or name for model in (Mapping, BookPlan, SourceFiles, Part, LeaveOut, Value)
    for name, field in model.model_fields.items() if name != "told_by"
)  # fmt: skip
#: The models below a key; below another key of a part or a value stands a value.
INSIDE: dict[str, type[BaseModel]] = {
    "book": BookPlan, "sources": SourceFiles, "derived": Derived, "loops": DerivedLoops, "leave_out": LeaveOut,
    "only_when": Condition, "negative_when": Condition, "cell": Cell, "year_from": Cell,
    "tables": Part, "identities": Part, "rates": Part, "tasks": Part,
}  # fmt: skip
VALUES = (
    "columns",
    "let",
    "when",
    "order",
    "absorbed",
    "taxed_by",
    "first_of",
    "join",
    "minus",
    "key",
    "tax_rate",
    "divide_by",
)


def refusals(
    name: str, error: ValidationError, lines: dict[Place, int], raw: MappingOf[str, Any] | None = None
) -> Iterator[Problem]:
    """Yield a problem for each thing that the models refuse, but for questions without an answer.

    Parameters
    ----------
    name : str
        Of the file.
    error : ValidationError
    lines : dict of Place to int
    raw : mapping of str to Any, optional
        The file with its `"$name"`: the answer that is refused is then named.
    """
    for wrong in error.errors(include_url=False):
        value = wrong["input"]
        if wrong["type"] != "extra_forbidden" and isinstance(value, str) and value.startswith(UNANSWERED):
            continue
        place = tuple(item for item in wrong["loc"] if not is_of_model(item))
        rule = wrong["msg"].removeprefix("Value error, ")
        if wrong["type"] == "extra_forbidden":
            rule = f"unknown key{_meant(place)}"
        if wrong["type"] == "tuple_type":
            rule = SPAN if place[-1] == "between" else LIST
        if "instance of Value" in rule and isinstance(value, (int, float)):
            rule = FORM_OF_VALUE.format(str(value).lower())
        is_plain = isinstance(value, (str, int, float, bool)) and not str(value).startswith(UNANSWERED)
        shown = f", found {value!r}" if is_plain and "found" not in rule else ""
        answer = _answer(raw or {}, place, value)
        changed = f" (to be changed at answers.{answer})" if answer else ""
        yield with_line(Problem(name, dotted(place), f"{rule}{shown}{changed}"), lines)


def _answer(raw: MappingOf[str, Any], place: Sequence[str | int], value: Any) -> str | None:
    """Return the name of the answer that stands at a place and has this value."""
    inside: Any = raw
    for item in place:
        try:
            inside = inside[item]
        except (KeyError, IndexError, TypeError):
            return None
    name = inside[1:] if isinstance(inside, str) and inside.startswith("$") else None
    return name if name is not None and raw.get("answers", {}).get(name) == value else None


def is_of_model(item: Any) -> bool:
    """Return whether an item of a place names a way in which the models read a value, and no key of the file."""
    return str(item).startswith(("function-", "constrained-", "Value", "float", "bool", "tuple["))


def _meant(place: Sequence[str | int]) -> str:
    """Return which key was perhaps meant: one of those that may stand there, or else anywhere."""
    own = str(place[-1])
    return perhaps(own, _keys_in(place[:-1])) or perhaps(own, KEYS - {own})


def _keys_in(place: Sequence[str | int]) -> frozenset[str]:
    """Return the keys that may stand at a place."""
    model: type[BaseModel] = Mapping
    for item in place:
        model = Value if item in VALUES else INSIDE.get(str(item), model)
    return frozenset(field.alias or name for name, field in model.model_fields.items() if name != "told_by")


def perhaps(name: str, known: Collection[str]) -> str:
    """Return the name that was perhaps meant, as the end of a message."""
    meant = near(name, known)
    return f"; did you mean {meant!r}?" if meant else ""


def dotted(place: Sequence[str | int]) -> str:
    """Return a place of the file as messages have it."""
    return ".".join(str(item) for item in place)


def with_line(problem: Problem, lines: dict[Place, int]) -> Problem:
    """Return a problem with the line of its place before its rule."""
    place = tuple(int(item) if item.isdigit() else item for item in problem.column.split("."))
    line = line_of(lines, place)
    return problem if line is None else Problem(problem.table, problem.column, f"line {line}: {problem.rule}")
