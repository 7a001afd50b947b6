"""The usual figures of each segment: the signals of one training slice go in, medians by segment come out."""

from __future__ import annotations

import pandas as pd

from features.signal import all_signals
from training.bundle.bundle import SegmentMedians

SEGMENT = "account_segment"
#: Accounts that must have a signal, so that their median is that of a segment and not of some accounts.
LEAST_ACCOUNTS = 20
#: Segments kept, the largest first: a column of names or cities is no segmentation.
MOST_SEGMENTS = 20


def segment_medians(signals: pd.DataFrame) -> dict[str, SegmentMedians]:
    """Return the medians of every segment with at least `LEAST_ACCOUNTS` accounts.

    Parameters
    ----------
    signals : DataFrame
        One row an account at one as-of date, a column a signal; among them the text signal `account_segment`.
    """
    numbers = [item.name for item in all_signals() if not item.is_text and item.name in signals]
    counts = signals[SEGMENT].astype(object).value_counts()
    large = counts[counts >= LEAST_ACCOUNTS].head(MOST_SEGMENTS)
    found = {}
    for segment in sorted(large.index):
        rows = signals.loc[(signals[SEGMENT] == segment).to_numpy(bool), numbers]
        medians = rows.median()[rows.notna().sum() >= LEAST_ACCOUNTS]
        found[str(segment)] = SegmentMedians(
            accounts=len(rows), signals={str(name): float(median) for name, median in medians.items()}
        )
    return found
