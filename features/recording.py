"""Since when a table is recorded, told by its own records. What `book.toml` says of it stands above this."""

from __future__ import annotations

from datetime import date

import pandas as pd

from features.tables import TABLES, Tables


def first_recorded(tables: Tables, name: str) -> date | None:
    """Return the day of a table's first record; None without one."""
    first = tables[name][TABLES[name].time].min().execute()
    return None if first is None or pd.isna(first) else pd.Timestamp(first).date()
