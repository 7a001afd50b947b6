"""Currencies that stand in the cells of amounts, as `7 CHF` and `€ 5`.

In: a stored part with the code that each amount names. Out: those codes as the currency of their rows, and what
contradicts: a cell that names another currency than the column of currencies, cells with several, cells without one
beside cells that name one. A sign of several currencies (`$`, `¥`) is told apart from others, and fills no currency.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import CURRENCY
from features.intake.language.typed_sql import quoted
from features.validation.quoting import EXAMPLES

#: Ends the names of columns that hold what the cells of an amount name.
CODE = "__code"
#: Signs that stand for one currency, and those that several share.
SIGNS = {"€": "EUR", "£": "GBP"}
SHARED = ("$", "¥")


def code_sql(text: str) -> str:
    """Return the SQL of the currency that the text of an amount names; few texts name any."""
    signs = " ".join(f"WHEN contains({text}, '{sign}') THEN '{code}'" for sign, code in SIGNS.items())
    signs += "".join(f" WHEN contains({text}, '{sign}') THEN '{sign}'" for sign in SHARED)
    word = f"nullif(upper(regexp_extract({text}, '(?:^|[^A-Za-z])([A-Za-z]{{3}})(?:[^A-Za-z]|$)', 1)), '')"
    some = f"left({text}, 1) > '9' OR right({text}, 1) > '9' OR contains({text}, '$')"
    return f"CASE WHEN {some} THEN coalesce({word}, CASE {signs} END) END"


def settle_currencies(
    connection: duckdb.DuckDBPyConnection, table: str, stored: str, amounts: Sequence[str], has_column: bool, kept: str
) -> tuple[list[Problem], list[Problem], bool]:
    """Give rows the currency that the cells of their amounts name.

    Parameters
    ----------
    amounts : sequence of str
        The columns of numbers beside which a column with `CODE` stands.
    has_column : bool
        Whether the part fills the currency itself.
    kept : str
        SQL that holds for rows which count.

    Returns
    -------
    problems, doubts : list of Problem
    bool
        Whether the stored table has a currency now.
    """
    told = ", ".join(f'"{name}{CODE}"' for name in amounts)
    code = f"coalesce({told})" if len(amounts) > 1 else told
    counted = connection.execute(
        f"SELECT {code}, count(*) FROM {stored} WHERE {kept} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    codes = [each for each, _ in counted if each is not None]
    if not codes:
        return [], [], has_column
    if has_column:
        problems = _contradicting(connection, table, stored, amounts, kept)
    else:
        problems = _several(table, amounts, counted) if len(codes) > 1 else []
        connection.execute(f"ALTER TABLE {stored} ADD COLUMN {CURRENCY} VARCHAR")
    shared = ", ".join(map(quoted, SHARED))
    connection.execute(
        f"UPDATE {stored} SET {CURRENCY} = {code} WHERE {CURRENCY} IS NULL AND {code} IS NOT NULL "
        f"AND {code} NOT IN ({shared})"
    )
    none = next((count for each, count in counted if each is None), 0)
    doubts = []
    if none and not has_column and codes[0] not in SHARED:
        rule = f"{counted_words(counted)}: cells that name no currency count as what the others are in"
        doubts.append(Problem(table, amounts[0], rule, none))
    return problems, doubts, True


def counted_words(counted: Sequence[tuple[str | None, int]]) -> str:
    """Return currencies with their rows."""
    return ", ".join(f"{'no currency' if code is None else code} in {rows:,}" for code, rows in counted)


def _several(table: str, amounts: Sequence[str], counted: Sequence[tuple[str | None, int]]) -> list[Problem]:
    rule = f"one currency is expected, the cells name {counted_words(counted)}; [[rates]] convert them by a currency"
    return [Problem(table, amounts[0], rule, sum(rows for _, rows in counted[1:]))]


def _contradicting(
    connection: duckdb.DuckDBPyConnection, table: str, stored: str, amounts: Sequence[str], kept: str
) -> list[Problem]:
    problems = []
    shared = ", ".join(map(quoted, SHARED))
    for name in amounts:
        where = (
            f'FROM {stored} WHERE {kept} AND "{name}{CODE}" <> upper({CURRENCY}) AND "{name}{CODE}" NOT IN ({shared})'
        )
        rows = connection.execute(
            f'SELECT DISTINCT "{name}{CODE}" || \' beside \' || {CURRENCY} {where} ORDER BY 1'
        ).fetchall()
        (count,) = connection.execute(f"SELECT count(*) {where}").fetchone() or (0,)
        if count:
            values = tuple(value for (value,) in rows[:EXAMPLES])
            rule = "the cell names another currency than the column of currencies"
            problems.append(Problem(table, name, rule, count, (), values))
    return problems
