"""Runs SQL by hand over a book's Parquet files: `python benchmarks/by_hand/run_sql.py WHAT BOOK OUT DAY [DAY ...]`.

WHAT is `all_signals` or `ten_columns`. It imports DuckDB alone, so that a process of it costs what the SQL costs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

FILES = {
    "all_signals": ("1_customers", "2_invoices", "3_surveys", "4_others", "5_matrix"),
    "ten_columns": ("ten_columns",),
}


def run(what: str, book: Path, out: Path, dates: Sequence[str]) -> None:
    """Write what the SQL leaves in the table `matrix` as a Parquet file.

    Parameters
    ----------
    book : Path
        A folder with all eleven tables as Parquet files of the declared types.
    """
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for path in book.glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM '{path}'")
        connection.execute("CREATE TEMP TABLE dates AS SELECT unnest($dates)::DATE AS as_of", {"dates": list(dates)})
        for name in FILES[what]:
            connection.execute(Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8"))
        connection.execute(f"COPY matrix TO '{out}' (FORMAT parquet)")


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
