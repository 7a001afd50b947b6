"""What a figure is, the short ways to declare one, and the registry of all figures.

In: the modules of `features/figures/families/`, each with a tuple `FIGURES`. Out: `all_figures()`.

A figure stands on rows, one per account (or record) and as-of date, with columns of numbers. The engine adds these
columns up, for the book and for every group of a split, and `finish` makes value and interval of the sums. So whatever
is a sum adds up over every split, and a rate is never a mean of rates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

import ibis.expr.types as ir
import numpy as np

from features.figures.intervals import wilson
from features.signal import Fact, modules_of

if TYPE_CHECKING:
    from features.figures.programme import Programme

#: Before the name of a column: the number of rows in which it is not 0, beside the sums of columns.
NUMBER_OF = "number_of_"
#: Sources that say more than who and where, in German.
SOURCES_DE: Mapping[str, str] = {
    "Reichheld, Darnell & Burns, Winning on Purpose (2021), earned growth rate":
        "Reichheld, Darnell & Burns, Winning on Purpose (2021), Rate des verdienten Wachstums",
    "Bain & Company, closed-loop feedback: within 48 hours": "Bain & Company, Antwort auf Feedback binnen 48 Stunden",
    "Gupta, Lehmann & Stuart, Valuing Customers (2004); the course of hazards is churn-risk's":
        "Gupta, Lehmann & Stuart, Valuing Customers (2004); der Verlauf der Risiken ist von churn-risk",
    "Common definition in retail": "Übliche Definition im Handel",
    "Dick & Basu, Customer Loyalty (1994): attitude x behaviour":
        "Dick & Basu, Customer Loyalty (1994): Einstellung x Verhalten",
    "Reichheld, The One Number You Need to Grow (2003); interval: Tango (1998)":
        "Reichheld, The One Number You Need to Grow (2003); Intervall: Tango (1998)",
    "churn-risk: the score weighted by revenue": "churn-risk: der Wert, mit Umsatz gewichtet",
    "Common definition of SaaS metrics (Skok; Gainsight)": "Übliche Definition von SaaS-Kennzahlen (Skok; Gainsight)",
    "ChartMogul, net MRR churn with reactivation": "ChartMogul, Netto-Umsatzverlust (MRR) mit Reaktivierung",
    "Gainsight, renewal rate on the revenue that is due": "Gainsight, Verlängerungsquote auf den fälligen Umsatz",
    "Stripe Billing, subscriber churn rate": "Stripe Billing, Abwanderungsquote der Abonnenten",
}  # fmt: skip
Unit = Literal["share", "NPS points", "currency", "currency per currency", "accounts", "contacts", "records", "hours"]
Sums = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Values:
    """A figure for several groups: arrays of one shape, NaN where a value or a bound is not known.

    Attributes
    ----------
    value, low, high : float arrays
        Value and interval.
    n : float array
        What was counted: accounts, answers, records.
    hidden : bool array, optional
        Groups whose value may not be shown: with anonymous answers among fewer than `shown_from`.
    """

    value: np.ndarray
    n: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    hidden: np.ndarray | None = None
    shown_from: int = 0


@dataclass(frozen=True)
class Rows:
    """Rows to add up.

    Attributes
    ----------
    name : str
        Unique.
    build : callable
        Programme -> Ibis table with account_id, as_of, columns of numbers, and the texts of `splits`.
    splits : tuple of str
        Splits by what the rows themselves hold, beside those by what their accounts are.
    kept : tuple of str
        Splits whose groups a scoring run keeps.
    """

    name: str
    build: Callable[[Programme], ir.Table]
    splits: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One figure with all that its page, its terminal table and its tests need to know.

    Attributes
    ----------
    name, unit : str
        The unit `share` is a fraction.
    en, de : str
        Label.
    definition_en, definition_de, source : str
        What exactly it is, and who defines it so.
    needs : tuple of str
        Tables without which it is null.
    rows : Rows
        What is added up.
    sums : tuple of str
        The columns of the rows that `finish` reads; `NUMBER_OF` before one counts its rows.
    finish : callable
        Sums -> Values.
    months_back : mapping of table name to int
        Months before as_of from which on a table must be recorded; a period that begins earlier is cut off.
    relies_on : tuple of str
        As of a signal: null where `book.toml` says that a source lacks it.
    least : int
        A group with fewer counted shows nothing.
    adds_up : bool
        Whether it is a sum, so that groups add up to the whole.
    over_period : bool
        Whether 12 of the months back are the period, which the user may choose.
    estimates : tuple of str
        Columns of `features.figures.estimates` without which it is null: what a scoring run estimates.
    """

    name: str
    unit: Unit
    en: str
    de: str
    definition_en: str
    definition_de: str
    source: str
    needs: tuple[str, ...]
    rows: Rows
    sums: tuple[str, ...]
    finish: Callable[[Sums], Values]
    months_back: Mapping[str, int] = field(default_factory=dict)
    relies_on: tuple[Fact, ...] = ()
    least: int = 0
    adds_up: bool = False
    over_period: bool = False
    estimates: tuple[str, ...] = ()

    def source_in(self, lang: str) -> str:
        """Return who defines it so, in a language."""
        return SOURCES_DE.get(self.source, self.source) if lang == "de" else self.source

    @property
    def family(self) -> str:
        """Name of the rows' family."""
        return self.rows.name.partition(".")[0]


@dataclass(frozen=True)
class Words:
    """Labels and definitions of a figure, and who defines it so."""

    en: str
    de: str
    definition_en: str
    definition_de: str
    source: str = "churn-risk"


@dataclass(frozen=True)
class Basis:
    """What the figures of one family share: rows, tables they need, how far these must reach back."""

    rows: Rows
    needs: tuple[str, ...]
    months_back: Mapping[str, int] = field(default_factory=dict)
    relies_on: tuple[Fact, ...] = ()
    over_period: bool = False
    estimates: tuple[str, ...] = ()

    def figure(self, name: str, unit: Unit, sums: tuple[str, ...], finish: Callable[[Sums], Values], words: Words,
               least: int = 0, adds_up: bool = False) -> Figure:  # fmt: skip
        """Return a figure over these rows."""
        return Figure(
            name=name, unit=unit, en=words.en, de=words.de, definition_en=words.definition_en,
            definition_de=words.definition_de, source=words.source, needs=self.needs, rows=self.rows, sums=sums,
            finish=finish, months_back=self.months_back, relies_on=self.relies_on, least=least, adds_up=adds_up,
            over_period=self.over_period, estimates=self.estimates,
        )  # fmt: skip

    def total(self, name: str, unit: Unit, column: str, words: Words, counted: str = "counted") -> Figure:
        """Return the sum of a column; groups add up to the whole. Of an amount, the rows that add to it are counted."""
        number = f"{NUMBER_OF}{column}" if unit == "currency" else counted

        def finish(sums: Sums) -> Values:
            return Values(sums[column], sums[number])

        return self.figure(name, unit, (column, number), finish, words, adds_up=True)

    def rate(self, name: str, hits: str, of: str, words: Words) -> Figure:
        """Return a share of things that are counted one by one, with Wilson's interval."""

        def finish(sums: Sums) -> Values:
            low, high = wilson(sums[hits], sums[of])
            return Values(divided(sums[hits], sums[of]), sums[of], low, high)

        return self.figure(name, "share", (hits, of), finish, words)

    def ratio(self, name: str, above: tuple[str, ...], below: str, words: Words, counted: str = "counted",
              unit: Unit = "share") -> Figure:  # fmt: skip
        """Return a quotient of sums, those above added up first."""

        def finish(sums: Sums) -> Values:
            return Values(divided(np.sum([sums[name] for name in above], axis=0), sums[below]), sums[counted])

        return self.figure(name, unit, tuple(dict.fromkeys((*above, below, counted))), finish, words)


def divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return a quotient, NaN where what it is divided by is not above 0."""
    return above / np.where(below > 0, below, np.nan)


@cache
def all_figures() -> tuple[Figure, ...]:
    """Return every figure, by family in the order of the files, within one as declared."""
    figures = [figure for module in modules_of("features.figures.families") for figure in module.FIGURES]
    names = [figure.name for figure in figures]
    if len(set(names)) != len(names):
        raise ValueError(
            f"names of figures are not unique: {sorted({name for name in names if names.count(name) > 1})}"
        )
    return tuple(figures)


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures."""
    return tuple(figure.name for figure in all_figures())
