"""Input and output of every command.

In: options and arguments. Out: one JSON object on standard output with `--json`; messages, tables and progress bars on
standard error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_WIDTH = 160
#: What a terminal obeys instead of showing it: control characters (ESC begins most commands), marks that turn the
#: direction of writing, and surrogates, which no terminal can show. A line break and a tab are our own.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
BREAKS = re.compile(r"[\n\t]")
Step = Callable[[str, int, int], None]


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date (YYYY-MM-DD)") from error


SourceArgument = Annotated[
    str,
    typer.Argument(
        help="A folder of CSV and Parquet files, duckdb:///FILE, postgresql://USER@HOST/DATABASE?schema=NAME or "
        "spark://CATALOG.SCHEMA.",
        metavar="SOURCE",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]
DATE_OPTION: dict[str, Any] = {"parser": _date, "metavar": "YYYY-MM-DD"}


def messages() -> Console:
    """Return the console on standard error; it is wide enough for a table when it is not a terminal."""
    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else Console(stderr=True, highlight=False, width=PLAIN_WIDTH)


def printable(text: str, one_line: bool = False) -> str:
    """Return a text that a terminal only shows: what it would obey is written out, such as ``\\u001b`` for ESC.

    Texts of others (a receiver's answer, an account's name) may hold commands that clear the screen, move the cursor or
    write to the clipboard. Everything that is printed passes through here.

    Parameters
    ----------
    text : str
    one_line : bool
        Whether line breaks and tabs are written out too, as in a cell of a table.

    Examples
    --------
    >>> print(printable("Acme\\x1b[2J Ltd"))
    Acme\\u001b[2J Ltd
    """
    shown = OBEYED.sub(_written_out, text)
    return BREAKS.sub(_written_out, shown) if one_line else shown


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def say(text: str) -> None:
    """Write a message to standard error."""
    messages().print(printable(text), markup=False, soft_wrap=True)


def put(text: str) -> None:
    """Print a text on standard output."""
    typer.echo(printable(text))


def emit(result: dict[str, Any]) -> None:
    """Print the result of a command as one JSON object on standard output."""
    typer.echo(json.dumps(result, indent=1, default=str, allow_nan=False))


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Step]:
    """Yield a function (text, step, steps) that moves a bar on standard error; only a terminal shows the bar."""
    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        task = bars.add_task("", total=None)
        yield lambda text, step, steps: bars.update(task, description=printable(text), completed=step, total=steps)


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table of text to standard error; every column after the first is aligned to the right.

    Where it is too wide, texts are folded and never cut: an id is there to be copied.
    """
    grid = Table(box=None, pad_edge=False)
    for position, name in enumerate(header):
        grid.add_column(name, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(escape(printable(cell, one_line=True)) for cell in row))
    messages().print(f"\n[bold]{escape(printable(title))}[/bold]")
    messages().print(grid)


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`.

    The temporary file replaces `path` when the block ends without an exception. Otherwise it is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}{path.suffix}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
