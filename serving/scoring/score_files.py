"""Scores as a file: Parquet with reasons as a list of structs, or CSV with the same as a JSON string."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_type_hints
from uuid import uuid4

import pandas as pd
import pyarrow as pa

from features.batch.part_files import PartFiles, folder_of, part_files
from features.console import written_at_once
from features.csv_files import write_csv
from features.errors import InputError
from serving.scoring.book_scoring import CONTRACTION, KEPT
from serving.scoring.lapsed import KEY
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

#: What is kept of `KEPT` though a score does not hold it.
BESIDE = {CONTRACTION: pa.float64(), KEY: pa.bool_()}


def check_name(path: Path) -> None:
    """Refuse a file name that is neither .parquet nor .csv."""
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {path}: scores are written as .parquet or .csv")


class ScoreFile:
    """A file of scores that is written chunk by chunk and appears when it is whole.

    Attributes
    ----------
    done : int
        Rows that an earlier run with the same fingerprint has finished.
    scored_at : datetime
        When it was scored; that of the earlier run where there is one.
    """

    def __init__(self, path: Path, parts: PartFiles, raw_csv: bool = False) -> None:
        self._path, self._parts, self._raw = path, parts, raw_csv
        self.done, self.scored_at = parts.done, datetime.now(UTC)
        if self.done:
            self.scored_at = next(parts.tables(["scored_at"]))["scored_at"][0].as_py()

    def finished(self) -> pd.DataFrame:
        """Return what is kept of the rows that are done; see `serving.scoring.book_scoring.KEPT`."""
        return pa.concat_tables(self._parts.tables(list(KEPT))).to_pandas()

    def add(self, scores: Iterable[Score], beside: pd.DataFrame | None = None) -> None:
        """Write the next chunk; `beside` has the columns of `BESIDE`, kept beside each score until the file is made."""
        table = pa.Table.from_pylist([score.in_full() for score in scores], SCHEMA)
        for name, kind in BESIDE.items():
            kept = pa.nulls(len(table), kind) if beside is None else pa.array(beside[name], kind)
            table = table.append_column(name, kept)
        self._parts.add(table)

    def publish(self) -> None:
        """Make the file of all chunks."""
        if self._path.suffix == ".parquet":
            self._parts.publish(SCHEMA.names)
            return
        with written_at_once(self._path) as scratch, scratch.open("wb") as target:
            header = True
            for table in self._parts.tables(SCHEMA.names):
                write_csv(flat_frame(table.to_pylist(), SCHEMA.names), target, header, self._raw)
                header = False
        self._parts.remove()


@contextmanager
def score_file(path: Path, fingerprint: str, raw_csv: bool = False) -> Iterator[ScoreFile]:
    """Open a file of scores, all of them or nothing; see `features.csv_files` for `raw_csv`.

    Raises
    ------
    InputError
        When its name is neither .parquet nor .csv, or another run writes it.
    """
    check_name(path)
    with part_files(path, fingerprint) as parts:
        yield ScoreFile(path, parts, raw_csv)


def write_scores(scored: Scored, path: Path, raw_csv: bool = False) -> None:
    """Write scores at hand to a file, all of them or nothing."""
    try:
        with score_file(path, uuid4().hex, raw_csv) as file:
            file.add(scored.rows())
            file.publish()
    except BaseException:
        shutil.rmtree(folder_of(path), ignore_errors=True)  # Nobody goes on from it.
        raise


def flat_frame(rows: Iterable[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table may hold them: lists and records as JSON text, dates as ISO text."""
    flat = [{name: _flat(row.get(name)) for name in columns} for row in rows]
    return pd.DataFrame(flat, columns=columns)


def _flat(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value
