"""Whether two matrices are the same: ours, which keeps six decimals and single precision, and one that keeps all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

KEYS = ["account_id", "as_of"]
RELATIVE, OF_SLOPES = 1e-9, 1e-6
#: What is lost by six decimals, and by single precision.
DECIMALS, SINGLE = 0.5e-6, 2.0**-24


def differing(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, int]:
    """Return for each column of theirs that differs how many rows do.

    A figure of ours is the same when it is what six decimals and single precision leave of theirs, give or take 1e-9 of
    it (1e-6 of a slope). Nothing must stand in the same rows.

    Raises
    ------
    ValueError
        When the rows are not the same, or theirs has a column that ours lacks.
    """
    keys = [frame[KEYS].astype(str).reset_index(drop=True) for frame in (ours, theirs)]
    if not keys[0].equals(keys[1]):
        raise ValueError(f"the rows differ: {len(ours)} of ours, {len(theirs)} of theirs")
    unknown = sorted(set(theirs) - set(ours))
    if unknown:
        raise ValueError(f"columns that ours lacks: {', '.join(unknown)}")
    counts = {name: _unequal(ours[name], theirs[name], name) for name in theirs if name not in KEYS}
    return {name: count for name, count in counts.items() if count}


def differing_files(ours: Path, theirs: Path) -> dict[str, int]:
    """Return `differing` of two Parquet files."""
    return differing(pd.read_parquet(ours), pd.read_parquet(theirs))


def _unequal(ours: pd.Series, theirs: pd.Series, name: str) -> int:
    if not pd.api.types.is_numeric_dtype(ours):
        return int((ours.fillna("").astype(str).to_numpy() != theirs.fillna("").astype(str).to_numpy()).sum())
    kept, exact = ours.to_numpy(float), theirs.astype(float).to_numpy()
    size = np.abs(exact)
    slack = DECIMALS + (SINGLE + (OF_SLOPES if "slope" in name else RELATIVE)) * size
    either_is_null = np.isnan(kept) != np.isnan(exact)
    return int((either_is_null | (np.abs(kept - exact) > slack)).sum())
