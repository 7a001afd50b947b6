"""Figures of a book: one long relation, one row per figure, as-of date and group.

In: a book, dates, figures, a split. Out: `measure(...)`, a frame with the columns of `COLUMNS`. The rows of each kind
are added up once for all figures that stand on them. A figure that is not known has no value but a reason.
`measure_with_accounts` also gives what each account adds to the figures that are sums.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.figures.behind import Behind
from features.figures.contracts_ahead import listed
from features.figures.estimates import Estimates
from features.figures.figure import Figure, all_figures
from features.figures.group_sums import columns_of, keep_no_rows, read, splits_of, summed, sums_of
from features.figures.kept_accounts import KeptAccounts
from features.figures.kept_rows import ROWS
from features.figures.known import Unknown, because
from features.figures.programme import YEAR_MONTHS, Programme
from features.tables import Tables

COLUMNS = ("figure", "as_of", "split", "group", "value", "low", "high", "n", "reason")


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
    sums = _Sums()
    for _, members, of_part in _measured(programme, unknown, wanted, splits):
        sums.add(members, of_part)
    found = sums.finished(wanted, splits, unknown)
    told = [reason.told(lang) if reason else None for reason in found["reason"]]
    return found.assign(reason=pd.Series(told, found.index, object))


@dataclass(frozen=True)
class WithAccounts:
    """Figures of a book with the accounts behind them.

    Attributes
    ----------
    values : DataFrame
        As `measure` returns it, but a reason is a `Because`, which can be told in either language.
    accounts : Behind
        What each account adds to each figure that is a sum, at one date, where it is anything, some accounts at a time;
        of the accounts of a figure the values sum to the figure.
    groups : DataFrame
        As `values`, at the same date: groups of the splits that the rows of a figure keep, of the whole book and of
        each account manager's accounts; account_manager is null for the whole book.
    contracts : KeptAccounts or None
        Those that end soon or are overdue at that date, see `features.figures.contracts_ahead.listed`.
    """

    values: pd.DataFrame
    accounts: Behind
    groups: pd.DataFrame
    contracts: KeptAccounts | None


def measure_with_accounts(
    tables: Tables, dates: Sequence[date], day: date, splits: Sequence[str] = (), scored: Estimates | None = None
) -> WithAccounts:
    """Return all figures of a book at some dates, and the accounts behind them at one of these.

    Parameters are those of `measure`; `scored` is what a scoring run estimates at that day.
    """
    wanted = list(all_figures())
    programme, unknown = Programme(tables, dates, scored=scored), Unknown(tables, estimates=scored)
    sums = _Sums()
    behind = Behind(tables)
    groups: list[pd.DataFrame] = []
    contracts: KeptAccounts | None = None
    for part, members, of_part in _measured(programme, unknown, wanted, splits):
        sums.add(members, of_part)
        if day in part.dates:
            added = [figure for figure in members if figure.adds_up and unknown.reason(figure, day) is None]
            behind.keep(added, day)
            groups += _kept_groups(part, unknown, members, day)
            contracts = listed(part, day) if contracts is None else contracts
    kept = pd.concat(groups or [pd.DataFrame(columns=["account_manager", *COLUMNS])], ignore_index=True)
    kept = kept.astype(object).where(kept.notna(), None)
    return WithAccounts(sums.finished(wanted, splits, unknown), behind, kept, contracts)


def _measured(
    programme: Programme, unknown: Unknown, wanted: Sequence[Figure], splits: Sequence[str]
) -> Iterator[tuple[Programme, list[Figure], pd.DataFrame]]:
    """Yield each part of the dates, the figures on each kind of rows and their sums, while `ROWS` holds these rows."""
    by_rows: dict[str, list[Figure]] = {}
    for figure in wanted:
        by_rows.setdefault(figure.rows.name, []).append(figure)
    for part in programme.parts():
        for members in by_rows.values():
            yield part, members, _sums_of_rows(part, unknown, members, splits)


def _sums_of_rows(part: Programme, unknown: Unknown, figures: Sequence[Figure], splits: Sequence[str]) -> pd.DataFrame:
    kind, columns = figures[0].rows, columns_of(figures)
    if any(unknown.reason(figure, day) is None for figure in figures for day in part.dates):
        # Stored once: the whole and every split add up the same rows.
        part.kept.rows(kind.name, lambda: kind.build(part))
    else:
        keep_no_rows(part, kind, columns)
    return summed(part, kind, columns, splits_of(kind, splits))


class _Sums:
    """The sums of figures, part by part."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pd.DataFrame]] = {}

    def add(self, figures: Sequence[Figure], sums: pd.DataFrame) -> None:
        """Add the sums of figures on the same rows at later dates."""
        self._parts.setdefault(figures[0].rows.name, []).append(sums)

    def finished(self, wanted: Sequence[Figure], splits: Sequence[str], unknown: Unknown) -> pd.DataFrame:
        """Return the figures in the order of what is wanted, each as a whole, then by split, then by date and group."""
        place = {split: number for number, split in enumerate((None, *splits))}
        by_rows = {
            name: pd.concat(parts, ignore_index=True).sort_values(
                "split", key=lambda names: names.map(place), kind="stable", ignore_index=True
            )
            for name, parts in self._parts.items()
        }
        frames = []
        for figure in wanted:
            lacking = set(splits) - set(splits_of(figure.rows, splits))
            frames.append(_with_unsplit(_finished(figure, by_rows[figure.rows.name], unknown), lacking, unknown))
        frame = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
        for name in ("split", "group", "reason"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        return frame


def _kept_groups(programme: Programme, unknown: Unknown, figures: list[Figure], day: date) -> Iterator[pd.DataFrame]:
    """Yield the groups that a scoring run keeps of figures on the rows in `ROWS`."""
    rows, columns = figures[0].rows, columns_of(figures)
    accounts = programme.attributes.get_name()
    for split in rows.kept:
        group = f"{ROWS if split in rows.splits else accounts}.{split}::VARCHAR"
        for manager in ("NULL::VARCHAR", f"{accounts}.account_manager"):
            query = (
                f'SELECT as_of, {manager} AS account_manager, {group} AS "group", {sums_of(columns)} '
                f"FROM {ROWS} JOIN {accounts} USING (account_id, as_of) "
                f"WHERE as_of = DATE '{day}' GROUP BY ALL ORDER BY ALL"
            )
            sums = read(programme, query).assign(split=split)
            is_whole = manager.startswith("NULL")
            sums = sums if is_whole else sums[sums["account_manager"].notna()].reset_index(drop=True)
            for figure in figures if len(sums) else ():
                yield _finished(figure, sums, unknown).assign(account_manager=sums["account_manager"])


def _with_unsplit(found: pd.DataFrame, splits: Collection[str], unknown: Unknown) -> pd.DataFrame:
    """Return a figure's rows with one per date for each split that it does not have, which says so."""
    if not splits:
        return found
    whole = found[found["split"].isna()].assign(value=np.nan, low=np.nan, high=np.nan, n=np.nan)
    none = [
        whole.assign(
            split=split, reason=pd.Series([because("no_split", split=split)] * len(whole), whole.index, object)
        )
        for split in sorted(splits)
    ]
    return pd.concat([found, *none], ignore_index=True)


def _finished(figure: Figure, sums: pd.DataFrame, unknown: Unknown) -> pd.DataFrame:
    """Return value, interval and reason of one figure for the groups whose sums are given."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = figure.finish({name: sums[name].to_numpy(float) for name in figure.sums})
    value, low, high, n = (
        np.full(len(sums), np.nan) if part is None else np.array(part, dtype=float)
        for part in (values.value, values.low, values.high, values.n)
    )
    reasons = np.empty(len(sums), dtype=object)
    reasons[:] = [unknown.reason(figure, as_of) for as_of in sums["as_of"]]
    not_known = np.array([reason is not None for reason in reasons], dtype=bool)
    hidden = np.zeros(len(sums), dtype=bool) if values.hidden is None else values.hidden
    for place in np.flatnonzero(~not_known & (np.isnan(value) | hidden | (n < figure.least))):
        reasons[place] = unknown.of_group(figure, value[place], n[place], values.shown_from if hidden[place] else 0)
    has_reason = np.array([reason is not None for reason in reasons], dtype=bool)
    for part, none in ((value, has_reason), (low, has_reason), (high, has_reason), (n, not_known)):
        part[none] = np.nan
    keys = {name: sums[name].to_numpy() for name in ("as_of", "split", "group")}
    return pd.DataFrame(
        {"figure": figure.name, **keys, "value": value, "low": low, "high": high, "n": n, "reason": reasons}
    )
