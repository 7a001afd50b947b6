"""The command `store actions`: what account managers did, as a table to train on.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.console import JsonOption, emit, say

if TYPE_CHECKING:
    import pyarrow as pa


def actions(
    out: Annotated[Path, typer.Option(help="The table, .parquet or .csv.", dir_okay=False, metavar="FILE")],
    as_json: JsonOption = False,
) -> None:
    """Write what was done as rows of the table `actions`: steps that are done, accounts that were handled already."""
    from features.errors import InputError
    from serving.acting.acts import action_rows
    from serving.database.engine import open_database, reading
    from serving.settings import ServiceSettings

    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {out}: the table is written as .parquet or .csv")
    engine = open_database(ServiceSettings().scores_url)
    try:
        with reading(engine) as connection:
            rows = action_rows(connection)
    finally:
        engine.dispose()
    _write(rows, out)
    if as_json:
        emit({"file": str(out), "rows": len(rows)})
    else:
        say(f"{len(rows):,} actions in {out}; add them to the table actions of the book to train on them")


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    """Write the rows, all of them or nothing."""
    import pyarrow.parquet as pq

    from features.console import written_at_once
    from features.csv_files import write_csv

    table = _table(rows)
    with written_at_once(out) as scratch:
        if out.suffix == ".parquet":
            pq.write_table(table, scratch)
        else:
            frame = table.to_pandas()
            frame["done_at"] = [row["done_at"].isoformat() for row in rows]
            write_csv(frame, scratch)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("action_id", "account_id", "kind")]
    return pa.Table.from_pylist(
        rows, pa.schema([*texts, ("done_at", pa.timestamp("us", tz="UTC")), ("note", pa.string())])
    )
