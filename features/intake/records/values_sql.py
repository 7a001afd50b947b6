"""A value of the mapping becomes SQL over the columns of one file.

In: a `Value` and the `Head` of the file. Out: SQL of its text, and of the typed value. A column that the file lacks is
a problem, and null in the SQL, so that one pass finds every problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from features.errors import Problem
from features.intake.files.heads import Head
from features.intake.language.mapping_model import READING, Condition, Value
from features.intake.language.typed_sql import (
    TYPES,
    condition_sql,
    first_sql,
    long_id_sql,
    number_sql,
    quoted,
    texts_sql,
    trimmed,
    typed_sql,
    whole_sql,
)
from features.schema import Kind
from features.tables import TABLES
from features.validation.names import meant, near

NOTHING = "CAST(NULL AS VARCHAR)"
_STEP = re.compile(r"\b_v\d+\b")
#: What the SQL of a value names that asks for more than the cells of its row.
_OTHER_ROWS = re.compile(r"\brow\b|\bOVER\b|\bAS looked\b")
#: A column, a step or a number: as short as its name would be.
_SHORT = re.compile(r"_?[cv]\d+|[\d.]+")


@dataclass
class FileValues:
    """The values of one file, as one part of the mapping takes them.

    Attributes
    ----------
    file : str
        Its name, for messages.
    head : Head
    named : mapping of str to Value
        What `let` of the part names.
    problems : list of Problem
        Filled with what the file lacks.
    repeated : dict of str to int
        Filled with the headings that stand several times, of which the first counts.
    earlier : mapping of str to sequence of str
        The stored tables of the parts that were run before, by table: what `lookup` looks into.
    """

    file: str
    head: Head
    named: Mapping[str, Value]
    problems: list[Problem]
    earlier: Mapping[str, Sequence[str]] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _staged: dict[str, tuple[str, int]] = field(default_factory=dict)
    _taken: list[tuple[str, str]] | None = None

    def relation(self, rows: str) -> str:
        """Return rows with every step of the values as a column: nested in each other, their SQL would explode."""
        depth = max((level for _, level in self._staged.values()), default=0)
        for level in range(1, depth + 1):
            steps = ", ".join(f"{sql} AS {name}" for sql, (name, own) in self._staged.items() if own == level)
            rows = f"(SELECT *, {steps} FROM {rows})"
        return rows

    @property
    def asks_other_rows(self) -> bool:
        """Whether a value depends on more than the cells of its row: its number, rows above it, other records."""
        return any(_OTHER_ROWS.search(sql) for sql in self._staged)

    def _step(self, sql: str) -> str:
        """Return the name of the column that holds the value of some SQL; what is short stays as it is."""
        if sql == NOTHING or _SHORT.fullmatch(sql):
            return sql
        if sql not in self._staged:
            deepest = max((dict(self._staged.values()).get(name, 0) for name in _STEP.findall(sql)), default=0)
            self._staged[sql] = (f"_v{len(self._staged)}", deepest + 1)
        return self._staged[sql][0]

    def typed(self, value: Value, kind: Kind) -> tuple[str, str]:
        """Return the SQL of the typed value and of the text it is read from."""
        if kind is Kind.INTEGER:
            number, text = self.typed(value, Kind.NUMBER)
            return self._step(whole_sql(number)), text
        read = self._inner(value)
        if read.first_of is not None and (choices := self._choices(read)):
            typed = [self.typed(each, kind) for each in choices]
            cases = " ".join(f"WHEN {text} IS NOT NULL THEN {sql}" for sql, text in typed)
            first = f"coalesce({', '.join(text for _, text in typed)})"
            return self._step(f"CASE {cases} END"), self._step(first) if read is value else self.text(value)
        text = self.text(value)
        sql = typed_sql(kind, text, read, self._zone(read) if kind.is_time else None, self._year(read))
        if kind is Kind.NUMBER:
            sql = self._signed(sql, read)
        if value.add_days or value.add_months:
            later = f"{sql} + INTERVAL ({value.add_months}) MONTH + INTERVAL ({value.add_days}) DAY"
            sql = f"CAST({later} AS {TYPES[kind]})" if kind.is_time else sql
        return self._step(sql), text

    def _choices(self, value: Value) -> list[Value]:
        """Return the choices of `first_of` with what the value says of all of them; none where it alone says it."""
        choices = [self._inner(each) for each in value.first_of or ()]
        if not any(set(READING) & each.model_fields_set for each in choices):
            return []
        told = {name: getattr(value, name) for name in READING if name in value.model_fields_set}
        return [
            each.model_copy(update={name: told[name] for name in told if name not in each.model_fields_set})
            for each in choices
        ]

    def text(self, value: Value) -> str:
        """Return the SQL of the text of a value; null where it is empty or a word for nothing."""
        return self._cut(self._step(trimmed(self._step(self._origin(value)))), value)

    def unmatched(self, value: Value) -> tuple[str, str] | None:
        """Return the SQL of the cells from which patterns take a value, and of those that give none by no match.

        Both are null elsewhere; None where the value has no pattern.
        """
        taken: list[tuple[str, str]] = []
        self._taken = taken
        text, self._taken = self.text(value), None
        if not taken:
            return None
        cells, lost = (first_sql(each) for each in zip(*taken, strict=True))
        return self._step(cells), self._step(f"CASE WHEN {text} IS NULL THEN {lost} END")

    def no_numbers(self, value: Value) -> dict[str, str]:
        """Return the SQL of texts that are no number of their kind: of `minus`, and of a tax rate told by rows."""
        whole = self._inner(value)
        wrong: dict[str, list[str]] = {}
        for read in self._choices(whole) or [whole]:
            for text in map(self.text, read.minus):
                none = f"CASE WHEN {number_sql(text, read.decimal)} IS NULL THEN {text} END"
                wrong.setdefault("minus", []).append(none)
            if isinstance(read.tax_rate, Value):
                text, rate = self.text(read.tax_rate), self._rate(read.tax_rate)
                none = f"CASE WHEN NOT coalesce({rate} >= 0 AND {rate} < 1, false) THEN {text} END"
                wrong.setdefault("tax_rate", []).append(none)
        return {name: first_sql(texts) for name, texts in wrong.items()}

    def condition(self, condition: Condition) -> str:
        """Return the SQL of a condition; it is false, not null, where its value is null and the test is another."""
        taken, self._taken = self._taken, None
        text, self._taken = self.text(condition.when), taken
        return condition_sql(text, condition)

    def _inner(self, value: Value) -> Value:
        """Return the value that says how a text is read: what `let` names says it, unless the value does."""
        if value.let is not None and value.let in self.named and not value.model_fields_set - {"let"}:
            return self._inner(self.named[value.let])
        return value

    def _origin(self, value: Value) -> str:
        if value.constant is not None:
            return quoted(str(value.constant).lower() if isinstance(value.constant, bool) else str(value.constant))
        if value.let is not None:
            return self._let(value.let)
        if value.first_of is not None:
            return f"coalesce({', '.join(self.text(each) for each in value.first_of)})"
        if value.join is not None:
            return f" || {quoted(value.by)} || ".join(f"coalesce({self.text(each)}, '')" for each in value.join)
        if value.row is not None:
            return "CAST(row AS VARCHAR)"
        if value.cell is not None:
            cell = self.head.cell(value.cell)
            return NOTHING if cell is None else quoted(cell)
        if value.lookup is not None and value.key is not None:
            return self._lookup(value.lookup, self.text(value.key))
        return self._column(value)

    def _lookup(self, table: str, key: str) -> str:
        """Return the SQL of the account of a record that a part before this one has read."""
        stored = self.earlier.get(table, ())
        if not stored:
            self.problems.append(Problem(self.file, "lookup", f"no part before this one fills {table!r}"))
            return NOTHING
        records = " UNION ALL ".join(f"SELECT {TABLES[table].key[0]} AS id, account_id FROM {each}" for each in stored)
        return f"(SELECT min(account_id) FROM ({records}) AS looked WHERE looked.id = {key})"

    def _column(self, value: Value) -> str:
        if value.place is not None:
            if value.place <= len(self.head.headings):
                return f"c{value.place - 1}"
            self.problems.append(Problem(self.file, f"column {value.place}", "there are not so many columns"))
            return NOTHING
        if value.id is not None:
            place = self.head.ids.get(value.id)
            wanted, there = value.id, tuple(self.head.ids)
        else:
            place = self.head.position(value.column or (), value.nth)
            if place is not None and "nth" not in value.model_fields_set and self.head.many(place) > 1:
                self.repeated[self.head.headings[place]] = self.head.many(place)
            wanted, there = " or ".join(value.column or ()), self.head.headings
        if place is None:
            others = value.optional
            if not (others if isinstance(others, bool) else self.head.position(others) is not None):
                perhaps = meant(wanted, near(wanted, there), there, "columns")
                nth = f" {value.nth} times" if value.nth > 1 else ""
                self.problems.append(Problem(self.file, wanted, f"the column is absent{nth}{perhaps}"))
            return NOTHING
        return f"c{place}"

    def _let(self, name: str) -> str:
        if name not in self.named or name in self._open:
            why = "needs itself" if name in self._open else "stands under no let"
            self.problems.append(Problem(self.file, name, f"the value {why}"))
            return NOTHING
        self._open.add(name)
        try:
            return self.text(self.named[name])
        finally:
            self._open.discard(name)

    def _cut(self, text: str, value: Value) -> str:
        if value.nulls:
            text = self._step(f"CASE WHEN lower({text}) NOT IN ({texts_sql(value.nulls)}) THEN {text} END")
        if value.separator is not None:
            text = self._step(f"nullif(trim(split_part({text}, {quoted(value.separator)}, {value.item})), '')")
        if value.extract is not None:
            cell, text = text, self._step(f"nullif(regexp_extract({text}, {quoted(value.extract)}, 1), '')")
            self._take(cell, text, value.only_when)
        if value.long_id:
            text = self._step(long_id_sql(text))
        if value.strip_zeros:
            text = self._step(f"coalesce(nullif(ltrim({text}, '0'), ''), {text})")
        if value.between is not None:
            number, (low, high) = self._step(number_sql(text, value.decimal)), value.between
            text = self._step(f"CASE WHEN {number} BETWEEN {low!r} AND {high!r} THEN {text} END")
        if value.map or value.otherwise is not None:
            cases = "".join(f" WHEN {quoted(key.lower())} THEN {quoted(to)}" for key, to in value.map.items())
            filled = f"CASE WHEN {text} IS NOT NULL THEN {quoted(value.otherwise or '')} END"
            otherwise = text if value.otherwise is None else filled
            text = f"CASE lower({text}){cases} ELSE {otherwise} END" if cases else otherwise
        text = f"nullif({text}, '')" if value.map else text
        if value.only_when is not None:
            text = f"CASE WHEN {self.condition(value.only_when)} THEN {text} END"
        if value.fill_down:
            text = f"last_value({self._step(text)} IGNORE NULLS) OVER (ORDER BY row ROWS UNBOUNDED PRECEDING)"
        return self._step(text)

    def _take(self, cell: str, text: str, only_when: Condition | None) -> None:
        """Note the cell from which a pattern takes a text, and that it takes none."""
        if self._taken is not None:
            wanted = "true" if only_when is None else self.condition(only_when)
            cell = f"CASE WHEN {wanted} THEN {cell} END"
            self._taken.append((cell, f"CASE WHEN {text} IS NULL THEN {cell} END"))

    def _zone(self, value: Value) -> str | None:
        """Return the zone of a value; what the file says of its column where the mapping says "file"."""
        if value.zone != "file":
            return value.zone
        place = self.head.ids.get(value.id) if value.id else self.head.position(value.column or (), value.nth)
        zone = self.head.zones.get(-1 if place is None else place)
        if zone is None:
            rule = "the file names no zone for it; the mapping must: zone = 'Europe/Berlin'"
            self.problems.append(Problem(self.file, value.id or " or ".join(value.column or ()), rule))
        return zone

    def _year(self, value: Value) -> str | None:
        if value.year_from is None or value.names_year():
            return None
        day = self.head.cell(value.year_from) or ""
        if len(day) == 8 and day.isdigit():
            return day
        place = f"row {value.year_from.row}, cell {value.year_from.column}"
        rule = f"the first day of the year is expected, as 20260101, found {day!r}"
        self.problems.append(Problem(self.file, place, rule))
        return "19700101"

    def _signed(self, number: str, value: Value) -> str:
        for each in value.minus:
            taken = number_sql(self.text(each), value.decimal)
            shared = f" / {value.divide_by!r}" if isinstance(value.divide_by, float | int) else ""
            number = f"({number} - coalesce({taken}, 0){shared})"
        if isinstance(value.divide_by, Value):
            number = f"({number} / {number_sql(self.text(value.divide_by))})"
        if value.negative_when is not None:
            number = f"(CASE WHEN {self.condition(value.negative_when)} THEN -1 ELSE 1 END * {number})"
        rate = value.tax_rate
        if rate is None:
            return number
        factor = repr(rate) if isinstance(rate, float) else f"coalesce({self._rate(rate)}, 0)"
        return f"round({number} / (1 + {factor}), 2)"

    def _rate(self, rate: Value) -> str:
        """Return the SQL of a tax rate that a row tells."""
        by = rate.divide_by if isinstance(rate.divide_by, float | int) else number_sql(self.text(rate.divide_by))
        return self._step(f"({number_sql(self.text(rate), rate.decimal)} / {by})")
