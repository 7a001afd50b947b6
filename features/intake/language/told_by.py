"""Where a mapping says how a column is read, and what it says there, as the ends of messages."""

from __future__ import annotations

from features.intake.language.mapping_model import Part
from features.schema import Column, Kind


def at_answers(part: Part, name: str) -> str:
    """Return the answers at which the reading of a column is to be changed."""
    answers = _answers(part, name)
    return f" (to be changed at {answers})" if answers else ""


def reading(part: Part, name: str, kind: Kind) -> str:
    """Return how the mapping says that a column is read; the columns of a `let` say it there."""
    value, answers = part.columns[name], _answers(part, name)
    form = " or ".join(value.date) if value.date else "iso" if kind.is_time else f"decimal {value.decimal!r}"
    if value.let is not None or value.first_of is not None or value.epoch is not None:
        form = ""
    told = ", ".join(each for each in (form, f"to be changed at {answers}" if answers else "") if each)
    return f" ({told})" if told else ""


def whole_number(part: Part, column: Column, made: str) -> str:
    """Return that a column takes whole numbers, and what the mapping makes of one of its texts."""
    value = part.columns[column.name]
    by = " and ".join(name for name in ("map", "divide_by", "minus", "tax_rate") if name in value.model_fields_set)
    limits = "" if column.low is None or column.high is None else f" from {column.low:g} to {column.high:g}"
    told = f"; the mapping ({by}) gives {made}" if by else f"; found {made}"
    scale = ": map every step of another scale to a whole number" if limits else ""
    return f"{column.name} is a whole number{limits}{told}{scale}{at_answers(part, column.name)}"


def _answers(part: Part, name: str) -> str:
    return " and ".join(f"answers.{each}" for each in part.told_by.get(name, ()))
