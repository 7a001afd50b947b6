"""The results of a finished job as a file: a score's columns, `model_grade`, `reason_1..3`, `status`, or a `problem`.

The file has one row per account, in the order of the request. Parquet has reasons as a list of structs and the problem
as a struct; CSV has both as JSON text. The module writes a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from features.csv_files import write_csv
from serving.jobs.ledger import Finished
from serving.scoring.score_files import SCHEMA, flat_frame
from serving.scoring.scores import FIELDS, Reason, Score
from serving.words.formats import Lang
from serving.words.short_reasons import NAMES, short_reasons

ResultFormat = Literal["parquet", "csv"]
Row = dict[str, Any]
ProblemOf = Callable[..., dict[str, Any]]
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
RESULTS = pa.schema(
    [
        *SCHEMA,
        ("model_grade", pa.string()),
        *((name, pa.string()) for name in NAMES),
        ("status", pa.string()),
        ("problem", PROBLEM),
    ]
)
#: The language in which outcomes keep their reasons as columns, and where they keep them in the others.
KEPT: Lang = "en"
SAID = "said"


def write_results(
    chunks: Iterable[list[Finished]],
    target: IO[bytes],
    form: ResultFormat,
    problem_of: ProblemOf,
    lang: Lang = KEPT,
    most_reasons: int | None = None,
    raw_csv: bool = False,
) -> None:
    """Write the outcomes of a job's accounts, chunk by chunk, to a file that is open for writing bytes.

    Parameters
    ----------
    chunks : iterable of lists of Finished
        The outcomes, in the order of the rows.
    form : str
        "parquet" or "csv".
    problem_of : callable
        Returns the problem for the results, from the stored code, detail and errors.
    lang : 'de' or 'en'
        The language of `reason_1..3`.
    most_reasons : int, optional
        How many of the weightiest reasons each row has; None: all.
    raw_csv : bool
        Whether CSV is for a program; see `features.csv_files`.
    """
    rows = ([_shown(_row(account, problem_of), lang, most_reasons) for account in chunk] for chunk in chunks)
    if form == "parquet":
        _write_parquet(rows, target)
    else:
        _write_csv(rows, target, raw_csv)


def _write_parquet(chunks: Iterable[list[Row]], target: IO[bytes]) -> None:
    with pq.ParquetWriter(target, RESULTS) as writer:
        for rows in chunks:
            writer.write_table(pa.Table.from_pylist([_typed(row) for row in rows], RESULTS))


def _write_csv(chunks: Iterable[list[Row]], target: IO[bytes], raw: bool) -> None:
    write_csv(flat_frame([], RESULTS.names), target)
    for rows in chunks:
        write_csv(flat_frame(rows, RESULTS.names), target, header=False, raw=raw)


def _row(account: Finished, problem_of: ProblemOf) -> Row:
    kept = account.found.get("problem", {})
    # An earlier version stored the problem in the form of the results.
    problem = {"problem": problem_of(**kept)} if "code" in kept else {}
    return account.found | problem | {"account_id": account.account_id, "status": account.state}


def _shown(row: Row, lang: Lang, most_reasons: int | None) -> Row:
    if "reasons" not in row:
        return row
    told = {} if lang == KEPT else row.get(SAID, {}).get(lang)
    if told is None:  # A job of an earlier version kept one language.
        told = short_reasons(_score_of(row), None, lang)
    return row | told | {"reasons": row["reasons"][:most_reasons]}


def _score_of(row: Row) -> Score:
    # A job of an earlier version knew fewer fields.
    fields: Row = {name: row.get(name) for name in FIELDS} | {"as_of": date.fromisoformat(row["as_of"])}
    return Score(**fields | {"reasons": tuple(Reason(**reason) for reason in row["reasons"])})


def _typed(row: Row) -> Row:
    if "as_of" not in row:
        return row
    days = {"as_of": date.fromisoformat(row["as_of"]), "scored_at": datetime.fromisoformat(row["scored_at"])}
    return row | days
