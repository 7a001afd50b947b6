"""Is the past still as the champion learnt it? A book and the champion go in, a check comes out.

The champion's slices are made again from the new book. Where their fingerprint is that of the champion's data, not a
figure has moved. Records that arrive late or are mended move a few, records that are lost move many: then customers,
value, churn rate and the quantiles of the signals are compared with those that the champion's bundle holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from features.errors import NotEnoughData
from features.tables import Tables
from training.bundle.bundle import Bundle
from training.judge.verdict import MODEL
from training.models.folds import FORWARD
from training.refresh.checks import Check, named
from training.slices.dataset import Dataset, fingerprint
from training.slices.preparing import prepare

#: By how much customers, value and churn rate of a past date may differ from what they were: late and mended records
#: are a few in a hundred.
RESTATED = 0.05
#: A quantile has moved when it differs by more than this share of its size, or of half the range of the signal.
MOVED = 0.2
#: Share of the signals that may have moved. Each table holds a larger one.
MOST_MOVED = 0.05


def check_past(tables: Tables, champion: Bundle, known_until: date) -> Check:
    """Compare the champion's data with the same slices made of the new book.

    Parameters
    ----------
    known_until : date
        First day that the champion's data do not hold.
    """
    try:
        data = prepare(tables, replace(champion.settings, until=known_until)).data
    except NotEnoughData as error:
        return Check("past", False, f"the champion's slices cannot be made of this book any more: {error}")
    if fingerprint(data) == champion.manifest.data_fingerprint:
        return Check("past", True, "the fingerprint of the champion's slices is what it was")
    odd = [*_of_customers(data, champion), *_of_signals(data, champion)]
    told = "the fingerprint of the champion's slices differs, its figures by no more than late records make"
    return Check("past", not odd, f"rewritten: {named(odd)}" if odd else told)


def _of_customers(data: Dataset, champion: Bundle) -> Iterator[str]:
    """Yield which of the customers, their value and their churn rate are not what they were."""
    reference, manifest = champion.reference, champion.manifest
    latest = data.on([reference.as_of])
    pairs = {f"customers at {reference.as_of}": (float(reference.accounts), float(len(latest)))}
    if len(latest):
        value = np.quantile(latest.matrix.value, np.linspace(0, 1, len(reference.value_percentiles)))
        pairs[f"mean value at {reference.as_of}"] = float(np.mean(reference.value_percentiles)), float(value.mean())
    if manifest.judged_how == FORWARD:
        judged = data.on(date.fromisoformat(day) for day in manifest.verdict["as_of"])
        rate = float(judged.churned.mean()) if len(judged) else 0.0
        pairs["churn rate where it was judged"] = manifest.verdict["metrics"][MODEL]["churn_rate"], rate
    for name, (before, now) in pairs.items():
        if abs(now - before) > RESTATED * abs(before):
            yield f"{name} {now:,.4g}, was {before:,.4g}"


def _of_signals(data: Dataset, champion: Bundle) -> Iterator[str]:
    """Yield how many signals have moved, if they are more than may."""
    reference = champion.reference
    frame = data.on([reference.as_of]).matrix.signals
    moved = [name for name, before in reference.signals.items() if has_moved(frame[name], before)]
    if len(moved) > MOST_MOVED * len(reference.signals):
        yield (
            f"{len(moved)} of {len(reference.signals)} signals have other quantiles at {reference.as_of}, among them "
            f"{', '.join(moved[:3])}"
        )


def has_moved(column: pd.Series, before: Mapping[str, float]) -> bool:
    """Whether a signal's quantiles differ by more than `MOVED` from what they were, or are gone.

    Examples
    --------
    >>> was = {"0.1": 10.0, "0.5": 12.0, "0.9": 20.0}
    >>> [has_moved(pd.Series([10.0, 12.0, 20.0]) * factor, was) for factor in (1.0, 1.1, 0.5)]
    [False, False, True]
    """
    if column.isna().all():
        return True
    levels = list(before)
    was = np.array([before[level] for level in levels])
    now = column.astype(float).quantile([float(level) for level in levels]).to_numpy()
    size = np.maximum(np.abs(was), np.ptp(was) / 2)
    return bool((np.abs(now - was) > MOVED * size + 1e-9).any())
