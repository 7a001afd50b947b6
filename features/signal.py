"""What a signal is, and the registry of all signals.

In: the modules of the folder `features/signals/`. Out: `all_signals()`.

A signal is one small function in one file of that folder. It takes a relation (one row per record, account and as-of
date) and returns an Ibis aggregate over it. The matrix groups by (account_id, as_of) and evaluates all signals over the
same relation in one scan. A relation is one of three:

- a table of the contract, by name: `over="surveys"`;
- rows derived from one or more tables, by a function of the as-of view marked `@relation`;
- `over=ROW`, the finished row of the other signals, for signals that combine several tables.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Literal

import ibis.expr.types as ir

from features.as_of import AsOf

Riskier = Literal["rising", "falling", "either"]
Fact = Literal["invitations", "answer_times", "kinds"]
Expression = Callable[[ir.Table], ir.Value]


@dataclass(frozen=True)
class Relation:
    """Rows to aggregate over: `build` derives them from the as-of view, `needs` names the tables it reads."""

    name: str
    needs: tuple[str, ...]
    build: Callable[[AsOf], ir.Table]


def relation(*needs: str) -> Callable[[Callable[[AsOf], ir.Table]], Relation]:
    """Mark a function of the as-of view as a relation over the named tables; its rows keep account_id and as_of."""

    def mark(build: Callable[[AsOf], ir.Table]) -> Relation:
        return Relation(f"{build.__module__.rsplit('.', 1)[-1]}.{build.__name__.lstrip('_')}", needs, build)

    return mark


def table_relation(name: str) -> Relation:
    """Return the relation that is one table's view, unchanged."""
    return Relation(name, (name,), lambda view: view[name])


#: The row of all other signals and facts. A signal over it must name the tables it needs.
ROW = Relation("row", (), lambda view: view.spine)


@dataclass(frozen=True)
class Signal:
    """One signal, with everything that the matrix, constraints, reports, dictionary and tests need to know of it.

    Attributes
    ----------
    name : str
        `subject_measure_window`; also the name of its column in the matrix.
    theme : str
        Code of the theme under which reports sum its reasons: `nps`, `silence`, `single_contact`, ...
    unit : str
        Unit of the value; `flag` for 0 or 1, `text` for a category.
    en, de : str
        Its English and German label in reports.
    riskier : 'rising', 'falling' or 'either'
        The direction of the value in which risk is expected to grow.
    actionable : bool
        Whether an account manager can change it. Otherwise it is context.
    over : Relation
        The rows it aggregates.
    needs : tuple of str
        Tables it needs: it is null when one of them is absent.
    relies_on : tuple of str
        What its tables must hold beside answers: "invitations", also those that got no answer, and "answer_times" of
        their own. It is null where `book.toml` says that they do not. Of "kinds", words that tell defects, validation
        says it.
    told_by : str or None
        "table.column", an optional column: it is null for an account with records of the table of which none has it.
    history_days : int or None
        Days of records it looks back on. It is null where the book holds fewer days of records.
    when_none : float or None
        Its value for an account without a record in a table that is present: 0 for counts.
    expression : callable
        Relation -> Ibis aggregate.
    """

    name: str
    theme: str
    unit: str
    en: str
    de: str
    riskier: Riskier
    actionable: bool
    over: Relation
    needs: tuple[str, ...]
    relies_on: tuple[Fact, ...]
    told_by: str | None
    history_days: int | None
    when_none: float | None
    expression: Expression

    @property
    def is_text(self) -> bool:
        """Whether the value is a category rather than a number."""
        return self.unit == "text"

    @property
    def family(self) -> str:
        """Name of the file that defines it: nps, response, contacts, ..."""
        return self.expression.__module__.rsplit(".", 1)[-1]

    @property
    def monotone(self) -> int:
        """Constraint on the risk: 1 rising, -1 falling, 0 none."""
        return {"rising": 1, "falling": -1, "either": 0}[self.riskier]


def theme(code: str) -> Callable[..., Callable[[Expression], Signal]]:
    """Return the decorator that turns functions into signals of one theme; a family's file calls it at the top.

    Examples
    --------
    >>> signal = theme("revenue")
    >>> @signal(over="invoices", unit="currency", en="Revenue, 90 days", de="Umsatz, 90 Tage", riskier="falling",
    ...         when_none=0)
    ... def revenue_90d(invoices):
    ...     return invoices.amount.sum(where=invoices.age_days <= 90)
    >>> revenue_90d.history_days, revenue_90d.needs
    (90, ('invoices',))
    """

    def signal(
        *,
        over: str | Relation,
        unit: str,
        en: str,
        de: str,
        riskier: Riskier,
        actionable: bool = True,
        when_none: float | None = None,
        history_days: int | None = None,
        needs: tuple[str, ...] = (),
        relies_on: tuple[Fact, ...] = (),
        told_by: str | None = None,
    ) -> Callable[[Expression], Signal]:
        rows = table_relation(over) if isinstance(over, str) else over

        def make(expression: Expression) -> Signal:
            name = expression.__name__
            return Signal(
                name=name,
                theme=code,
                unit=unit,
                en=en,
                de=de,
                riskier=riskier,
                actionable=actionable,
                over=rows,
                needs=needs or rows.needs,
                relies_on=relies_on,
                told_by=told_by,
                history_days=history_days or _window_of(name),
                when_none=when_none,
                expression=expression,
            )

        return make

    return signal


def _window_of(name: str) -> int | None:
    window = re.search(r"_(\d+)d$", name)
    return int(window.group(1)) if window else None


def modules_of(package: str) -> list[ModuleType]:
    """Return the modules of a package by name: what is found by folder is found here."""
    path = importlib.import_module(package).__path__
    return [
        importlib.import_module(f"{package}.{name}")
        for name in sorted(item.name for item in pkgutil.iter_modules(path))
    ]


@cache
def all_signals() -> tuple[Signal, ...]:
    """Return every signal of `features/signals/`, ordered by file and name: the column order of every matrix."""
    signals: list[Signal] = []
    for module in modules_of("features.signals"):
        members = vars(module).values()
        signals += sorted((member for member in members if isinstance(member, Signal)), key=lambda signal: signal.name)
    names = [signal.name for signal in signals]
    if len(set(names)) != len(names):
        raise ValueError(f"signal names are not unique: {sorted({name for name in names if names.count(name) > 1})}")
    return tuple(signals)


def signal_names() -> tuple[str, ...]:
    """Return the names of all signals in column order."""
    return tuple(signal.name for signal in all_signals())
