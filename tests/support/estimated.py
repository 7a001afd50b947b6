"""Estimates of a scoring run for the tests of figures, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from features.figures.estimates import COLUMNS, MONTHS, Estimates


def estimates_of(day: date, rows: dict[str, dict[str, float]], lead_days: int = 0) -> Estimates:
    """Return estimates by account; what is not given is not known, a `hazard` is that of every month."""
    frame = pd.DataFrame.from_dict(
        {
            account_id: dict.fromkeys(MONTHS, given["hazard"]) | given if "hazard" in given else given
            for account_id, given in rows.items()
        },
        orient="index",
    )
    frame = frame.reindex(columns=list(COLUMNS)).astype(float)
    return Estimates(day, lead_days, COLUMNS, [frame.rename_axis("account_id").reset_index()])


def random_estimates(day: date, account_ids: Sequence[str], seed: int = 0) -> Estimates:
    """Return estimates of all accounts but every tenth, of which too little is known."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.uniform(0.01, 0.3, len(account_ids)) for name in COLUMNS})
    frame = frame.assign(
        account_id=list(account_ids), lifetime_value=rng.uniform(1e3, 1e5, len(account_ids)),
        lifetime_most=2e5, harsher=1.2, milder=0.8,
    )  # fmt: skip
    frame.loc[::10, list(COLUMNS)] = np.nan
    return Estimates(day, 0, COLUMNS, [frame])
