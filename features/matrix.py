"""The matrix of signals by account and as-of date, which training, batch scoring, the endpoint and notebooks share.

In: a view of a book. Out: the `parts` of the matrix as Ibis queries, and from their results a `Matrix`.

There is one part per relation; put side by side, `finished_row` completes each row. `features.batch` does so for a
book, `features.requests` for a request. `made_of` then sets to null what is not known: signals whose table is absent,
and signals that look back further than the book's records. Both are masks on the finished matrix. So the same compiled
queries serve any mixture of absent tables, and training can remove tables from any rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, reduce

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features import billing
from features.as_of import AsOf
from features.formulas import untold
from features.formulas.contract_terms import running_value
from features.recording import first_recorded
from features.signal import ROW, Fact, Relation, all_signals, table_relation
from features.tables import HISTORY, BookKnown, Tables

FACT = "fact__"
#: A source that ended up to so many days before as_of still tells of it: exports are seldom of the same day.
END_SLACK_DAYS = 31
#: Decimals kept. A sum that cancels to 0 must be 0, not 1e-17 in one order of rows and -1e-17 in another.
DECIMALS = 6
#: Figures that scores need in addition to signals. They are never masked.
FACTS = ("customer_days", "records_365d", "revenue_365d", "contract_value")
MONEY_UNITS = ("currency", "currency per year")


@dataclass(frozen=True)
class Matrix:
    """Signals and facts of customers at as-of dates, row by row.

    Attributes
    ----------
    keys : DataFrame
        account_id (str) and as_of (datetime64), sorted by both.
    signals : DataFrame
        One column per signal in `all_signals()` order: float64, or object for text. NaN or None means not known.
    facts : DataFrame
        customer_days, records_365d, revenue_365d and contract_value; float64, never masked.
    money : DataFrame or None
        The signals that are money as they were summed, for who shows them: float64, never masked. None in a training
        set, which shows none, and where no query made the matrix; a model is taught and asked with `signals`.
    """

    keys: pd.DataFrame
    signals: pd.DataFrame
    facts: pd.DataFrame
    money: pd.DataFrame | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @property
    def value(self) -> np.ndarray:
        """Yearly value of each account: max(revenue_365d, annual value of running contracts, 0); shape (rows,)."""
        revenue, signed = (self.facts[name].to_numpy(float) for name in ("revenue_365d", "contract_value"))
        return np.maximum(np.maximum(revenue, signed), 0.0)

    def take(self, rows: np.ndarray) -> Matrix:
        """Return the rows of a boolean mask of shape (rows,), or of an index array of shape (taken,).

        All rows in their order are this matrix itself: nothing changes a matrix, and a large one is not held twice.
        """
        pick = np.flatnonzero(rows) if rows.dtype == bool else rows
        if len(pick) == len(self) and (pick == np.arange(len(self))).all():
            return self
        keys, signals, facts = (
            frame.iloc[pick].reset_index(drop=True) for frame in (self.keys, self.signals, self.facts)
        )
        money = None if self.money is None else self.money.iloc[pick].reset_index(drop=True)
        return Matrix(keys, signals, facts, money)

    def masked(self, unknown: np.ndarray) -> Matrix:
        """Return a copy that is null where a boolean array of shape (rows, signals) is true."""
        if not unknown.any():
            return self
        numbers = self.signals[_numbers()].to_numpy(copy=True)
        texts = {name: self.signals[name].to_numpy(object, copy=True) for name in _texts()}
        _forget(numbers, texts, unknown)
        return Matrix(self.keys, _signals(numbers, texts), self.facts, self.money)

    def without_tables(self, tables: Sequence[Collection[str]]) -> Matrix:
        """Return a copy in which each row lacks the tables named for it; `tables` has one entry per row."""
        return self.masked(unknown_without(tables))


@cache
def needing(table: str) -> np.ndarray:
    """Return a boolean array of shape (signals,): which signals are null without that table."""
    return np.array([table in signal.needs for signal in all_signals()])


def unknown_without(tables: Sequence[Collection[str]]) -> np.ndarray:
    """Return a boolean array of shape (rows, signals): the signals that are null when a row lacks its named tables."""
    unknown = np.zeros((len(tables), len(all_signals())), dtype=bool)
    for row, names in enumerate(tables):
        for name in names:
            unknown[row] |= needing(name)
    return unknown


@cache
def relying_on(fact: Fact) -> np.ndarray:
    """Return a boolean array of shape (signals,): which signals are null where the book says that it lacks a fact."""
    return np.array([fact in signal.relies_on for signal in all_signals()])


def unknown_by(known: BookKnown, recorded_since: Mapping[str, date], dates: np.ndarray) -> np.ndarray:
    """Return a boolean array of shape (dates, signals): the signals that are null by what is known of their sources.

    Null are signals that look back further than their tables are recorded, that rely on what a table lacks, and those
    of a table whose source has not begun at as_of, or ended more than `END_SLACK_DAYS` before it.

    Parameters
    ----------
    known : BookKnown
        What `book.toml` or a request says. Its `since` stands above `recorded_since`.
    recorded_since : mapping of table name to date
        First day of each table's records; see `first_records`.
    dates : datetime64[D] array
        As-of dates.
    """
    told = {name: facts.since for name, facts in known.tables.items() if facts.since is not None}
    unknown = _unrecorded(dates, {**recorded_since, **told})
    for name, facts in known.tables.items():
        if not facts.invitations:
            unknown |= relying_on("invitations")
        if facts.answered_at_is_sent_at:
            unknown |= relying_on("answer_times")
        if not facts.kinds:
            unknown |= relying_on("kinds")
        outside = np.zeros(len(dates), dtype=bool)
        if facts.since is not None:
            outside |= dates <= np.datetime64(facts.since, "D")
        if facts.until is not None:
            outside |= dates > np.datetime64(facts.until, "D") + np.timedelta64(1 + END_SLACK_DAYS, "D")
        unknown |= np.outer(outside, needing(name))
    return unknown


def made_of(keys: pd.DataFrame, column: Callable[[str], np.ndarray], unknown: np.ndarray) -> Matrix:
    """Return the matrix of a query's columns, typed, and null where something is not known.

    Parameters
    ----------
    keys : DataFrame
        account_id and as_of, sorted.
    column : callable
        Name -> array of shape (rows,): numbers, NaN where null, or texts, None where null.
    unknown : bool array of shape (rows, signals) or (1, signals)
        Signals that are null; see `unknown_without` and `unknown_by`.
    """
    numbers = np.round(np.column_stack([column(name) for name in _numbers()]).astype(np.float64), DECIMALS)
    money = pd.DataFrame(numbers[:, list(_money().values())], columns=list(_money()))
    # Signals have single precision, so the order in which an engine adds up cannot change a score.
    numbers = numbers.astype(np.float32).astype(np.float64)
    texts = {name: np.array(column(name), dtype=object) for name in _texts()}
    _forget(numbers, texts, np.broadcast_to(unknown, (len(keys), len(all_signals()))))
    columns = np.column_stack([column(FACT + name) for name in FACTS]).astype(np.float64)
    facts = pd.DataFrame(np.round(np.nan_to_num(columns, nan=0.0), DECIMALS), columns=list(FACTS))
    return Matrix(keys, _signals(numbers, texts), facts, money)


def put_together(pieces: Iterable[Matrix], rows: int, with_money: bool = False) -> Matrix:
    """Return matrices one below the other, each let go as soon as it is copied; `rows` is how many all have."""
    numbers, facts = np.empty((rows, len(_numbers()))), np.empty((rows, len(FACTS)))
    texts = {name: np.empty(rows, dtype=object) for name in _texts()}
    keys: list[pd.DataFrame] = []
    money: list[pd.DataFrame] = []
    start = 0
    for piece in pieces:
        here = slice(start, start := start + len(piece))
        numbers[here] = piece.signals[_numbers()].to_numpy()
        facts[here] = piece.facts.to_numpy()
        for name, column in texts.items():
            column[here] = piece.signals[name].to_numpy(object)
        keys.append(piece.keys)
        if with_money and piece.money is not None:
            money.append(piece.money)
    whole = pd.concat(money, ignore_index=True) if money else None
    table = pd.DataFrame(facts, columns=list(FACTS))
    return Matrix(pd.concat(keys, ignore_index=True), _signals(numbers, texts), table, whole)


def first_records(tables: Tables) -> dict[str, date]:
    """Return since when each history table is recorded: as `book.toml` says, or as its records tell."""
    said = {name: since for name in HISTORY if (since := tables.known[name].since) is not None}
    told = first_recorded(tables, [name for name in HISTORY if name not in said])
    return {name: (said | told)[name] for name in HISTORY if name in said or name in told}


def parts(view: AsOf) -> list[ir.Table]:
    """Return one table per relation: the view's keys with every signal and fact over that relation."""
    by_relation: dict[str, tuple[Relation, dict[str, ir.Value]]] = {}
    for signal in all_signals():
        if signal.over is not ROW:
            rows = signal.over.build(view)
            by_relation.setdefault(signal.over.name, (signal.over, {}))[1][signal.name] = signal.expression(rows)
    for relation, name, expression in (*_facts(view), *billing.measures(view)):
        by_relation.setdefault(relation.name, (relation, {}))[1][name] = expression
    return [rows.build(view).group_by(view.keys).aggregate(**aggregates) for rows, aggregates in by_relation.values()]


def finished_row(joined: ir.Table) -> ir.Table:
    """Return the joined parts, with the default of each signal without a record and with the signals over the row."""
    defaults = {signal.name: signal.when_none for signal in all_signals() if signal.over is not ROW}
    defaults |= {name: 0.0 for name in joined.columns if name.startswith(FACT)}
    filled = joined.mutate(
        **{name: joined[name].fill_null(value) for name, value in defaults.items() if value is not None}
    )
    records = [filled[name] for name in joined.columns if name.startswith(f"{FACT}records_")]
    combined = {signal.name: signal.expression(filled) for signal in all_signals() if signal.over is ROW}
    combined |= {s.name: untold.unless_untold(filled, s.told_by, filled[s.name]) for s in all_signals() if s.told_by}
    combined[f"{FACT}records_365d"] = reduce(lambda a, b: a + b, records)
    combined[f"{FACT}revenue_365d"] = billing.year(filled).fill_null(0.0)
    row = filled.mutate(**combined)
    return row.drop(*(name for name in row.columns if name.startswith((billing.MEASURE, untold.MEASURE))))


def _facts(view: AsOf) -> list[tuple[Relation, str, ir.Value]]:
    records = [
        (table_relation(name), f"{FACT}records_{name}", view[name].count(where=view[name].age_days <= 365))
        for name in HISTORY
    ]
    told_by = sorted({signal.told_by for signal in all_signals() if signal.told_by})
    told = [(name, *name.split(".")) for name in told_by]
    return [
        *records,
        *((table_relation(table), untold.measure(name), view[table][column].count()) for name, table, column in told),
        (table_relation("accounts"), f"{FACT}customer_days", view["accounts"].age_days.max()),
        (table_relation("contracts"), f"{FACT}contract_value", running_value(view["contracts"])),
    ]


@cache
def _is_number() -> np.ndarray:
    return np.array([not signal.is_text for signal in all_signals()])


@cache
def _numbers() -> list[str]:
    return [signal.name for signal in all_signals() if not signal.is_text]


@cache
def _texts() -> list[str]:
    return [signal.name for signal in all_signals() if signal.is_text]


@cache
def _money() -> dict[str, int]:
    """Return the place among the numbers of each signal that is money."""
    units = {signal.name: signal.unit for signal in all_signals()}
    return {name: place for place, name in enumerate(_numbers()) if units[name] in MONEY_UNITS}


def _forget(numbers: np.ndarray, texts: Mapping[str, np.ndarray], unknown: np.ndarray) -> None:
    """Set to null, in place, the values that a boolean array of shape (rows, signals) marks."""
    is_number = _is_number()
    numbers[unknown[:, is_number]] = np.nan
    for name, unknown_text in zip(_texts(), unknown[:, ~is_number].T, strict=True):
        texts[name][unknown_text] = None


def _signals(numbers: np.ndarray, texts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the signals in their order, from the numbers in one array and the texts by name."""
    frame = pd.DataFrame(numbers, columns=_numbers())
    for position, signal in enumerate(all_signals()):
        if signal.is_text:
            frame.insert(position, signal.name, pd.Series(texts[signal.name], dtype=object))
    return frame


def _unrecorded(dates: np.ndarray, recorded_since: Mapping[str, date]) -> np.ndarray:
    """Return a boolean array of shape (rows, signals): signals that look back beyond a needed table's first record.

    A first record at or after as_of marks nothing: at that date the table is as empty as a table without records.
    """
    days = {name: (dates - np.datetime64(start, "D")).astype(int) for name, start in recorded_since.items()}
    short = np.zeros((len(dates), len(all_signals())), dtype=bool)
    for position, signal in enumerate(all_signals()):
        for name in signal.needs:
            if signal.history_days is not None and name in days:
                short[:, position] |= (days[name] > 0) & (days[name] < signal.history_days)
    return short
