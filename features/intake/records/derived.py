"""What no source has, made of what sources have by rules that the mapping declares: one currency, loops.

In: the stored parts; of rates `(currency, valid_on, rate)`, the units of the book's currency for one unit; of tasks
`(account_id, survey_id, opened_at, closed_at)`. Out: amounts in one currency, and the table `book_loops`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import CURRENCY, RATES, TASKS, DerivedLoops, Mapping
from features.intake.language.typed_sql import SIGNS, quoted
from features.intake.records.stored_part import CODE, FILE, PLACE, REASON, ROW, StoredPart
from features.schema import Kind
from features.tables import TABLES
from features.validation.quoting import EXAMPLES

#: Signs that several currencies have, as SQL.
_SHARED = ", ".join(quoted(sign) for sign, code in SIGNS.items() if sign == code)


def tell_currencies(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> list[Problem]:
    """Give the rows of a part the currency that the cells of their amounts name; return what contradicts.

    A sign of several currencies (`$`, `¥`) fills none. Cells that name none beside others that do become a doubt.
    """
    amounts = [name for name in part.columns if name + CODE in _columns(connection, part)]
    told = ", ".join(f'"{name}{CODE}"' for name in amounts)
    code = f"coalesce({told}, NULL)"
    counted = connection.execute(
        f"SELECT {code}, count(*) FROM {part.stored} WHERE {REASON} IS NULL GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall() if amounts else []  # fmt: skip
    codes = [each for each, _ in counted if each is not None]
    if not codes:
        return []
    named = ", ".join(f"{'no currency' if each is None else each} in {rows:,}" for each, rows in counted)
    if CURRENCY in part.columns:
        problems = _contradicting(connection, part, amounts)
    else:
        rule = f"one currency is expected, the cells name {named}"
        others = sum(rows for _, rows in counted[1:])
        problems = [Problem(part.table, amounts[0], rule, others)] if len(codes) > 1 else []
        connection.execute(f"ALTER TABLE {part.rows} ADD COLUMN {CURRENCY} VARCHAR")
        connection.execute(part.view_sql())
        part.columns[CURRENCY] = Kind.TEXT
        if len(counted) > len(codes) and codes[0] not in SIGNS:
            rule = f"the cells name {named}: where none is named, the currency is not known"
            part.doubts.append(Problem(part.table, amounts[0], rule))
    connection.execute(
        f"UPDATE {part.rows} SET {CURRENCY} = told.code FROM (SELECT {PLACE} AS place, {code} AS code FROM "
        f"{part.stored}) AS told WHERE {part.rows}.rowid = told.place AND {CURRENCY} IS NULL "
        f"AND told.code NOT IN ({_SHARED})"
    )
    return problems


def _columns(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> set[str]:
    return {row[0] for row in connection.execute(f"DESCRIBE {part.stored}").fetchall()}


def _contradicting(connection: duckdb.DuckDBPyConnection, part: StoredPart, amounts: Sequence[str]) -> list[Problem]:
    """Return a problem for each column of amounts whose cells name another currency than their row."""
    problems = []
    for name in amounts:
        where = f'{REASON} IS NULL AND "{name}{CODE}" <> {CURRENCY} AND "{name}{CODE}" NOT IN ({_SHARED})'
        rows = connection.execute(
            f"SELECT \"{name}{CODE}\" || ' beside ' || {CURRENCY}, {FILE}, {ROW}, count(*) OVER () FROM {part.stored} "
            f"WHERE {where} ORDER BY 2, 3 LIMIT {EXAMPLES}"
        ).fetchall()
        if rows:
            ids = tuple(f"{part.files[file].name} row {row}" for _, file, row, _ in rows)
            rule = "the cell names another currency than the column of currencies"
            problems.append(Problem(part.table, name, rule, rows[0][3], ids, tuple(row[0] for row in rows)))
    return problems


def convert_currencies(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, parts: Sequence[StoredPart]
) -> list[Problem]:
    """Convert the amounts of every part with a currency by the latest rate on or before the day of its record.

    Returns
    -------
    list of Problem
        For each part the currencies and days without a rate. Without rates nothing is converted: the check of the
        contract names the currencies, if there are several.
    """
    rates = [part for part in parts if part.table == RATES]
    if not rates:
        return []
    united = " UNION ALL ".join(
        f"SELECT upper(currency) AS currency, valid_on, rate FROM {part.stored} WHERE {REASON} IS NULL"
        for part in rates
    )
    connection.execute(f"CREATE TABLE rates AS SELECT DISTINCT * FROM ({united})")
    twice = connection.execute(
        "SELECT currency, valid_on FROM rates GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL"
    ).fetchall()
    if twice:
        ids = tuple(f"{currency} {day}" for currency, day in twice[:EXAMPLES])
        return [Problem(RATES, "rate", "several rates of one currency and day", len(twice), ids)]
    return [
        problem
        for part in parts
        if CURRENCY in part.columns and part.table in TABLES
        for problem in _converted(connection, str(mapping.book.currency).upper(), part)
    ]


def mixed_currencies(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], tables: Sequence[str]
) -> list[Problem]:
    """Return the problem that the rows of a book are in several currencies, with rows of all but the commonest.

    Rows are judged before they become records: of the lines of one document only the first tells its currency.
    """
    selects = [
        f"SELECT {place} AS part, {FILE} AS file, {ROW} AS row, upper({CURRENCY}) AS code "
        f"FROM {part.stored} WHERE {REASON} IS NULL AND {CURRENCY} IS NOT NULL"
        for place, part in enumerate(parts)
        if CURRENCY in part.columns and part.table in tables
    ]
    if not selects:
        return []
    rows = f"({' UNION ALL '.join(selects)})"
    counted = connection.execute(f"SELECT code, count(*) FROM {rows} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    if len(counted) < 2:
        return []
    others = connection.execute(
        f"SELECT part, file, row, code FROM {rows} WHERE code <> ? ORDER BY ALL LIMIT {EXAMPLES}",
        [counted[0][0]],
    ).fetchall()
    codes = ", ".join(f"{code} ({count} row{'' if count == 1 else 's'})" for code, count in counted)
    ids = tuple(f"{parts[part].table} of {parts[part].files[file].name} row {row}" for part, file, row, _ in others)
    values = tuple(code for *_, code in others)
    return [
        Problem(
            "*", CURRENCY, f"one currency is expected, found {codes}", sum(row[1] for row in counted[1:]), ids, values
        )
    ]


def _converted(connection: duckdb.DuckDBPyConnection, target: str, part: StoredPart) -> Iterator[Problem]:
    day = TABLES[part.table].time
    foreign = f"{REASON} IS NULL AND {CURRENCY} IS NOT NULL AND upper({CURRENCY}) <> {quoted(target)}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE rated AS SELECT p.{PLACE} AS place, rates.rate AS rate FROM "
        f"(SELECT *, upper({CURRENCY}) AS _code FROM {part.stored} WHERE {foreign}) AS p ASOF JOIN rates "
        f"ON p._code = rates.currency AND CAST(p.{day} AS DATE) >= rates.valid_on"
    )
    without = connection.execute(
        f"SELECT upper({CURRENCY}), count(*), min({day})::VARCHAR FROM {part.stored} WHERE {foreign} AND NOT EXISTS "
        f"(SELECT 1 FROM rated WHERE rated.place = {PLACE}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if without:
        rule = f"no rate of the currency on or before the day, for {', '.join(row[0] for row in without)}"
        ids = tuple(f"{currency} {first}" for currency, _, first in without[:EXAMPLES])
        yield Problem(part.table, CURRENCY, rule, sum(row[1] for row in without), ids)
        return
    amounts = [name for name, kind in part.columns.items() if kind is Kind.NUMBER and name != "price_change"]
    changed = ", ".join(f'"{name}" = round("{name}" * rated.rate, 2)' for name in amounts)
    connection.execute(
        f"UPDATE {part.rows} SET {changed} FROM rated WHERE rated.place = {part.rows}.rowid AND {foreign}"
    )
    connection.execute(f"UPDATE {part.rows} SET {CURRENCY} = {quoted(target)} WHERE {CURRENCY} IS NOT NULL")


def make_loops(connection: duckdb.DuckDBPyConnection, rule: DerivedLoops, parts: Sequence[StoredPart]) -> None:
    """Make `book_loops`: an answer below a score opens one, and the first task that follows it closes it.

    A task follows an answer that it names; one that names none follows the answers of its account within some days.
    """
    columns = {row[0] for row in connection.execute("DESCRIBE book_surveys").fetchall()}
    answered = "coalesce(answered_at, sent_at)" if "answered_at" in columns else "sent_at"
    answers = (
        f"SELECT survey_id, account_id, {answered} AS opened_at FROM book_surveys WHERE score < {rule.score_below}"
    )
    selects = [
        f"SELECT account_id, {_or_null('survey_id', part)}, {_or_null('opened_at', part, 'began')}, "
        f"{_or_null('closed_at', part)} FROM {part.stored} WHERE {REASON} IS NULL"
        for part in parts
        if part.table == TASKS
    ] or [
        "SELECT NULL::VARCHAR AS account_id, NULL::VARCHAR AS survey_id, NULL::TIMESTAMP AS began, NULL::TIMESTAMP "
        "AS closed_at WHERE false"
    ]
    follows = (
        f"t.survey_id = a.survey_id OR (t.survey_id IS NULL AND t.account_id = a.account_id AND t.began >= a.opened_at "
        f"AND t.began < a.opened_at + INTERVAL {rule.within_days} DAY)"
    )
    connection.execute(
        f"CREATE TABLE book_loops AS SELECT a.survey_id || '/loop' AS loop_id, a.account_id, a.survey_id, a.opened_at, "
        f"arg_min(t.closed_at, (t.began, t.closed_at)) AS closed_at FROM ({answers}) AS a LEFT JOIN "
        f"({' UNION ALL '.join(selects)}) AS t ON ({follows}) AND (t.closed_at IS NULL OR t.closed_at >= a.opened_at) "
        "GROUP BY ALL"
    )


def _or_null(name: str, part: StoredPart, called: str = "") -> str:
    kind = "VARCHAR" if name == "survey_id" else "TIMESTAMP"
    return f"{name if name in part.columns else f'CAST(NULL AS {kind})'} AS {called or name}"
