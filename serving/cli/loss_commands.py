"""The command `losses`: a review of each lost account, from the book's departures and the stored runs before them."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, say, table, written_at_once

if TYPE_CHECKING:
    from features.tables import Tables
    from serving.losses.reviews import Review

HTML, PDF = ".html", ".pdf"
#: Losses that the terminal lists.
TOP = 20


def losses(
    source: SourceArgument,
    as_of: Annotated[date, typer.Option(**DATE_OPTION, help="Losses before this date are reviewed.")],
    months: Annotated[int, typer.Option(min=1, max=60, help="Length of the period before the date.")] = 12,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write.", metavar="FILE.html|FILE.pdf")
    ] = None,
    lang: Annotated[Literal["de", "en"], typer.Option(help="Language.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Review each lost account: what was known 180, 90 and 30 days before, and whether a stored run had seen it."""
    from features.figures.programme import months_before
    from serving.database.engine import reading
    from serving.losses.departures import departures
    from serving.losses.loss_report import written_out
    from serving.losses.reviews import reviews
    from serving.settings import ServiceSettings
    from serving.store import ScoreStore

    first = months_before(as_of, months)
    tables = read_book(source)
    _check(tables, as_of, first, months, out)
    left = departures(tables, first, as_of)
    with reading(ScoreStore(ServiceSettings().scores_url).engine) as connection:
        found = reviews(connection, left, written_out(1))
    if out is not None:
        _write(found, first, as_of, tables.currency, lang, out)
    if as_json:
        emit(_as_json(found, first, as_of, tables.currency) | {"out": out and str(out)})
    elif out is not None:
        say(f"{len(found):,} losses from {first} to {as_of} in {out}")
    else:
        _show(found, first, as_of, lang)


def _check(tables: Tables, as_of: date, first: date, months: int, out: Path | None) -> None:
    """Raise InputError that lists everything that does not fit."""
    from features.errors import InputError
    from features.figures.asking import problems_of_date
    from features.recording import recording

    problems = problems_of_date(tables, as_of)
    book = recording(tables, as_of).book
    if not problems and book is not None and first < book.first:
        problems.append(f"--months {months}: begins {first}, before the records, which begin {book.first}")
    if out is not None and out.suffix not in (HTML, PDF):
        problems.append(f"--out {str(out)!r}: loss reviews are written as .html or .pdf")
    if problems:
        raise InputError("\n".join(problems))


def _write(
    found: list[Review], first: date, as_of: date, currency: str | None, lang: Literal["de", "en"], out: Path
) -> None:
    from serving.losses.loss_report import loss_report, render_losses
    from serving.printing.paper import pdf_of

    document = render_losses(loss_report(found, first, as_of, currency, lang), out.suffix == PDF)
    with written_at_once(out) as scratch:
        scratch.write_bytes(pdf_of([document]) if out.suffix == PDF else document.encode("utf-8"))


def _as_json(found: list[Review], first: date, as_of: date, currency: str | None) -> dict[str, Any]:
    from serving.losses.loss_report import as_plain
    from serving.losses.verdicts import VERDICTS

    by_verdict = {name: [each.departure.revenue for each in found if each.verdict == name] for name in VERDICTS}
    return {
        "as_of": as_of.isoformat(),
        "first": first.isoformat(),
        "currency": currency,
        "verdicts": {name: {"losses": len(each), "revenue_365d": sum(each)} for name, each in by_verdict.items()},
        "losses": [as_plain(review) for review in found],
    }


def _show(found: list[Review], first: date, as_of: date, lang: Literal["de", "en"]) -> None:
    from serving.losses.loss_report import loss_report
    from serving.losses.verdicts import VERDICTS
    from serving.words.wording import programme_texts

    texts, report = programme_texts(lang)["losses"], loss_report(found, first, as_of, None, lang)
    if not found:
        say(texts["none"])
        return
    header = [texts[name] for name in ("account", "ended", "revenue", "cause", "verdict")]
    rows = [[line.name, line.ended, line.revenue, line.cause, line.verdict_label] for line in report.lines[:TOP]]
    table(f"{report.facts[0]}: {texts['list']}", header, rows)
    if len(found) > TOP:
        unlisted = Counter(review.verdict for review in found[TOP:])
        kinds = ", ".join(f"{texts[name]}: {unlisted[name]:,}" for name in VERDICTS if unlisted[name])
        say(texts["not_listed"].format(n=f"{len(found) - TOP:,}", total=f"{len(found):,}", kinds=kinds))
    say("; ".join(f"{label}: {number} ({money})" for label, number, _, money in report.figures))
    say(texts["made_of"])
    say(texts["fair"])


def add_to(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command()(losses)
