"""The outlooks of a scored book become the table on which figures of what is to come stand.

In: band, probability and outlook of each account, as a run keeps them. Out: `Estimates`. An account of the band unknown
has none: too little is known of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from features.figures.estimates import LIFETIME, MONTHS, Estimates
from training.bundle.bundle import Bundle
from training.models.lifetime import level_deviation, steeper


class Kept(NamedTuple):
    """What a run keeps of one account; `outlook` is as `Foreseen.of` returns it, None where there is none."""

    account_id: str
    band: str
    probability: float
    outlook: Mapping[str, Any] | None


def estimates_of(rows: Iterable[Kept], as_of: date, bundle: Bundle) -> Estimates:
    """Return the estimates of a run's accounts, with the columns that its model has an estimate of."""
    names = [*_columns(bundle)]
    ids: list[str] = []
    chances, figures = array("d"), array("d")  # Of a million accounts, lists of floats take a gigabyte.
    for row in rows:
        ids.append(row.account_id)
        chances.append(row.probability)
        figures.extend(_figures(row.outlook or {}, names) if row.band != "unknown" else [np.nan] * len(names))
    frame = pd.DataFrame(np.array(figures).reshape(len(ids), len(names)), columns=names)
    if bundle.hazard is not None:
        by, chance = level_deviation(bundle.level), np.array(chances)
        frame = frame.assign(harsher=steeper(chance, by), milder=steeper(chance, -by))
    return Estimates(as_of, bundle.rule.lead_days, frame.assign(account_id=pd.Series(ids, dtype=object)))


def _columns(bundle: Bundle) -> tuple[str, ...]:
    if bundle.hazard is None:
        return ()
    return MONTHS if bundle.contraction is None else (*MONTHS, *LIFETIME)


def _figures(outlook: Mapping[str, Any], names: list[str]) -> list[float]:
    worth = outlook.get("lifetime") or {}
    course = dict(zip(MONTHS, outlook.get("monthly") or (), strict=False))
    told = course | {name: worth.get(name.removeprefix("lifetime_")) for name in LIFETIME}
    return [np.nan if told.get(name) is None else float(told[name]) for name in names]
