"""Write a simulated book to files, chunk by chunk, or hold a small one in memory.

In: a `World`. Out: `accounts.parquet` ... `memberships.parquet` (or `.csv`) and `true_hazards` in a folder, with a
`SimulationSummary`; or the same tables as pandas frames. `World.chunk_accounts` bounds the memory. Every file is
written under a temporary name, and all are renamed when the last one is complete, so a crash leaves the old files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from features.errors import InputError
from features.simulation.blocks import chunks
from features.simulation.ground.columns import TABLE_NAMES, arrow_schema
from features.simulation.ground.world import World

FileFormat = Literal["parquet", "csv"]
_PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class SimulationSummary:
    """Settings, files and totals of a simulated book.

    Attributes
    ----------
    world : World
        The settings.
    folder : Path
        The folder of the files.
    files : tuple of Path
        One per table, `true_hazards` last.
    rows : dict of table name to int
        Rows written.
    churned_accounts : int
        Accounts that left within the window.
    annual_churn_rate : float
        Churned accounts per customer and year, 0 to 1.
    revenue : float
        Sum of all invoices.
    churned_revenue : float
        Sum of the churned accounts' invoices in the 365 days before they left.
    """

    world: World
    folder: Path
    files: tuple[Path, ...]
    rows: dict[str, int]
    churned_accounts: int
    annual_churn_rate: float
    revenue: float
    churned_revenue: float


def simulate(
    world: World,
    out: Path,
    file_format: FileFormat = "parquet",
    progress: Callable[[int], None] | None = None,
) -> SimulationSummary:
    """Simulate a book and write it to a folder.

    Parameters
    ----------
    world : World
        The settings.
    out : Path
        The folder. It is created when missing; files of the same names are replaced.
    file_format : {"parquet", "csv"}
        CSV has a header, ISO dates, and an empty field for null.
    progress : callable, optional
        Called after each chunk with the number of accounts done so far.

    Raises
    ------
    InputError
        When the format is unknown, or the folder holds tables in the other format, which would mix with these.
    """
    _refuse(out, file_format)
    out.mkdir(parents=True, exist_ok=True)
    rows = dict.fromkeys(TABLE_NAMES, 0)
    money = np.zeros(2)
    with _files(out, file_format) as (files, write):
        for chunk, tables in enumerate(chunks(world), start=1):
            for name, table in tables.items():
                write(name, table)
                rows[name] += table.num_rows
            money += _revenue(tables["invoices"], tables["churns"])
            if progress is not None:
                progress(min(chunk * world.chunk_accounts, world.accounts))
    rate = rows["churns"] / max(rows["true_hazards"] / 12, 1.0)
    return SimulationSummary(world, out, files, rows, rows["churns"], rate, float(money[0]), float(money[1]))


def tables_in_memory(world: World) -> dict[str, pd.DataFrame]:
    """Simulate a small book as pandas frames, `true_hazards` among them.

    Dates are `datetime.date`, instants naive UTC timestamps, scores `Int64` and flags `boolean`. Reading the Parquet
    files with these types gives the same frames.
    """
    parts = list(chunks(world))
    return {name: _frame(pa.concat_tables([part[name] for part in parts])) for name in TABLE_NAMES}


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS_TYPES.get)
    return frame


def _refuse(out: Path, file_format: str) -> None:
    if file_format not in ("parquet", "csv"):
        raise InputError(f"file_format must be 'parquet' or 'csv', not {file_format!r}")
    other_format = "csv" if file_format == "parquet" else "parquet"
    existing = [name for name in TABLE_NAMES if (out / f"{name}.{other_format}").exists()]
    if existing:
        raise InputError(f"{out} holds {', '.join(existing)} as .{other_format}: choose an empty folder or remove them")


def _revenue(invoices: pa.Table, churns: pa.Table) -> np.ndarray:
    """Return the invoiced sum of all accounts, and of the lost ones within 365 days before they left."""
    lost = invoices.join(churns.select(["account_id", "churned_on"]), "account_id", join_type="inner")
    age = np.subtract(*(lost[name].cast(pa.int32()).to_numpy() for name in ("churned_on", "invoiced_on")))
    amounts = invoices["amount"].to_numpy().sum(), lost["amount"].to_numpy()[age <= 365].sum()
    return np.array(amounts)


_Write = Callable[[str, pa.Table], None]


@contextmanager
def _files(out: Path, file_format: str) -> Iterator[tuple[tuple[Path, ...], _Write]]:
    """Open one temporary file per table; rename all of them on success, remove them on failure."""
    final = {name: out / f"{name}.{file_format}" for name in TABLE_NAMES}
    temporary = {name: out / f".{path.name}.{os.getpid()}.tmp" for name, path in final.items()}
    try:
        with ExitStack() as stack:
            writers = {name: stack.enter_context(_writer(path, name, file_format)) for name, path in temporary.items()}
            yield tuple(final.values()), lambda name, table: writers[name].write_table(table)
        for name, path in temporary.items():
            path.replace(final[name])
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _writer(path: Path, name: str, file_format: str) -> Any:
    schema = arrow_schema(name)
    if file_format == "parquet":
        return pq.ParquetWriter(path, schema, compression="zstd")
    return pa_csv.CSVWriter(path, schema)
