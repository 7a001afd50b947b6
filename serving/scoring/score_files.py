"""Scores as a file: Parquet with reasons as a list of structs, or CSV with the same as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.console import written_at_once
from features.csv_files import write_csv
from features.errors import InputError
from serving.scoring.scores import Band, Reason, Score
from serving.scoring.scoring import Scored

#: How the fields of scores and reasons are written, by their types.
_KINDS: dict[Any, pa.DataType] = {
    str: pa.string(),
    str | None: pa.string(),
    Band: pa.string(),
    float: pa.float64(),
    float | None: pa.float64(),
    bool: pa.bool_(),
    date: pa.date32(),
    datetime: pa.timestamp("us", tz="UTC"),
    tuple[str, ...]: pa.list_(pa.string()),
}
_KINDS[tuple[Reason, ...]] = pa.list_(
    pa.struct([(name, _KINDS[kind]) for name, kind in get_type_hints(Reason).items()])
)
SCHEMA = pa.schema([(name, _KINDS[kind]) for name, kind in get_type_hints(Score).items()])
CHUNK = 2000


def check_name(path: Path) -> None:
    """Refuse a file name that is neither .parquet nor .csv."""
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {path}: scores are written as .parquet or .csv")


def write_scores(scored: Scored, path: Path, raw_csv: bool = False) -> None:
    """Write scores to a file, all of them or nothing; see `features.csv_files` for `raw_csv`."""
    check_name(path)
    with written_at_once(path) as scratch:
        if path.suffix == ".parquet":
            _write_parquet(scored, scratch)
        else:
            write_csv(flat_frame((score.in_full() for score in scored.rows()), SCHEMA.names), scratch, raw=raw_csv)


def _write_parquet(scored: Scored, path: Path) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        chunk: list[dict[str, object]] = []
        for score in scored.rows():
            chunk.append(score.in_full())
            if len(chunk) == CHUNK:
                writer.write_table(pa.Table.from_pylist(chunk, SCHEMA))
                chunk = []
        writer.write_table(pa.Table.from_pylist(chunk, SCHEMA))


def flat_frame(rows: Iterable[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table may hold them: lists and records as JSON text, dates as ISO text."""
    flat = [{name: _flat(row.get(name)) for name in columns} for row in rows]
    return pd.DataFrame(flat, columns=columns)


def _flat(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value
