"""Scores as a file: Parquet with reasons as a list of structs, or CSV with the same as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.console import written_at_once
from features.errors import InputError
from serving.scoring.scoring import Scored

REASON = pa.struct(
    [
        ("code", pa.string()),
        ("signal", pa.string()),
        ("value", pa.float64()),
        ("value_text", pa.string()),
        ("contribution", pa.float64()),
        ("actionable", pa.bool_()),
    ]
)
SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("as_of", pa.date32()),
        ("model_version", pa.string()),
        ("scored_at", pa.timestamp("us", tz="UTC")),
        ("churn_probability", pa.float64()),
        ("revenue_365d", pa.float64()),
        ("value", pa.float64()),
        ("currency", pa.string()),
        ("revenue_at_risk", pa.float64()),
        ("expected_profit", pa.float64()),
        ("band", pa.string()),
        ("threat", pa.bool_()),
        ("base_probability", pa.float64()),
        ("reasons", pa.list_(REASON)),
        ("missing_tables", pa.list_(pa.string())),
        ("collect", pa.list_(pa.string())),
    ]
)
CHUNK = 2000


def check_name(path: Path) -> None:
    """Refuse a file name that is neither .parquet nor .csv."""
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {path}: scores are written as .parquet or .csv")


def write_scores(scored: Scored, path: Path) -> None:
    """Write scores to a file, all of them or nothing."""
    check_name(path)
    with written_at_once(path) as scratch:
        if path.suffix == ".parquet":
            _write_parquet(scored, scratch)
        else:
            _write_csv(scored, scratch)


def _write_parquet(scored: Scored, path: Path) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        chunk: list[dict[str, object]] = []
        for score in scored.rows():
            chunk.append(score.as_dict() | {"as_of": score.as_of, "scored_at": score.scored_at})
            if len(chunk) == CHUNK:
                writer.write_table(pa.Table.from_pylist(chunk, SCHEMA))
                chunk = []
        writer.write_table(pa.Table.from_pylist(chunk, SCHEMA))


def _write_csv(scored: Scored, path: Path) -> None:
    flat_frame((score.as_dict() for score in scored.rows()), SCHEMA.names).to_csv(path, index=False)


def flat_frame(rows: Iterable[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table may hold them: lists and records as JSON text."""
    flat = [{name: _flat(row.get(name)) for name in columns} for row in rows]
    return pd.DataFrame(flat, columns=columns)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
