"""The commands of the serving layer: `score`, `serve`, `demo`.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.book_commands import read_book
from features.console import (
    DATE_OPTION,
    JsonOption,
    SourceArgument,
    emit,
    progress_bar,
    say,
    table,
)
from features.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from serving.scoring.book_scoring import ScoredBook
    from serving.settings import ServiceSettings

TOP = 10


def score(
    source: SourceArgument,
    as_of: Annotated[date, typer.Option(**DATE_OPTION, help="Score from what was known before.")],
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write here instead of to the score store.", metavar="FILE.parquet|FILE.csv"),
    ] = None,
    raw_csv: Annotated[
        bool, typer.Option("--raw-csv", help="CSV for a program: a text like a formula gets no apostrophe.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Store the programme's figures of the book with the run.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Score and explain every customer with the champion; into the score store, or a file.

    A run that was killed is gone on with when the same command is given again.
    """
    from features.batch.account_order import by_account
    from features.freshness import freshness, stale_warnings
    from serving.cli.score_doubts import book_warnings
    from serving.cli.score_targets import bundles, code, figures_of, into_file, into_store, score_into, where
    from serving.clock import utc_now
    from serving.scoring.book_scoring import BookScoring
    from serving.scoring.score_files import check_name
    from serving.settings import ServiceSettings
    from serving.words.caution_words import told
    from training.registry.tracking import fetch

    if as_of > (today := utc_now().date()):
        raise InputError(f"--as-of {as_of}: later than today, {today} (UTC); what is known by then is not known yet")
    if out is not None:
        check_name(out)
    settings = ServiceSettings()
    tables = by_account(read_book(source))
    bundle = fetch(settings)
    ages = freshness(tables, as_of)
    warnings = stale_warnings(ages, as_of)
    with progress_bar(as_json) as step, BookScoring(tables, as_of, bundle, terms=settings.lifetime) as scoring:
        made_of = scoring.fingerprint(code())
        target = (
            into_store(settings, tables, as_of, bundle, ages, made_of, bundles(settings, bundle))
            if out is None
            else into_file(out, made_of, raw_csv)
        )
        with target as opened:
            of_book = partial(figures_of, tables, as_of) if figures and out is None else None
            book = score_into(opened, scoring, tables, bundle, step, of_book)
    warnings += book_warnings(tables, as_of, bundle, len(book.frame))
    warnings += [told(caution, "en") for caution in book.cautions()]
    if bundle.manifest.distrust and not any(caution.code == "leak" for caution in book.cautions()):
        warnings.append(bundle.manifest.distrust)
    for warning in warnings:
        say(f"warning: {warning}")
    if as_json:
        warnings = [*tables.warnings, *warnings]
        age_facts = {name: age.as_dict() for name, age in ages.items()}
        emit(_summary(book, as_of) | {"out": where(settings, out), "freshness": age_facts, "warnings": warnings})
    else:
        _show(book, as_of, where(settings, out))
        say("last records: " + ", ".join(f"{name} {age.last} ({age.age_days} days)" for name, age in ages.items()))


def _summary(book: ScoredBook, as_of: date) -> dict[str, Any]:
    from serving.words.caution_words import warnings_of

    frame, loss = book.frame, book.loss()
    leaving, shrinking = _money(frame["revenue_at_risk"].sum()), book.shrinking()
    return {
        "as_of": as_of.isoformat(),
        "model_version": book.bundle.version,
        "accounts": len(frame),
        "bands": {name: int((frame["band"] == name).sum()) for name in ("at_risk", "safe", "unknown")},
        "threats": int(frame["threat"].sum()),
        "grade": book.bundle.manifest.verdict["grade"],
        "revenue_365d": _money(frame["revenue_365d"].sum()),
        "revenue_at_risk": leaving,
        "expected_loss_leaving": leaving,
        "expected_loss_interval": [_money(loss.low), _money(loss.high)],
        "expected_loss_shrinking": None if shrinking is None else _money(shrinking),
        "customer_lifetime_value": book.lifetime and book.lifetime[0],
        "customer_lifetime_value_interval": book.lifetime and list(book.lifetime[1:]),
        "silent_already": book.silent_already(),
        "missing_tables": list(book.missing),
        "warnings": warnings_of(book.cautions(), "en"),
    }


def _money(amount: float) -> float:
    return round(float(amount), 2) + 0.0


def _show(book: ScoredBook, as_of: date, where: str) -> None:
    from serving.words.caution_words import grade_sentence

    summary, unit = _summary(book, as_of), book.currency or ""
    rows = [
        [
            row["account_id"],
            *_estimated(row),
            row["best_action"] or "",
            _band(row, book.bundle.manifest.reference.churn_rate),
        ]
        for row in _in_order(book.frame).head(TOP).to_dict("records")
    ]
    header = ["account", "risk", "revenue", "revenue at risk", "profit of contacting", "best action", "band"]
    table(f"To do first: threats, then others at risk, by expected profit of contacting {unit}".rstrip(), header, rows)
    bands = ", ".join(f"{count:,} {name}" for name, count in summary["bands"].items())
    say(f"\n{summary['accounts']:,} customers at {as_of}: {bands}; {summary['threats']:,} threats")
    _show_losses(summary, unit)
    _show_silent(summary, unit, book.bundle.rule.silence_days)
    if summary["missing_tables"]:
        say(f"not known: {', '.join(summary['missing_tables'])}")
    say(grade_sentence(summary["grade"], "en"))
    if book.bundle.manifest.distrust:
        say(f"warning: {book.bundle.manifest.distrust}")
    say(f"version {summary['model_version']}, written to {where}")


def _estimated(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return risk, revenue, revenue at risk and profit; of an unknown account only its revenue."""
    known, revenue = row["band"] != "unknown", f"{row['revenue_365d']:,.0f}"
    at_risk, profit = (f"{row[name]:,.0f}" if known else "" for name in ("revenue_at_risk", "expected_profit"))
    return f"{row['churn_probability']:.0%}" if known else "", revenue, at_risk, profit


def _band(row: Mapping[Any, Any], usual: float) -> str:
    """Return the band, and that an account less likely to leave than usual stands out by its size."""
    size = row["band"] == "at_risk" and row["churn_probability"] < usual and row["value"] > 0
    told = row["band"] + (", threat" if row["threat"] else "") + (" (for its size, rarely lost)" if size else "")
    return told + (", left already" if row["lapsed"] else "")


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return scores in the order in which there is something to do; of unknown accounts no figure is to be acted on.

    Who has left already by a rule of silence can't be kept, and stands after the others at risk.
    """
    urgency = frame["band"].map({"at_risk": 1, "safe": 3, "unknown": 4}).where(~frame["threat"].astype(bool), 0)
    urgency = urgency.where(~(frame["lapsed"].astype(bool) & (frame["band"] == "at_risk")), 2)
    keys = ["urgency", "expected_profit", "revenue_at_risk", "account_id"]
    return frame.assign(urgency=urgency).sort_values(keys, ascending=[True, False, False, True])


def _show_losses(summary: dict[str, Any], unit: str) -> None:
    """Say what leaving and shrinking are expected to cost, and what the two are, where they are first shown."""
    leaving, shrinking = summary["expected_loss_leaving"], summary["expected_loss_shrinking"]
    share = leaving / summary["revenue_365d"] if summary["revenue_365d"] > 0 else 0.0
    amount = f"{leaving:,.0f} {unit}".rstrip()
    low, high = summary["expected_loss_interval"]
    say(
        f"leaving: {amount} of revenue at risk, {share:.1%} of a year's invoicing "
        f"(each customer's probability of leaving x revenue, summed; in four of five cases {low:,.0f} to {high:,.0f})"
    )
    if shrinking is not None:
        say(
            f"shrinking: {shrinking:,.0f} {unit}".rstrip()
            + " of a year's revenue expected to fall away from customers "
            "who stay (probability of staying x expected decline, summed; it comes on top)"
        )


def _show_silent(summary: dict[str, Any], unit: str, silence_days: int | None) -> None:
    """Say how much of the risk is of accounts that have left already by a rule of silence."""
    gone = summary["silent_already"]
    if not gone or not gone["accounts"]:
        return
    amount = f"{gone['revenue_at_risk']:,.0f} {unit}".rstrip()
    say(
        f"left already, by this model's own rule (no invoice for more than {silence_days} days, no running contract): "
        f"{gone['at_risk']:,} of the {summary['bands']['at_risk']:,} at risk; {amount} of the revenue at risk is of "
        "accounts that have left. They are to be won back, not kept"
    )


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; loopback only without keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 3000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; each holds a model of its own.")] = 1,
) -> None:
    """Serve the champion over HTTP (BentoML); it follows `promote` and `rollback` while it runs."""
    from serving.run.bundle_folder import folder_to_serve
    from serving.run.listening import demand_closed, demand_free_port
    from serving.settings import ServiceSettings

    environment = ServiceSettings()
    credentials = _has_credentials(environment)
    demand_closed([host], credentials)
    demand_free_port(host, port)
    bundle = folder_to_serve(environment)
    why = "callers need a key or a token" if credentials else "loopback only because there are no API keys"
    say(f"starting, {why}; the service says so when it listens on port {port}")
    settings = {
        "CHURN_RISK_BUNDLE": str(bundle.absolute()),
        "CHURN_RISK_STORE_URL": environment.scores_url,
    }
    if workers > 1:  # a Bento's own option for workers is fixed when it is built
        settings["BENTOML_CONFIG_OPTIONS"] = f"services.churn_risk.workers={workers}"
    command = [sys.executable, "-m", "bentoml", "serve", "serving.run.service:ChurnRisk"]
    command += ["--host", host, "--port", str(port)]
    os.execve(sys.executable, command, {**os.environ, "BENTOML_DO_NOT_TRACK": "true", **settings})


def _has_credentials(settings: ServiceSettings) -> bool:
    from serving.access.gate import has_credentials
    from serving.database.engine import open_database

    engine = open_database(settings.scores_url)
    try:
        return has_credentials(engine, settings)
    finally:
        engine.dispose()


def demo(
    accounts: Annotated[int, typer.Option(min=300, help="Size of the simulated book.")] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the book.")] = 0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the service.")] = 3000,
    from_exports: Annotated[
        bool, typer.Option("--from-exports", help="Write the book as other systems export theirs, and import it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a book, train, score, serve, call the service from another process, write reports."""
    from serving.cli.demo import run_demo
    from training.private_files import make_home
    from training.settings import Environment

    home = Environment().home
    make_home(home)
    places = run_demo(home / "demo", accounts, seed, port, from_exports)
    if as_json:
        emit(places)


def add_to(app: typer.Typer) -> None:
    """Add this layer's commands to the root command."""
    for command in (score, serve, demo):
        app.command()(command)
