"""A mapping file is read strictly: every key that is not known, every question without an answer, with its line.

In: the text of a TOML file. Out: `Mapping`, or `InvalidTables` with every problem. A text "$name" anywhere stands for
the answer of that name; "?" is no answer yet.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from features.book_facts import book_known
from features.errors import InvalidTables, Problem
from features.intake.language.mapping_model import BESIDES, IDENTITIES, RATES, TASKS, Mapping, Part, Value, columns_of
from features.intake.language.refusals import dotted, is_of_model, perhaps, refusals, with_line
from features.intake.language.toml_lines import Place, line_of, lines_of
from features.schema import Kind
from features.tables import TABLES

OPEN = "?"
#: What a zone may be beside a name of the IANA data base: as the file says, or as the day stands.
OTHER_ZONES = ("file", "day")


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file in which everything is right.

    Raises
    ------
    InvalidTables
        With every problem: those of `open_mapping`, raised or returned.
    """
    mapping, problems = open_mapping(path)
    if problems:
        raise InvalidTables(problems)
    return mapping


def open_mapping(path: Path) -> tuple[Mapping, list[Problem]]:
    """Read a mapping file, with what is wrong in single parts of it; the others can be run to find what is wrong there.

    Returns
    -------
    Mapping, list of Problem
        A table, source or column that is not known, an instant without a zone.

    Raises
    ------
    InvalidTables
        With every problem of what is no TOML, a key that is not known, a value of another kind, a question without an
        answer.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidTables([Problem(path.name, "", f"cannot be read: {error}")]) from error
    lines = lines_of(text)
    problems = [
        Problem(
            path.name, f"answers.{name}", f"line {line_of(lines, ('answers', name))}: the question has no answer yet"
        )
        for name, answer in raw.get("answers", {}).items()
        if answer == OPEN
    ]
    problems += [
        Problem(path.name, "answers", f"the mapping asks for ${name}, which has no answer")
        for name in sorted(_asked(raw) - set(raw.get("answers", {})))
    ]
    _name_answers(raw)
    answered = {name: _answered(value, raw.get("answers", {})) for name, value in raw.items() if name != "answers"}
    answered["answers"] = raw.get("answers", {})
    answered["tables"] = _wanted(answered.get("tables", {}))
    answered |= {name: _with_answer(answered[name]) for name in BESIDES if name in answered}
    mapping, refused = _validated(path.name, answered, lines, raw)
    unsound = [] if mapping is None else [Problem(path.name, dotted(at), rule) for at, rule in _unsound(mapping)]
    empty = " and ".join(f"answers.{name}" for name in sorted(_conditions(raw)) if answered["answers"].get(name) == "")
    if empty and mapping is not None and not (mapping.tables or mapping.identities):
        unsound = [replace(each, rule=f'{each.rule}, and {empty} with "" leave none') for each in unsound]
    found = [with_line(problem, lines) for problem in unsound]
    if mapping is None or problems or refused:
        # A question without an answer is told once, and not again as what it makes wrong.
        others = [*refused, *(each for each in found if f"'{OPEN}'" not in each.rule)]
        raise InvalidTables([*problems, *others])
    return mapping, found


def _validated(
    name: str, answered: dict[str, Any], lines: dict[Place, int], raw: dict[str, Any]
) -> tuple[Mapping | None, list[Problem]]:
    """Return the mapping without the keys that nobody knows, None where more is wrong with it; and what is wrong."""
    try:
        return Mapping.model_validate(answered), []
    except ValidationError as error:
        refused = list(refusals(name, error, lines, raw))
        unknown = [wrong["loc"] for wrong in error.errors() if wrong["type"] == "extra_forbidden"]
        if unknown and len(unknown) == error.error_count():
            with suppress(ValidationError, KeyError):
                return Mapping.model_validate(_without(answered, unknown)), refused
        return None, refused


def _without(answered: dict[str, Any], places: Sequence[tuple[int | str, ...]]) -> dict[str, Any]:
    """Return the values of a mapping without some keys."""
    kept = deepcopy(answered)
    for *outer, last in places:
        inside: Any = kept
        for key in outer:
            if not is_of_model(key):
                inside = inside[key]
        del inside[last]
    return kept


def _answered(value: Any, answers: dict[str, Any]) -> Any:
    """Return a value in which each text "$name" is the answer of that name; one that nobody asked for stays."""
    if isinstance(value, dict):
        return {name: _answered(item, answers) for name, item in value.items()}
    if isinstance(value, list):
        return [_answered(item, answers) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        return answers.get(value[1:], value)
    return value


def _name_answers(raw: dict[str, Any]) -> None:
    """Put beside the columns of each part the answers that they rest on, before those take their place."""
    tables = raw.get("tables", {})
    for parts in tables.values() if isinstance(tables, dict) else ():
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("columns"), dict) and "told_by" not in part:
                part["told_by"] = {name: sorted(_asked(value)) for name, value in _named_values(part)}


def _named_values(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a part, its named values and its filters, as `told_by` calls them."""
    yield from part["columns"].items()
    lets, rules = part.get("let"), part.get("leave_out")
    yield from ((f"let.{name}", value) for name, value in (lets if isinstance(lets, dict) else {}).items())
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            yield f"leave_out.{rule.get('reason')}", rule


def _wanted(tables: Any) -> Any:
    """Return the tables without the parts whose answer is empty: a table that no part fills is not known."""
    if not isinstance(tables, dict):
        return tables
    return {name: kept for name, parts in tables.items() if (kept := _with_answer(parts)) != []}


def _with_answer(parts: Any) -> Any:
    """Return the parts of a table without those whose answer is empty."""
    if not isinstance(parts, list):
        return parts
    return [part for part in parts if not (isinstance(part, dict) and part.get("only_with") == "")]


def _conditions(value: Any) -> set[str]:
    """Return the names of the answers without which a part is left out."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = _asked(value.get("only_with")) if isinstance(value, dict) else set[str]()
    return own.union(*map(_conditions, inner))


def _asked(value: Any) -> set[str]:
    """Return the names of the answers that a value asks for."""
    if isinstance(value, dict):
        return set().union(*map(_asked, value.values()))
    if isinstance(value, list):
        return set().union(*map(_asked, value))
    return {value[1:]} if isinstance(value, str) and re.fullmatch(r"\$[a-z]\w*", value) else set()


def _unsound(mapping: Mapping) -> Iterator[tuple[Place, str]]:
    """Yield what the models cannot see: names that must be known, and times without a zone."""
    for table in mapping.tables:
        if table not in TABLES:
            yield ("tables", table), f"the contract has no such table{perhaps(table, TABLES)}"
    for table, place, part in parts_of(mapping):
        if part.source not in mapping.sources:
            yield (*place, "from"), f"there is no source {part.source!r}{perhaps(part.source, mapping.sources)}"
        kinds = columns_of(table)
        for column, value in part.columns.items():
            if column not in kinds:
                yield (*place, "columns", column), f"{table} has no such column{perhaps(column, kinds)}"
                continue
            yield from (((*place, "columns", column), rule) for rule in _rate_problems(part, column))
            if kinds[column] is Kind.INSTANT:
                yield from (((*place, "columns", column), rule) for rule in _zone_problems(value))
        if part.order is not None and part.orders_by_time:
            yield from (((*place, "order"), rule) for rule in _zone_problems(part.order))
    yield from _undeclared(mapping)
    for problem in book_known(mapping.known)[1]:
        yield ("known", *problem.column.split(".")), problem.rule


def _rate_problems(part: Part, column: str) -> Iterator[str]:
    """Yield what is wrong with a tax rate that the mapping names: 19 % is 0.19. Those of rows are judged with them."""
    value, lets = part.columns[column], dict(part.let)
    while value.let in lets and value.tax_rate is None:
        value = lets.pop(value.let)
    if isinstance(value.tax_rate, float) and not 0 <= value.tax_rate < 1:
        told = " and ".join(f"answers.{each}" for each in part.told_by.get(column, ()))
        changed = f" (to be changed at {told})" if told else ""
        yield f"a tax rate from 0 to below 1 is expected: 0.19 is 19 %; found {value.tax_rate:g}{changed}"


def _undeclared(mapping: Mapping) -> Iterator[tuple[Place, str]]:
    """Yield what one section needs of another."""
    if not (mapping.tables or mapping.identities):
        yield ("tables",), "at least one table is expected"
    if mapping.rates and mapping.book.currency is None:
        yield ("book",), "rates need the currency of the book: currency = 'EUR'"
    if mapping.derived.loops is not None and ("surveys" not in mapping.tables or "loops" in mapping.tables):
        yield ("derived", "loops"), "loops are made of surveys, where no source has loops"


def parts_of(mapping: Mapping) -> Iterator[tuple[str, Place, Part]]:
    """Yield every part with its table and its place in the file; tables that the contract lacks are passed over."""
    for table, parts in mapping.tables.items():
        if table in TABLES:
            yield from ((table, ("tables", table, place), part) for place, part in enumerate(parts))
    for name, others in ((IDENTITIES, mapping.identities), (RATES, mapping.rates), (TASKS, mapping.tasks)):
        yield from ((name, (name, place), part) for place, part in enumerate(others))


def _zone_problems(value: Value) -> Iterator[str]:
    if value.first_of is not None and value.zone is None and value.epoch is None:
        for choice in value.first_of:
            yield from _zone_problems(choice)
    elif value.zone is None and value.first_of is not None:
        return
    elif value.epoch is None and value.zone is None and value.constant is None and value.let is None:
        yield "an instant needs a zone: a name such as 'Europe/Berlin', 'UTC', 'file' or 'day'"
    elif value.zone is not None and value.zone not in OTHER_ZONES and value.zone not in available_timezones():
        yield f"unknown zone {value.zone!r}{perhaps(value.zone, available_timezones())}"
