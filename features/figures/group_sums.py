"""Adds up the rows of figures by date, for the whole book and for every group of each split, in one query.

In: rows in the table `ROWS` and a `Programme`. Out: a frame with the sums of each group. It is written as SQL: Ibis
takes longer to compile a sum than DuckDB to add it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from features.figures.figure import NUMBER_OF, Figure, Rows
from features.figures.kept_rows import ROWS
from features.figures.programme import ACCOUNT_SPLITS, Programme


def columns_of(figures: Iterable[Figure]) -> list[str]:
    """Return the names of the sums that figures on one kind of rows are made of."""
    return sorted({name for figure in figures for name in figure.sums})


def keep_no_rows(programme: Programme, kind: Rows, columns: Sequence[str]) -> None:
    """Store no row in `ROWS`: nothing of these figures is known, so that what they are made of need not be computed."""
    named = sorted({name.removeprefix(NUMBER_OF) for name in columns})
    chosen = [
        "NULL::DATE AS as_of",
        *(f"NULL::VARCHAR AS {name}" for name in ("account_id", *kind.splits)),
        *(f"0.0 AS {name}" for name in named),
    ]
    programme.connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS SELECT {', '.join(chosen)} WHERE FALSE")


def summed(programme: Programme, kind: Rows, columns: Sequence[str], splits: Sequence[str]) -> pd.DataFrame:
    """Return the sums of some columns of the rows in `ROWS`.

    Returns
    -------
    DataFrame
        as_of, split, group and the columns: first the whole book at each date with a null split, 0 where there is no
        row; then by each split every group of accounts at the date, or those groups that the rows hold.
    """
    frame = read(programme, _query(programme, kind, columns, splits))
    whole = frame[frame["split"].isna()].set_index("as_of").reindex(programme.dates)
    whole = whole.fillna(dict.fromkeys(columns, 0.0)).rename_axis("as_of").reset_index()
    found = [whole, *(frame[frame["split"] == split] for split in splits)]
    return pd.concat([rows.astype({"split": object, "group": object}) for rows in found], ignore_index=True)


def sums_of(columns: Sequence[str]) -> str:
    """Return the sums of columns as SQL, or the numbers of rows in which they are not 0."""
    return ", ".join(_sum(name) for name in columns)


def read(programme: Programme, query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the rows of a query with as_of as dates and what is null of a group as None."""
    frame = programme.connection.con.execute(query, parameters or {}).df()
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    for name in ("split", "group"):
        if name in frame:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def _query(programme: Programme, kind: Rows, columns: Sequence[str], splits: Sequence[str]) -> str:
    own = [split for split in splits if split in kind.splits]
    accounts = programme.attributes.get_name() if set(splits) - set(own) else ROWS
    of = {split: f"{ROWS if split in own else accounts}.{split}" for split in splits}
    # Of accounts, groups without a row have sums of 0; other groups are those that rows hold.
    source = ROWS if accounts == ROWS else f"{accounts} LEFT JOIN {ROWS} USING (account_id, as_of)"
    held = " OR ".join(f"GROUPING({of[split]}) = 0" for split in splits if split in own or split == "account")
    having = f"HAVING count({ROWS}.account_id) > 0 OR NOT ({held})" if held else ""
    split = _where_grouped(of, {name: f"'{name}'" for name in of})
    group = _where_grouped(of, {name: f"{column}::VARCHAR" for name, column in of.items()})
    sets = ", ".join(["(as_of)", *(f"(as_of, {column})" for column in of.values())])
    return (
        f'SELECT as_of, {split} AS split, {group} AS "group", {sums_of(columns)} FROM {source} '
        f"GROUP BY GROUPING SETS ({sets}) {having} ORDER BY ALL"
    )


def _where_grouped(of: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return as SQL the value of the split that a row is of, null of the whole."""
    cases = [f"WHEN GROUPING({column}) = 0 THEN {values[name]}" for name, column in of.items()]
    return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"


def _sum(name: str) -> str:
    column = f"{ROWS}.{name.removeprefix(NUMBER_OF)}::DOUBLE"
    added = f"CASE WHEN {column} <> 0 THEN 1.0 ELSE 0.0 END" if name.startswith(NUMBER_OF) else column
    return f"coalesce(sum({added}), 0) AS {name}"


def splits_of(kind: Rows, splits: Sequence[str]) -> list[str]:
    """Return those of some splits that rows can be added up by."""
    return [split for split in splits if split in ACCOUNT_SPLITS or split in kind.splits]
