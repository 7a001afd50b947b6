"""Commands of the features layer: simulate, validate, features.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, say, table

if TYPE_CHECKING:
    from features.simulation import World
    from features.tables import Tables

WINDOW_MONTHS = 36


def read_book(source: str) -> Tables:
    """Open and validate a source; warnings go to standard error."""
    from features.sources import open_source
    from features.validation import validate as validate_source

    tables = validate_source(open_source(source))
    for warning in tables.warnings:
        say(f"warning: {warning}")
    return tables


def simulate(
    accounts: Annotated[int, typer.Option(min=1, help="Number of accounts.")],
    out: Annotated[Path, typer.Option(help="Folder to write the tables to.", metavar="DIR")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same book.")] = 0,
    file_format: Annotated[Literal["parquet", "csv"], typer.Option("--format", help="File format.")] = "parquet",
    months: Annotated[int, typer.Option(min=1, help="Length of the recorded history.")] = WINDOW_MONTHS,
    null_world: Annotated[bool, typer.Option(help="A world in which nothing but chance drives churn.")] = False,
    systems: Annotated[
        str | None,
        typer.Option(
            "--as", help="In the shapes of datev,hubspot,qualtrics,zendesk, instead of tables.", metavar="NAMES"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a seeded, realistic book of accounts with its true hazards, or the exports of such a book."""
    from features.simulation import World
    from features.simulation import simulate as simulate_world

    world = World(accounts=accounts, seed=seed, months=months, null=null_world)
    if systems is not None:
        _simulate_as(world, out, [name.strip().lower() for name in systems.split(",") if name.strip()], as_json)
        return
    with progress_bar(as_json) as step:
        summary = simulate_world(world, out, file_format, lambda count: step("simulating accounts", count, accounts))
    rows = dict(summary.rows)
    if as_json:
        emit({"out": str(out), "accounts": accounts, "seed": seed, "ends_on": world.ends_on.isoformat(), "rows": rows})
        return
    table(
        f"{accounts} accounts to {world.ends_on} in {out}", ["table", "rows"], [[k, f"{v:,}"] for k, v in rows.items()]
    )


def _simulate_as(world: World, out: Path, systems: list[str], as_json: bool) -> None:
    from features.simulation.as_exports import simulate_as

    made = simulate_as(world, out, systems)
    if as_json:
        names = [path.name for path in made.files]
        emit({"out": str(out), "files": names, "expected": str(made.expected), "null_signals": list(made.null_signals)})
        return
    table(f"{world.accounts} accounts to {world.ends_on} in {out}", ["file"], [[path.name] for path in made.files])
    say(f"what an import must give is in {made.expected}, with answers.toml for --suggest --answers")
    say(f"{len(made.null_signals)} signals cannot be known of these systems: {made.expected / 'null_signals.json'}")


def validate(source: SourceArgument, as_json: JsonOption = False) -> None:
    """Check the tables and list every problem."""
    from features.postgres.address import shown
    from features.recording import recording
    from features.tables import TABLES
    from features.validation.contradictions import notes as notes_of

    tables = read_book(source)
    counts = {name: int(tables[name].count().execute()) for name in TABLES if name not in tables.missing}
    missing, notes = sorted(tables.missing), [str(note) for note in notes_of(tables)]
    spans = recording(tables).tables
    recorded = {name: [spans[name].first.isoformat(), spans[name].last.isoformat()] for name in counts if name in spans}
    if as_json:
        told = {"missing": missing, "recorded": recorded, "warnings": list(tables.warnings), "notes": notes}
        emit({"valid": True, "problems": [], "rows": counts, **told})
        return
    rows = [[name, f"{count:,}", *recorded.get(name, ["", ""])] for name, count in counts.items()]
    table(f"{shown(source)} keeps the contract", ["table", "rows", "recorded from", "to"], rows)
    for note in notes:
        say(f"note: {note}")
    if missing:
        say(f"not there, so not known: {', '.join(missing)}")


def features(
    source: SourceArgument,
    as_of: Annotated[list[date], typer.Option(**DATE_OPTION, help="As-of date; may be given several times.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write.", metavar="FILE.parquet")],
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help="What computes the matrix.")] = "duckdb",
    by_silence: Annotated[
        bool, typer.Option("--by-silence", help="Customers as a model whose churn is silence has them: invoiced twice.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the feature matrix: one row a customer and as-of date. A run that was broken off goes on where it was."""
    from features.batch.matrix_file import DUCKDB, write_matrix
    from features.engines.spark_computing import spark_engine
    from features.errors import InputError
    from features.signal import all_signals

    if out.suffix != ".parquet":
        raise InputError(f"--out {out}: the matrix is written as .parquet")
    chosen = spark_engine() if engine == "spark" else DUCKDB
    tables = read_book(source)
    signals = len(all_signals())
    with progress_bar(as_json) as step:
        rows = write_matrix(tables, as_of, out, partial(step, "computing signals"), chosen, by_silence)
    if as_json:
        emit({"out": str(out), "rows": rows, "signals": signals, "warnings": list(tables.warnings)})
    else:
        say(f"{rows:,} rows x {signals} signals in {out}")


def add_to(app: typer.Typer) -> None:
    """Add this layer's commands to the root."""
    for command in (simulate, validate, features):
        app.command()(command)
