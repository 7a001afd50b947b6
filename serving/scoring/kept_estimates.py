"""The outlooks of a scored book become the table on which figures of what is to come stand.

In: band, probability and outlook of each account, as a run keeps them. Out: `Estimates`. An account of the band unknown
has none: too little is known of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from features.figures.estimates import LIFETIME, MONTHS, Estimates
from training.bundle.bundle import Bundle
from training.models.lifetime import level_deviation, steeper

#: Accounts of a frame.
PIECE = 20_000
#: The columns of a course of which the level of all estimates is higher or lower.
SHIFTED = ("harsher", "milder")


class Kept(NamedTuple):
    """What a run keeps of one account; `outlook` is as `Foreseen.of` returns it, None where there is none."""

    account_id: str
    band: str
    probability: float
    outlook: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Frames:
    """Estimates of the kept accounts, some at a time; one of the band unknown has none."""

    rows: Iterable[Kept]
    names: tuple[str, ...]
    bundle: Bundle

    def __iter__(self) -> Iterator[pd.DataFrame]:
        rows = iter(self.rows)
        while piece := list(islice(rows, PIECE)):
            yield self._frame(piece)

    def _frame(self, piece: Sequence[Kept]) -> pd.DataFrame:
        unknown = [np.nan] * len(self.names)
        figures = [_figures(row.outlook or {}, self.names) if row.band != "unknown" else unknown for row in piece]
        frame = pd.DataFrame(figures, columns=list(self.names), dtype=float)
        if self.bundle.hazard is not None:
            by, chance = level_deviation(self.bundle.level), np.array([row.probability for row in piece])
            frame = frame.assign(**dict(zip(SHIFTED, (steeper(chance, by), steeper(chance, -by)), strict=True)))
        return frame.assign(account_id=pd.Series([row.account_id for row in piece], dtype=object))


def estimates_of(rows: Iterable[Kept], as_of: date, bundle: Bundle) -> Estimates:
    """Return the estimates of a run's accounts, with the columns that its model has an estimate of."""
    names = _columns(bundle)
    shifted = () if bundle.hazard is None else SHIFTED
    return Estimates(as_of, bundle.rule.lead_days, (*names, *shifted), _Frames(rows, names, bundle))


def _columns(bundle: Bundle) -> tuple[str, ...]:
    if bundle.hazard is None:
        return ()
    return MONTHS if bundle.contraction is None else (*MONTHS, *LIFETIME)


def _figures(outlook: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    worth = outlook.get("lifetime") or {}
    course = dict(zip(MONTHS, outlook.get("monthly") or (), strict=False))
    told = course | {name: worth.get(name.removeprefix("lifetime_")) for name in LIFETIME}
    return [np.nan if told.get(name) is None else float(told[name]) for name in names]
