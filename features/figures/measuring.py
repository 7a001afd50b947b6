"""Figures of a book: one long relation, one row per figure, as-of date and group.

In: a book, dates, figures, a split. Out: `measure(...)`, a frame with the columns of `COLUMNS`. The rows of each kind
are added up once for all figures that stand on them. A figure that is not known has no value but a reason.
`measure_with_accounts` also gives what each account adds to the figures that are sums.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.figures.contracts_ahead import listed
from features.figures.estimates import Estimates
from features.figures.figure import NUMBER_OF, Figure, Rows, all_figures
from features.figures.known import Unknown, because
from features.figures.programme import ACCOUNT_SPLITS, YEAR_MONTHS, Programme
from features.sources import stored
from features.tables import Tables

COLUMNS = ("figure", "as_of", "split", "group", "value", "low", "high", "n", "reason")
#: The temporary table that holds the rows of the figures at hand.
ROWS = "figures_rows"


def record_splits() -> tuple[str, ...]:
    """Return the splits that only some figures have."""
    return tuple(dict.fromkeys(name for figure in all_figures() for name in figure.rows.splits))


def measure(
    tables: Tables,
    dates: Sequence[date],
    figures: Sequence[Figure] | None = None,
    splits: Sequence[str] = (),
    months: int = YEAR_MONTHS,
    lang: str = "en",
    scored: Estimates | None = None,
) -> pd.DataFrame:
    """Return the figures of a book.

    Parameters
    ----------
    tables : Tables
        The book.
    dates : list of date
        As-of dates.
    figures : list of Figure, optional
        All by default.
    splits : list of str
        Some of `ACCOUNT_SPLITS` or `record_splits()`. The whole book is always there, with a null split.
    months : int
        Length of the period of retention.
    lang : 'en' or 'de'
        Language of the reasons.
    scored : Estimates, optional
        What a scoring run estimates at one of the dates.

    Returns
    -------
    DataFrame
        figure, as_of (date), split (null for the whole), group (null: not known), value, low, high, n (NaN where not
        known), reason (null where there is a value).
    """
    wanted = list(all_figures() if figures is None else figures)
    programme, unknown = Programme(tables, dates, months, scored), Unknown(tables, months, scored)
    found = _joined(wanted, (frames for _, frames in _measured(programme, unknown, wanted, splits)))
    told = [reason.told(lang) if reason else None for reason in found["reason"]]
    return found.assign(reason=pd.Series(told, found.index, object))


@dataclass(frozen=True)
class WithAccounts:
    """Figures of a book with the accounts behind them.

    Attributes
    ----------
    values : DataFrame
        As `measure` returns it, but a reason is a `Because`, which can be told in either language.
    accounts : DataFrame
        account_id, figure, value: what each account adds to each figure that is a sum, at one date, where it is
        anything; of the accounts of a figure the values sum to the figure.
    groups : DataFrame
        As `values`, at the same date: groups of the splits that the rows of a figure keep, of the whole book and of
        each account manager's accounts; account_manager is null for the whole book.
    contracts : dict
        By account those that end soon or are overdue at that date, see `features.figures.contracts_ahead.listed`.
    """

    values: pd.DataFrame
    accounts: pd.DataFrame
    groups: pd.DataFrame
    contracts: Mapping[str, list[dict[str, Any]]]


def measure_with_accounts(
    tables: Tables, dates: Sequence[date], day: date, splits: Sequence[str] = (), scored: Estimates | None = None
) -> WithAccounts:
    """Return all figures of a book at some dates, and the accounts behind them at one of these.

    Parameters are those of `measure`; `scored` is what a scoring run estimates at that day.
    """
    wanted = list(all_figures())
    programme, unknown = Programme(tables, dates, scored=scored), Unknown(tables, estimates=scored)
    found: list[list[pd.DataFrame]] = []
    behind: list[pd.DataFrame] = []
    groups: list[pd.DataFrame] = []
    for members, frames in _measured(programme, unknown, wanted, splits):
        found.append(frames)
        sums = [figure for figure in members if figure.adds_up and unknown.reason(figure, day) is None]
        behind += _behind(programme, sums, day)
        groups += _kept_groups(programme, unknown, members, day)
    accounts = pd.concat(behind or [pd.DataFrame(columns=["account_id", "figure", "value"])], ignore_index=True)
    kept = pd.concat(groups or [pd.DataFrame(columns=["account_manager", *COLUMNS])], ignore_index=True)
    kept = kept.astype(object).where(kept.notna(), None)
    return WithAccounts(_joined(wanted, found), accounts, kept, listed(programme, day))


def _measured(
    programme: Programme, unknown: Unknown, wanted: Sequence[Figure], splits: Sequence[str]
) -> Iterator[tuple[list[Figure], list[pd.DataFrame]]]:
    """Yield the figures on each kind of rows with a frame each, while the table `ROWS` holds these rows."""
    by_rows: dict[str, list[Figure]] = {}
    for figure in wanted:
        by_rows.setdefault(figure.rows.name, []).append(figure)
    for members in by_rows.values():
        yield members, _of_rows(programme, unknown, members, splits)


def _joined(wanted: Sequence[Figure], found: Iterable[list[pd.DataFrame]]) -> pd.DataFrame:
    """Return the frames of figures as one, in the order of what is wanted."""
    by_name = {frame["figure"].iloc[0]: frame for frames in found for frame in frames}
    frame = pd.concat([by_name[figure.name] for figure in wanted], ignore_index=True)[list(COLUMNS)]
    for name in ("split", "group", "reason"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def _behind(programme: Programme, figures: list[Figure], day: date) -> list[pd.DataFrame]:
    """Return what each account adds to figures on the rows in `ROWS`; nothing where that is 0 or not known."""
    if not figures:
        return []
    columns = sorted({name for figure in figures for name in figure.sums})
    sums = ", ".join(_sum(name) for name in columns)
    query = f"SELECT account_id, {sums} FROM {ROWS} WHERE as_of = $day GROUP BY ALL ORDER BY ALL"
    frame = programme.connection.con.execute(query, {"day": day}).df()
    parts = []
    for figure in figures:
        value = figure.finish({name: frame[name].to_numpy(float) for name in figure.sums}).value
        adds = ~np.isnan(value) & (value != 0)
        parts.append(
            pd.DataFrame({"account_id": frame["account_id"][adds], "figure": figure.name, "value": value[adds]})
        )
    return parts


def _kept_groups(programme: Programme, unknown: Unknown, figures: list[Figure], day: date) -> Iterator[pd.DataFrame]:
    """Yield the groups that a scoring run keeps of figures on the rows in `ROWS`."""
    rows, columns = figures[0].rows, sorted({name for figure in figures for name in figure.sums})
    accounts = programme.attributes.get_name()
    summed = ", ".join(_sum(name) for name in columns)
    for split in rows.kept:
        group = f"{ROWS if split in rows.splits else accounts}.{split}::VARCHAR"
        for manager in ("NULL::VARCHAR", f"{accounts}.account_manager"):
            query = (
                f'SELECT as_of, {manager} AS account_manager, {group} AS "group", {summed} FROM {ROWS} JOIN {accounts} '
                f"USING (account_id, as_of) WHERE as_of = DATE '{day}' GROUP BY ALL ORDER BY ALL"
            )
            sums = _read(programme, query).assign(split=split)
            is_whole = manager.startswith("NULL")
            sums = sums if is_whole else sums[sums["account_manager"].notna()].reset_index(drop=True)
            for figure in figures if len(sums) else ():
                yield _finished(figure, sums, unknown).assign(account_manager=sums["account_manager"])


def _of_rows(
    programme: Programme, unknown: Unknown, figures: list[Figure], splits: Sequence[str]
) -> list[pd.DataFrame]:
    rows = figures[0].rows
    columns = sorted({name for figure in figures for name in figure.sums})
    if any(unknown.reason(figure, day) is None for figure in figures for day in programme.dates):
        # Stored once: the whole and every split add up the same rows.
        stored(programme.connection, ROWS, rows.build(programme))
    else:
        _no_rows(programme, columns, rows)
    grouped = [split for split in splits if split in ACCOUNT_SPLITS or split in rows.splits]
    frames = [_whole(programme, columns)]
    frames += [_groups(programme, columns, split, rows) for split in grouped]
    sums = pd.concat([frame.astype({"split": object, "group": object}) for frame in frames], ignore_index=True)
    return [_with_unsplit(_finished(figure, sums, unknown), set(splits) - set(grouped), unknown) for figure in figures]


def _no_rows(programme: Programme, columns: list[str], rows: Rows) -> None:
    """Store no row in `ROWS`: nothing of these figures is known, so that what they are made of need not be computed."""
    named = sorted({name.removeprefix(NUMBER_OF) for name in columns})
    texts = ("account_id", *rows.splits)
    chosen = [
        "NULL::DATE AS as_of",
        *(f"NULL::VARCHAR AS {name}" for name in texts),
        *(f"0.0 AS {name}" for name in named),
    ]
    programme.connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS SELECT {', '.join(chosen)} WHERE FALSE")


def _with_unsplit(found: pd.DataFrame, splits: Collection[str], unknown: Unknown) -> pd.DataFrame:
    """Return a figure's rows with one per date for each split that it does not have, which says so."""
    whole = found[found["split"].isna()].assign(value=np.nan, low=np.nan, high=np.nan, n=np.nan)
    none = [
        whole.assign(
            split=split, reason=pd.Series([because("no_split", split=split)] * len(whole), whole.index, object)
        )
        for split in sorted(splits)
    ]
    return pd.concat([found, *none], ignore_index=True)


def _whole(programme: Programme, columns: list[str]) -> pd.DataFrame:
    """Return the sums of the book at each date; 0 where there is no row."""
    frame = _summed(programme, columns, "NULL", ROWS)
    every = pd.DataFrame({"as_of": programme.dates})
    filled = every.merge(frame.drop(columns="group"), on="as_of", how="left").fillna(dict.fromkeys(columns, 0.0))
    return filled.assign(split=None, group=None)


def _groups(programme: Programme, columns: list[str], split: str, kind: Rows) -> pd.DataFrame:
    """Return the sums of each group: of every group of accounts at the date, or of those that the rows hold."""
    if split in kind.splits:
        return _summed(programme, columns, f"{ROWS}.{split}", ROWS).assign(split=split)
    accounts = programme.attributes.get_name()
    frame = _summed(programme, columns, f"{accounts}.{split}", f"{ROWS} JOIN {accounts} USING (account_id, as_of)")
    if split != "account":
        every = _read(programme, f'SELECT DISTINCT as_of, {split} AS "group" FROM {accounts} ORDER BY ALL')
        frame = every.merge(frame, on=["as_of", "group"], how="left").fillna(dict.fromkeys(columns, 0.0))
    return frame.assign(split=split)


def _summed(programme: Programme, columns: list[str], group: str, rows: str) -> pd.DataFrame:
    """Return the sums of some columns by date and group.

    Written as SQL: Ibis takes longer to compile a sum than DuckDB to add it up, and there is one per split.
    """
    sums = ", ".join(_sum(name) for name in columns)
    return _read(programme, f'SELECT as_of, {group}::VARCHAR AS "group", {sums} FROM {rows} GROUP BY ALL ORDER BY ALL')


def _sum(name: str) -> str:
    """Return the sum of a column as SQL, or the number of rows in which it is not 0."""
    column = f"{ROWS}.{name.removeprefix(NUMBER_OF)}::DOUBLE"
    added = f"CASE WHEN {column} <> 0 THEN 1.0 ELSE 0.0 END" if name.startswith(NUMBER_OF) else column
    return f"coalesce(sum({added}), 0) AS {name}"


def _read(programme: Programme, query: str) -> pd.DataFrame:
    frame = programme.connection.con.execute(query).df()
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    frame["group"] = frame["group"].astype(object).where(frame["group"].notna(), None)
    return frame


def _finished(figure: Figure, sums: pd.DataFrame, unknown: Unknown) -> pd.DataFrame:
    """Return value, interval and reason of one figure for the groups whose sums are given."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = figure.finish({name: sums[name].to_numpy(float) for name in figure.sums})
    nothing = np.full(len(sums), np.nan)
    parts = {"value": values.value, "low": values.low, "high": values.high, "n": values.n}
    frame = sums[["as_of", "split", "group"]].assign(
        figure=figure.name,
        **{name: nothing if part is None else np.asarray(part, dtype=float) for name, part in parts.items()},
    )
    hidden = np.zeros(len(sums), dtype=bool) if values.hidden is None else values.hidden
    reasons = [
        unknown.reason(figure, as_of) or unknown.of_group(figure, value, n, values.shown_from if few else 0)
        for as_of, value, n, few in zip(frame["as_of"], frame["value"], frame["n"], hidden, strict=True)
    ]
    has_reason = np.array([reason is not None for reason in reasons], dtype=bool)
    frame.loc[has_reason, ["value", "low", "high"]] = np.nan
    not_known = np.array([unknown.reason(figure, as_of) is not None for as_of in frame["as_of"]], dtype=bool)
    frame.loc[not_known, "n"] = np.nan
    return frame.assign(reason=pd.Series(reasons, dtype=object, index=frame.index))
