"""What came of a finished job as a file: the columns of a score, `reason_1..3`, `status`, and `problem` without one.

One row an account, in the order of the request. Parquet has reasons as a list of structs and the problem as a struct;
CSV has both as JSON text. It is written some rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from serving.jobs.ledger import Finished
from serving.scoring.score_files import SCHEMA, flat_frame
from serving.words.short_reasons import NAMES

ResultFormat = Literal["parquet", "csv"]
FAULT = pa.struct([("pointer", pa.string()), ("detail", pa.string())])
PROBLEM = pa.struct(
    [
        ("type", pa.string()),
        ("title", pa.string()),
        ("status", pa.int64()),
        ("detail", pa.string()),
        ("errors", pa.list_(FAULT)),
    ]
)
RESULTS = pa.schema([*SCHEMA, *((name, pa.string()) for name in NAMES), ("status", pa.string()), ("problem", PROBLEM)])


def write_results(chunks: Iterable[list[Finished]], target: IO[bytes], form: ResultFormat) -> None:
    """Write the accounts of a job, chunk by chunk, to a file that is open for writing bytes."""
    if form == "parquet":
        _write_parquet(chunks, target)
    else:
        _write_csv(chunks, target)


def _write_parquet(chunks: Iterable[list[Finished]], target: IO[bytes]) -> None:
    with pq.ParquetWriter(target, RESULTS) as writer:
        for chunk in chunks:
            writer.write_table(pa.Table.from_pylist([_typed(_row(account)) for account in chunk], RESULTS))


def _write_csv(chunks: Iterable[list[Finished]], target: IO[bytes]) -> None:
    flat_frame([], RESULTS.names).to_csv(target, index=False)
    for chunk in chunks:
        flat_frame(map(_row, chunk), RESULTS.names).to_csv(target, index=False, header=False)


def _row(account: Finished) -> dict[str, Any]:
    return account.found | {"account_id": account.account_id, "status": account.state}


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    if "as_of" not in row:
        return row
    days = {"as_of": date.fromisoformat(row["as_of"]), "scored_at": datetime.fromisoformat(row["scored_at"])}
    return row | days
