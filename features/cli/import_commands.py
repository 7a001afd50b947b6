"""The command `import`: from exports of other systems to the tables of the contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.console import JsonOption, emit, progress_bar, say, table, written_at_once

if TYPE_CHECKING:
    from features.intake.import_report import ImportReport


def import_(
    source: Annotated[
        Path | None,
        typer.Argument(help="A mapping file; with --suggest a folder of exports.", metavar="MAPPING.toml|FOLDER"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the book; with --suggest the mapping file.", metavar="PATH")
    ] = None,
    suggested: Annotated[
        bool, typer.Option("--suggest", help="Write a mapping for the exports in a folder, with questions on top.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Name the presets.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="The exports, in place of the folder that the mapping names.", metavar="DIR")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Write tables that make no whole book, without accounts or invoices.")
    ] = False,
    answers: Annotated[
        Path | None, typer.Option(help="With --suggest: answers to its questions, a TOML file.", metavar="FILE.toml")
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write the report as a page, too.", metavar="FILE.html")
    ] = None,
    change_share: Annotated[float, typer.Option(min=0, help="Warn of a month that changed by more.")] = 0.05,
    confirm_from: Annotated[
        int | None,
        typer.Option(
            min=0, max=100, help="Only write yes beside the pairs of the crosswalk of that score, names alike excepted."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a book of exports as a mapping says, or suggest the mapping."""
    from features.errors import InputError
    from features.intake.import_page import write_page
    from features.intake.importing import import_book

    if listed:
        _list_presets(as_json)
        return
    if source is not None and confirm_from is not None:
        _confirm(source, confirm_from, as_json)
        return
    if source is None or out is None:
        raise InputError("import needs a mapping file and --out BOOK, or a folder, --suggest and --out MAPPING.toml")
    if suggested:
        _suggest(source, out, _answers(answers), as_json)
        return
    with progress_bar(as_json) as step:
        made = import_book(source, out, folder, partial, change_share, step)
    if report_file is not None:
        write_page(report_file, made.report, source.name)
    if as_json:
        emit({"out": str(made.out), **made.report.as_dict()})
    else:
        _show(made.report, made.out)
    for each in made.report.unread:
        if each.preset is None:
            say(f"not read: {each}")
    # Below the long tables, where they are seen.
    for warning in made.report.warnings:
        say(f"warning: {warning}")


def _confirm(mapping: Path, least: int, as_json: bool) -> None:
    """Write yes beside the sure pairs of the crosswalk of a mapping, and nothing else."""
    from features.intake.importing import confirm_pairs

    path, confirmed, left = confirm_pairs(mapping, least)
    if as_json:
        emit({"crosswalk": str(path), "confirmed": confirmed, "left": left})
        return
    say(
        f"{confirmed} pairs confirmed in {path}; {left} of that score are left to you: only alike, shared by several, "
        "or beside a sign of another account"
    )


def _list_presets(as_json: bool) -> None:
    from features.intake.asking.presets import BASES, presets

    if as_json:
        emit({"presets": [preset.model_dump(include={"name", "title", "basis", "source"}) for preset in presets()]})
        return
    rows = [[preset.title, ", ".join(preset.fills) or "crosswalk", BASES[preset.basis]] for preset in presets()]
    table("Presets", ["kind of file", "fills", "made from"], rows)


def _answers(path: Path | None) -> dict[str, Any]:
    """Read answers: plain values by the name of the question."""
    import tomllib

    from features.errors import InputError

    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"--answers {path}: cannot be read: {error}") from error


def _suggest(folder: Path, out: Path, answers: dict[str, Any], as_json: bool) -> None:
    """Write a suggested mapping; one that is there stays, since somebody may have answered in it."""
    from features.errors import InputError
    from features.intake.asking.suggesting import suggest

    if out.exists():
        raise InputError(f"{out} is there already; remove it or name another file")
    made = suggest(folder, os.path.relpath(folder.resolve(), out.parent.resolve()), answers)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_at_once(out) as scratch:
        scratch.write_text(made.text, encoding="utf-8")
    if as_json:
        told: dict[str, Any] = {
            "unknown": list(made.unknown),
            "open_questions": list(made.open_questions),
            "notes": list(made.notes),
        }
        told |= {"proposed": made.proposed, "assumed": made.assumed}
        emit({"out": str(out), "files": {name: list(files) for name, files in made.files.items()}, **told})
        return
    table(
        f"Known by their headers; mapping in {out}",
        ["preset", "files"],
        [[k, ", ".join(v)] for k, v in made.files.items()],
    )
    for name in made.unknown:
        say(f"not known: {name}")
    for note in made.notes:
        say(f"note: {note}")
    for name, ask in made.assumed.items():
        say(f'assumed: {name} = ""; {ask}')
    for name, column in made.proposed.items():
        say(f"to be confirmed in {out}: {name} = {column}")
    to_fill = ['every "?" of a table that the files have'] if 'from = "?"' in made.text else []
    say(f"to be answered in {out}: {', '.join([*made.open_questions, *to_fill]) or 'nothing'}")


def _show(report: ImportReport, out: Path) -> None:
    rows = [[f"{file.file} -> {file.table}", f"{file.rows:,}", f"{file.kept:,}", ""] for file in report.files]
    table("Rows of the files", ["file", "read", "kept", ""], rows)
    reasons = [
        [f"{file.file} -> {file.table}: {left.reason}", f"{left.rows:,}", left.amount or "", ", ".join(left.places)]
        for file in report.files
        for left in file.left_out
    ]
    if reasons:
        table("Left out", ["reason", "rows", "amounts", "where"], reasons)
    years: dict[str, dict[str, int]] = {}
    for name, months in report.by_month.items():
        for month, count in months.items():
            years.setdefault(name, {})[month[:4]] = years.get(name, {}).get(month[:4], 0) + count
    records = [
        [name, f"{count:,}", ", ".join(f"{year}: {rows:,}" for year, rows in years.get(name, {}).items())]
        for name, count in report.records.items()
    ]
    table(f"Tables in {out}", ["table", "records", "by year"], records)
    if report.revenue_by_year:
        table(
            "Revenue by year, to be held against the ledger",
            ["year", "revenue"],
            [[*item] for item in report.revenue_by_year.items()],
        )
    for text in report.gross:
        say(f"net: {text}")
    for name, accounts in report.one_system_only.items():
        say(f"{name}: {', '.join(accounts)}")
    for text in report.assumed:
        say(f"assumed: {text}")
    for text in report.unknown:
        say(f"unknown: {text}")
    if report.proposals:
        say(
            f"{report.proposals} pairs of accounts wait in {report.crosswalk}: write yes into `confirmed`, or let "
            "`--confirm-from 95` do it for those that a number, an id or the very name speaks for, and import again"
        )


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("import")(import_)
