"""The command `report`: one account's explanation report, the portfolio, or the board's report, as HTML or PDF."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from features.console import DATE_OPTION, JsonOption, emit, say, written_at_once
from features.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from serving.store import ScoreStore

#: Ends of a report's file.
HTML, PDF = ".html", ".pdf"
NO_SCORES = "no scores are stored yet; store some with: churn-risk score SOURCE --as-of DATE"


def report(
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write.", metavar="FILE.html|FILE.pdf")],
    account_id: Annotated[str | None, typer.Argument(help="The account; without one, the portfolio.")] = None,
    lang: Annotated[Literal["de", "en"], typer.Option(help="Language.")] = "en",
    board: Annotated[
        bool, typer.Option("--board", help="The board's report: the programme's figures and the largest risks.")
    ] = False,
    account_manager: Annotated[
        str | None, typer.Option("--account-manager", help="Of portfolio or board, only this manager's accounts.")
    ] = None,
    as_of: Annotated[
        date | None, typer.Option(**DATE_OPTION, help="Of the board's report: the newest stored run of this date.")
    ] = None,
    appended: Annotated[
        int,
        typer.Option("--with-accounts", min=0, max=100, help="PDF of the portfolio: the first accounts' reports, too."),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write one account's explanation report from the score store, the portfolio's, or the board's (--board)."""
    from serving.settings import ServiceSettings
    from serving.store import ScoreStore

    _check(account_id, out, account_manager, appended, board, as_of)
    settings = ServiceSettings()
    store, paper = ScoreStore(settings.scores_url), out.suffix == PDF
    if board:
        documents, facts = _board(store, account_manager, lang, paper, settings.timezone, as_of)
    elif account_id is None:
        documents, facts = _portfolio(store, account_manager, lang, paper, appended, settings.timezone)
    else:
        document, day = _account(store, account_id, lang, paper)
        documents, facts = [document], {"account_id": account_id, "as_of": day}
    with written_at_once(out) as scratch:
        scratch.write_bytes(_content(documents, paper))
    if as_json:
        emit(facts | {"lang": lang, "out": str(out)})
    else:
        say(f"report of {account_id or ('the board' if board else 'the portfolio')} at {facts['as_of']} in {out}")


def _check(
    account_id: str | None, out: Path, account_manager: str | None, appended: int, board: bool, as_of: date | None
) -> None:
    """Raise InputError that lists everything that does not fit."""
    whose = account_manager is not None or appended
    problems = [
        f"--out {out}: a report is written as .html or .pdf" if out.suffix not in (HTML, PDF) else "",
        f"account {account_id!r}: --account-manager and --with-accounts are for the portfolio, the report without an id"
        if account_id is not None and whose
        else "",
        f"--with-accounts {appended}: only a .pdf holds several reports" if appended and out.suffix != PDF else "",
        f"account {account_id!r}: --board is the report of all accounts" if account_id is not None and board else "",
        f"--with-accounts {appended}: goes with the portfolio, not with --board" if appended and board else "",
        f"--as-of {as_of}: only the board's report (--board) is of an earlier run" if as_of and not board else "",
    ]
    if any(problems):
        raise InputError("\n".join(filter(None, problems)))


def _content(documents: list[str], paper: bool) -> bytes:
    from serving.printing.paper import pdf_of

    return pdf_of(documents) if paper else documents[0].encode("utf-8")


def _account(store: ScoreStore, account_id: str, lang: Literal["de", "en"], paper: bool) -> tuple[str, str]:
    """Return an account's report as HTML, and its as-of date."""
    from serving.clock import utc_now
    from serving.reports.report import account_report
    from serving.reports.report_html import render_account

    stored = store.latest(account_id)
    beside = stored.cautions(utc_now().date())
    record = account_report(stored.score, stored.history, stored.evidence, stored.model, lang, beside)
    return render_account(record, paper), stored.score.as_of.isoformat()


def _portfolio(
    store: ScoreStore, manager: str | None, lang: Literal["de", "en"], paper: bool, appended: int, timezone: str
) -> tuple[list[str], dict[str, Any]]:
    """Return the portfolio's report and those appended, as HTML, and what is told of it."""
    from serving.database.engine import reading
    from serving.portfolio.portfolio_report import read_report, render_portfolio
    from serving.portfolio.wanted import Wanted

    with reading(store.engine) as connection:
        listed = read_report(connection, manager, Wanted(), lang, _today(timezone))
        if listed is not None and manager is not None and not listed.accounts:
            raise InputError(_nobody(connection, manager))
    if listed is None:
        raise InputError(NO_SCORES)
    documents = [render_portfolio(listed.report, paper)]
    documents += [_account(store, account_id, lang, paper)[0] for account_id in listed.account_ids[:appended]]
    facts = {"accounts": listed.accounts, "listed": len(listed.account_ids), "account_manager": manager}
    return documents, {"as_of": listed.as_of.isoformat(), **facts}


def _board(
    store: ScoreStore,
    manager: str | None,
    lang: Literal["de", "en"],
    paper: bool,
    timezone: str,
    as_of: date | None,
) -> tuple[list[str], dict[str, Any]]:
    """Return the board's report as HTML, and what is told of it."""
    from serving.database.engine import reading
    from serving.programme.board_facts import read_board
    from serving.programme.board_report import board_report, render_board

    with reading(store.engine) as connection:
        read = read_board(connection, manager, as_of)
        if read is None and as_of is not None:
            raise InputError(_no_run_of(connection, as_of))
        if read is not None and manager is not None and not read.book.sums.accounts:
            raise InputError(_nobody(connection, manager))
    if read is None:
        raise InputError(NO_SCORES)
    made = board_report(read, manager, lang, _today(timezone))
    facts = {"accounts": read.book.sums.accounts, "figures": read.stored.record is not None, "account_manager": manager}
    return [render_board(made, paper)], {"as_of": made.as_of.isoformat(), **facts}


def _today(timezone: str) -> date:
    from serving.clock import utc_now

    return utc_now().astimezone(ZoneInfo(timezone)).date()


def _no_run_of(connection: Connection, as_of: date) -> str:
    from serving.store.figure_tables import run_dates

    known = ", ".join(day.isoformat() for day in run_dates(connection)) or "none"
    return f"--as-of {as_of}: no run of this date is stored; there are: {known}"


def _nobody(connection: Connection, manager: str) -> str:
    from serving.portfolio.portfolio_query import read_portfolio
    from serving.portfolio.wanted import Wanted

    known = ", ".join(read_portfolio(connection, None, Wanted(), 1).managers) or "none"
    return f"--account-manager {manager!r}: no account of the newest run is theirs; there are: {known}"


def add_to(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command()(report)
