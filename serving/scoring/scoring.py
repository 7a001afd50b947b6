"""(matrix, bundle) -> scores; pure. Batch scoring and the endpoint both come through here.

Figures are rounded here and nowhere else, to what they mean: probabilities and their parts to a millionth, money to
cents, other values of signals to six decimals. What follows from others, such as a band, follows from rounded ones, so
that who reads an answer can work it out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd

from features.as_of import stored_customers
from features.batch.computing import compute
from features.matrix import MONEY_UNITS, Matrix
from features.signal import all_signals
from features.tables import OPTIONAL_HISTORY, Tables
from serving.scoring.bands import FEW_RECORDS, NEW_DAYS, bands
from serving.scoring.cautions import Caution, cautions
from serving.scoring.foresight import Foreseen, foresee
from serving.scoring.scores import Reason, Score
from training.bundle.bundle import Bundle
from training.bundle.explanation import Explained, explain
from training.lifetime_terms import LifetimeTerms
from training.worth.economics import best_actions

#: Rows whose reasons are held as plain lists at a time.
AT_ONCE = 2_000
#: Decimals of money, and of the values of signals that are none.
CENTS, DECIMALS = 2, 6


@dataclass(frozen=True)
class Scored:
    """Scores of a matrix as columns; `rows` yields them one by one.

    Attributes
    ----------
    figures : mapping of name to array of shape (rows,)
        churn_probability, revenue_365d, value, revenue_at_risk, expected_profit, best_action, band,
        threat.
    missing : sequence of tuple of str
        The tables not known, for each row.
    outlook : Foreseen or None
        When each account may leave and what may be lost though it stays: beside the scores, no part of them. None
        where the bundle has no model of it, and for the endpoint, which does not wait for it.
    """

    bundle: Bundle
    scored_at: datetime
    currency: str | None
    matrix: Matrix
    explained: Explained
    figures: Mapping[str, np.ndarray]
    missing: Sequence[tuple[str, ...]]
    outlook: Foreseen | None = None

    def __len__(self) -> int:
        """Return the number of scores."""
        return len(self.matrix)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row an account: account_id, as_of and the figures."""
        return self.matrix.keys.assign(**self.figures)

    def rows(self, currencies: Sequence[str | None] | None = None) -> Iterator[Score]:
        """Yield one Score a row, in the book's currency where none is given for each row."""
        shared: dict[str, Any] = {
            "model_version": self.bundle.version,
            "scored_at": self.scored_at,
            "base_probability": self.explained.base,
        }
        columns = {
            "account_id": self.matrix.keys["account_id"].to_list(),
            "as_of": self.matrix.keys["as_of"].to_numpy("datetime64[D]").tolist(),
            "currency": [self.currency] * len(self) if currencies is None else currencies,
            **{name: values.tolist() for name, values in self.figures.items()},
        }
        days, records = (self.matrix.facts[name].tolist() for name in ("customer_days", "records_365d"))
        for i, row in enumerate(zip(*columns.values(), strict=True)):
            record = dict(zip(columns, row, strict=True))
            collect = self._collect(i, days[i], records[i]) if record["band"] == "unknown" else ()
            if i % AT_ONCE == 0:
                reasons = _Reasons(self.matrix, self.explained, slice(i, i + AT_ONCE))
            yield Score(
                **record, **shared, reasons=reasons.of(i % AT_ONCE), missing_tables=self.missing[i], collect=collect
            )

    def cautions(self) -> list[Caution]:
        """Return what to know beside the scores."""
        return cautions(self.bundle, self.figures["value"].tolist(), [self.currency])

    def outlooks(self) -> dict[str, dict[str, Any]]:
        """Return the outlook by account_id as plain values (see `Foreseen.of`); empty where there is none."""
        if self.outlook is None:
            return {}
        return {account_id: self.outlook.of(row) for row, account_id in enumerate(self.matrix.keys["account_id"])}

    def _collect(self, row: int, days: float, records: float) -> tuple[str, ...]:
        wanted = []
        if days < NEW_DAYS:
            wanted.append(f"history: a customer for {days:.0f} days, {NEW_DAYS} are needed")
        if records < FEW_RECORDS:
            wanted.append(f"records: {records:.0f} in 365 days, {FEW_RECORDS} are needed")
        return (*wanted, *(f"table: {name}" for name in self.missing[row]))


class _Reasons:
    """Reasons of some rows, one by one, from plain lists: a look-up in an array or a frame for each is what costs."""

    def __init__(self, matrix: Matrix, explained: Explained, rows: slice) -> None:
        signals, contributions = matrix.signals.iloc[rows], explained.contributions[rows]
        self._signals = [(item.theme, item.name, item.actionable) for item in all_signals()]
        self._contributions: list[list[float]] = contributions.tolist()
        self._order: list[list[int]] = np.argsort(-np.abs(contributions), axis=1, kind="stable").tolist()
        is_text = np.array([item.is_text for item in all_signals()])
        numbers = _rounded(signals.iloc[:, np.flatnonzero(~is_text)], matrix.money, rows)
        values = np.full((len(signals), len(is_text)), None, dtype=object)
        values[:, ~is_text] = np.where(np.isnan(numbers), np.array(None), numbers)
        texts = np.full(values.shape, None, dtype=object)
        for column in np.flatnonzero(is_text).tolist():
            read = signals.iloc[:, column].to_list()
            texts[:, column] = [None if text is None else str(text) for text in read]
        self._values: list[list[float | None]] = values.tolist()
        self._texts: list[list[str | None]] = texts.tolist()

    def of(self, row: int) -> tuple[Reason, ...]:
        """Return one row's reasons by falling absolute contribution."""
        reasons = [
            Reason(theme, name, value, text, contribution, actionable)
            for (theme, name, actionable), value, text, contribution in zip(
                self._signals, self._values[row], self._texts[row], self._contributions[row], strict=True
            )
        ]
        return tuple([reasons[column] for column in self._order[row]])


def _rounded(numbers: pd.DataFrame, money: pd.DataFrame | None, rows: slice) -> np.ndarray:
    """Return the values of number signals, each rounded by its unit: money as it was summed, where that is kept.

    In single precision 1,234,567.89 is 1,234,567.875.
    """
    values = numbers.to_numpy(float).round(DECIMALS)
    names = [name for name in numbers.columns if name in _money()]
    places = numbers.columns.get_indexer(pd.Index(names))
    summed = (numbers if money is None else money.iloc[rows])[names].to_numpy(float).round(CENTS)
    values[:, places] = np.where(np.isnan(values[:, places]), np.nan, summed)
    return values + 0.0


@cache
def _money() -> frozenset[str]:
    return frozenset(item.name for item in all_signals() if item.unit in MONEY_UNITS)


def score_book(tables: Tables, as_of: date, bundle: Bundle) -> Scored:
    """Score, explain and look ahead for every customer of a book as it was known at one as-of date, all at once.

    What holds some thousands of them at a time is `serving.scoring.book_scoring`.
    """
    spine = stored_customers(tables, [as_of], bundle.rule.by_silence, "spine")
    return score_part(tables, compute(tables, spine, bundle.manifest.recorded_since), bundle)


def score_part(
    tables: Tables,
    matrix: Matrix,
    bundle: Bundle,
    scored_at: datetime | None = None,
    terms: LifetimeTerms | None = None,
) -> Scored:
    """Score, explain and look ahead for some customers of a book; `scored_at` is now if it is not given."""
    missing = tuple(sorted(tables.missing & set(OPTIONAL_HISTORY)))
    scored = score_matrix(matrix, bundle, [missing] * len(matrix), tables.currency)
    outlook = foresee(bundle, matrix, scored.explained.probability, terms)
    return replace(scored, outlook=outlook, scored_at=scored_at or scored.scored_at)


def score_matrix(
    matrix: Matrix, bundle: Bundle, missing: Sequence[tuple[str, ...]], currency: str | None = None
) -> Scored:
    """Score and explain every row of a matrix.

    Parameters
    ----------
    missing : sequence of tuple of str
        For each row the tables that are not known (their signals are null in the matrix already).
    """
    explained = explain(bundle, matrix).rounded()
    probability, value = explained.probability, _cents(matrix.value)
    revenue = _cents(matrix.facts["revenue_365d"].to_numpy(float))
    band = bands(
        probability,
        value,
        matrix.facts["customer_days"].to_numpy(float),
        matrix.facts["records_365d"].to_numpy(float),
        bundle.reference,
    )
    action, profit = best_actions(probability, value, bundle.economics)
    profit = _cents(profit)
    figures = {
        "churn_probability": probability,
        "revenue_365d": revenue,
        "value": value,
        "revenue_at_risk": _cents(np.maximum(probability * revenue, 0.0)),
        "expected_profit": profit,
        "best_action": np.where(
            (band == "at_risk") & (profit > 0), np.array([*bundle.economics.actions], dtype=object)[action], None
        ),
        "band": band,
        "threat": (band == "at_risk") & (value >= round(bundle.reference.threat_value, CENTS)),
    }
    return Scored(bundle, datetime.now(UTC), currency, matrix, explained, figures, missing)


def _cents(money: np.ndarray) -> np.ndarray:
    return money.round(CENTS) + 0.0
