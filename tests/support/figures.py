"""Figures of a scoring run written by hand, without a book: of two account managers and of accounts of nobody."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pandas as pd

from features.figures.figure import Figure, all_figures
from serving.scoring.book_figures import Beside, BookFigures, Part
from serving.store import ScoreStore
from support.stored import MODEL, SCORE

ANA, BO = "Ana Mertens", "Bo Lindqvist"
DATES = ["2025-11-01", "2025-12-01", "2026-01-01"]
MISSING = ["missing", {"table": "loops"}]
#: Account -> manager, revenue, and what of it was lost since the beginning.
ACCOUNTS: Mapping[str, tuple[str | None, float, float]] = {
    "ana-1": (ANA, 600.0, 0.0), "ana-2": (ANA, 250.0, -50.0), "bo-1": (BO, 7000.0, 0.0), "bo-2": (BO, 0.0, -1234.5),
    "nobodys": (None, 10.0, 0.0),
}  # fmt: skip


def figures_by_hand() -> BookFigures:
    """Return figures of which revenue sums over accounts, loops are not known, and the rest is a fixed number."""
    parts = [Part(who, _record(who)) for who in (None, ANA, BO)]
    rows = [
        (account_id, name, value, manager, f"Name of {account_id}")
        for account_id, (manager, revenue, lost) in ACCOUNTS.items()
        for name, value in (("revenue_customers", revenue), ("revenue_lost_invoiced", lost))
        if value
    ]
    return BookFigures(
        tuple(parts), [pd.DataFrame(rows, columns=["account_id", "figure", "value", "account_manager", "name"])]
    )


def kept_beside(name: str, kept: Mapping[str, list[dict[str, Any]]]) -> Beside:
    """Return what is kept of accounts, given as plain values."""
    pairs = [(account_id, row) for account_id in sorted(kept) for row in kept[account_id]]
    rows = [SimpleNamespace(account_id=account_id, plain=row) for account_id, row in pairs]
    return Beside(name, rows, attrgetter("plain"))


def put_figures(store: ScoreStore, **changes: Any) -> None:
    """Store a run of one score with the figures."""
    store.write([SCORE], {}, MODEL, SCORE.as_of, SCORE.scored_at, **({"figures": figures_by_hand()} | changes))


def _record(who: str | None) -> dict[str, Any]:
    mine = [row for row in ACCOUNTS.values() if who in (None, row[0])]
    revenue, lost = (sum(row[place] for row in mine) for place in (1, 2))
    values = {"revenue_lost_invoiced": lost, "revenue_customers": revenue, "revenue_unheard": revenue}
    values |= {"revenue_opening_invoiced": revenue - lost, "revenue_closing_invoiced": revenue}
    return {
        "currency": "EUR", "dates": DATES,
        "figures": {figure.name: _lists(figure, values, len(mine)) for figure in all_figures()},
    }  # fmt: skip


def _lists(figure: Figure, values: Mapping[str, float], n: int) -> dict[str, list[Any]]:
    if "loops" in figure.needs:
        return {name: [None] * 3 for name in ("value", "low", "high", "n")} | {"reason": [MISSING] * 3}
    value = values.get(figure.name, 0.25 if figure.unit == "share" else 0.0)
    bounds = (0.2, 0.3) if figure.unit == "share" else (None, None)
    return {
        "value": [None, value, value], "low": [None, bounds[0], bounds[0]], "high": [None, bounds[1], bounds[1]],
        "n": [None, n, n], "reason": [["nobody", {}], None, None],
    }  # fmt: skip
