"""The aggregates of all relations as narrow rows, one an account and part, gathered into an account's row.

A query over a handful of rows costs what its operators cost to set up: joins are most of that, and then the columns,
for each of which every operator of every part sets room aside for thousands of rows. So nothing is joined, and the
parts share a few columns: a part's first number stands in number0, its first text in text0, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

PART = "part"


@dataclass(frozen=True)
class Part:
    """What one relation's aggregates are called, in the order in which they stand in the shared columns."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, table: ir.Table, key: str) -> Part:
        """Return the names of a part's columns without its key."""
        own = [name for name in table.columns if name != key]
        texts = tuple(name for name in own if table[name].type().is_string())
        return cls(tuple(name for name in own if name not in texts), texts)

    def columns(self, table: ir.Table) -> list[ir.Value]:
        """Return a part's columns in their order: numbers as floats, then texts."""
        numbers = [table[name].cast("float64").name(name) for name in self.numbers]
        return numbers + [table[name] for name in self.texts]


@dataclass(frozen=True)
class Layout:
    """Where everything stands.

    Attributes
    ----------
    key : str
        What tells accounts apart.
    parts : tuple of Part
        The first has no columns: its rows are the accounts to gather.
    """

    key: str
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, accounts: ir.Table, parts: Sequence[ir.Table]) -> Layout:
        """Return the layout of the accounts to gather, in one column, and of parts that have the same key."""
        (key,) = accounts.columns
        return cls(key, tuple(Part.of(table, key) for table in (accounts, *parts)))

    @property
    def numbers(self) -> list[str]:
        """All numbers, in the order of the gathered table."""
        return [name for part in self.parts for name in part.numbers]

    @property
    def texts(self) -> list[str]:
        """All texts, which follow the numbers."""
        return [name for part in self.parts for name in part.texts]

    def gathered_schema(self, key: str) -> ibis.Schema:
        """Return the columns of the gathered table, where the key is of some type."""
        numbers, texts = dict.fromkeys(self.numbers, "float64"), dict.fromkeys(self.texts, "string")
        return ibis.schema({self.key: key} | numbers | texts)

    def gathered(self, stack: Mapping[str, np.ndarray]) -> pa.Table:
        """Return one row an account, by rising key, with every column of every part; null where there was no row.

        Parameters
        ----------
        stack : mapping of column to array
            The rows of the stack in any order; numbers with NaN, texts with None, where there is none.
        """
        keys, part = stack[self.key], stack[PART]
        accounts = np.sort(keys[part == 0])
        row = np.searchsorted(accounts, keys)
        wanted = np.isin(keys, accounts)
        numbers = np.full((len(accounts), len(self.numbers)), np.nan)
        texts = np.full((len(accounts), len(self.texts)), None, dtype=object)
        first_number = first_text = 0
        for number, own in enumerate(self.parts):
            mine = np.flatnonzero(wanted & (part == number))
            for place in range(len(own.numbers)):
                numbers[row[mine], first_number + place] = stack[f"number{place}"][mine]
            for place in range(len(own.texts)):
                texts[row[mine], first_text + place] = stack[f"text{place}"][mine]
            first_number, first_text = first_number + len(own.numbers), first_text + len(own.texts)
        columns = [pa.array(accounts)]
        columns += [pa.array(column, pa.float64(), from_pandas=True) for column in numbers.T]
        columns += [pa.array(column, pa.string()) for column in texts.T]
        return pa.Table.from_arrays(columns, names=[self.key, *self.numbers, *self.texts])


def stacked(layout: Layout, tables: Sequence[ir.Table]) -> ir.Table:
    """Put the parts of a layout one below the other.

    Parameters
    ----------
    tables : sequence of Ibis table
        One a part of the layout, each with the key and its aggregates, one row an account at most.

    Returns
    -------
    Ibis table
        The key, `part` (0 for the accounts themselves), number0 and so on, text0 and so on.
    """
    width, texts = (max(map(len, names)) for names in zip(*((p.numbers, p.texts) for p in layout.parts), strict=True))
    rows = [
        table.select(
            layout.key,
            ibis.literal(number, "int8").name(PART),
            *_spread(table, own.numbers, "number", width, "float64"),
            *_spread(table, own.texts, "text", texts, "string"),
        )
        for number, (table, own) in enumerate(zip(tables, layout.parts, strict=True))
    ]
    return reduce(lambda above, below: above.union(below), rows)


def _spread(table: ir.Table, names: Sequence[str], column: str, width: int, kind: str) -> list[ir.Value]:
    filled = [table[name].cast(kind) for name in names] + [ibis.null(kind)] * (width - len(names))
    return [value.name(f"{column}{place}") for place, value in enumerate(filled)]
