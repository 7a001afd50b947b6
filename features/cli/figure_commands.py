"""The command `figures`: the programme's figures of a book, on the terminal, as JSON, CSV or Parquet."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, say, table, written_at_once

if TYPE_CHECKING:
    import pandas as pd

    from features.figures.figure import Figure

ENDINGS = (".csv", ".parquet")
HEADS = {
    "en": ["figure", "date", "group", "value", "interval", "n", "not known because"],
    "de": ["Kennzahl", "Stichtag", "Gruppe", "Wert", "Intervall", "n", "nicht bekannt, weil"],
}
NOT_KNOWN = {"en": "(not known)", "de": "(nicht bekannt)"}
#: Between the ends of an interval; a dash would stand beside the sign of a negative end.
TO = {"de": " bis ", "en": " to "}
WHOLE = {"en": "all", "de": "gesamt"}
TITLE = {
    "en": "{source}: money in {currency}; retention over {months} months; definitions in docs/figures.md or --json",
    "de": "{source}: Geld in {currency}; Bindung über {months} Monate; Definitionen in docs/figures.md oder --json",
}
UNNAMED = {"en": "the book's currency", "de": "der Währung der Daten"}


def figures(
    source: SourceArgument,
    as_of: Annotated[date, typer.Option(**DATE_OPTION, help="What was known before this date counts.")],
    every: Annotated[Literal["month"] | None, typer.Option(help="A series: as-of dates a month apart.")] = None,
    by: Annotated[str | None, typer.Option(help="Split: segment, industry, account_manager, account, ...")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="A figure by name; may be given several times.")] = None,
    months: Annotated[int, typer.Option(min=1, max=60, help="Length of the period of retention.")] = 12,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write.", metavar="FILE.csv|.parquet")
    ] = None,
    lang: Annotated[Literal["de", "en"], typer.Option(help="Language of labels and reasons.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Compute the programme's figures: retention in money, NPS, loops, referrals; docs/figures.md defines each."""
    from features.errors import UnusableFigures
    from features.figures.asking import chosen, problems_of_date, problems_of_names, series
    from features.figures.measuring import measure
    from features.postgres.address import shown

    names = figure or []
    problems = problems_of_names(names, by)
    if out is not None and out.suffix not in ENDINGS:
        problems.append(f"--out {str(out)!r}: figures are written as .csv or .parquet")
    tables = read_book(source)
    problems += problems_of_date(tables, as_of)
    if problems:
        raise UnusableFigures(problems)
    wanted = chosen(names)
    found = measure(tables, series(tables, as_of) if every else [as_of], wanted, [by] if by else [], months, lang)
    if out is not None:
        _write(found, out)
    if as_json:
        emit(_as_json(found, wanted, lang, tables.currency))
    elif out is not None:
        say(f"{len(found):,} rows, {len(wanted)} figures in {out}")
    else:
        of_what = {"source": shown(source), "currency": tables.currency or UNNAMED[lang], "months": months}
        _show(found, wanted, lang, TITLE[lang].format(**of_what))


def _write(found: pd.DataFrame, out: Path) -> None:
    from features.csv_files import write_csv

    with written_at_once(out) as scratch:
        if out.suffix == ".csv":
            write_csv(found, scratch)
        else:
            found.to_parquet(scratch, index=False)


def _as_json(found: pd.DataFrame, wanted: list[Figure], lang: str, currency: str | None) -> dict[str, Any]:
    rows = found.astype(object).where(found.notna(), None)
    declared = [
        {
            "name": item.name, "unit": item.unit, "label": item.de if lang == "de" else item.en,
            "definition": item.definition_de if lang == "de" else item.definition_en, "source": item.source,
        }
        for item in wanted
    ]  # fmt: skip
    return {"currency": currency, "figures": declared, "values": rows.to_dict("records")}


def _show(found: pd.DataFrame, wanted: list[Figure], lang: Literal["de", "en"], title: str) -> None:
    declared = {item.name: item for item in wanted}
    rows: list[Any] = list(found.itertuples())
    lines = [
        [
            declared[row.figure].de if lang == "de" else declared[row.figure].en,
            str(row.as_of),
            WHOLE[lang] if row.split is None else row.group if row.group is not None else NOT_KNOWN[lang],
            _said(row.value, declared[row.figure].unit, lang),
            "" if row.low != row.low else TO[lang].join(
                _said(bound, declared[row.figure].unit, lang) for bound in (row.low, row.high)
            ),
            "" if row.n != row.n else _number(row.n, 0, lang),
            row.reason or "",
        ]
        for row in rows
    ]  # fmt: skip
    table(title, HEADS[lang], lines)


def _said(value: float, unit: str, lang: Literal["de", "en"]) -> str:
    if value != value:
        return ""
    if unit == "share":
        return f"{_number(100 * value, 1, lang)} %"
    return _number(value, {"NPS points": 1, "currency per currency": 3, "hours": 1}.get(unit, 0), lang)


def _number(value: float, decimals: int, lang: Literal["de", "en"]) -> str:
    from babel.numbers import format_decimal

    return format_decimal(round(value, decimals) + 0.0, format="#,##0." + "0" * decimals, locale=lang)


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(figures)
