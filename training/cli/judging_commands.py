"""The commands `evaluate` and `backtest`: a model, or its recipe, beside its rivals; text and JSON come out.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, say
from features.library_log import printed_by_libraries
from training.cli.model_commands import (
    EmbargoOption,
    HorizonOption,
    LeadOption,
    SeedOption,
    ShortOption,
    SilenceOption,
    UntilOption,
    settings_of,
    told_before,
)

if TYPE_CHECKING:
    from training.judge.judgement import Judgement
    from training.settings import TrainingSettings


def evaluate(
    source: SourceArgument,
    as_of: Annotated[
        date, typer.Option(**DATE_OPTION, help="Score from what was known before, judge by what came after.")
    ],
    model: Annotated[str | None, typer.Option(help="Version; by default the champion.", metavar="VERSION")] = None,
    learnt_dates: Annotated[
        bool, typer.Option("--learnt-dates", help="Judge also by outcomes that it has learnt, which flatters it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a model at a date whose outcomes it has not learnt, with the same metrics as train."""
    from training.errors import AlreadyLearnt
    from training.judge.judgement import evaluate_at
    from training.registry.tracking import fetch
    from training.settings import Environment

    tables = read_book(source)
    bundle = fetch(Environment(), model)
    try:
        with progress_bar(as_json) as step, printed_by_libraries():
            judged = evaluate_at(tables, as_of, bundle, step, learnt_dates)
    except AlreadyLearnt as error:
        if as_json:
            emit(error.as_dict())
        raise
    if as_json:
        emit(_judged(judged, bundle.version, as_of) | {"warnings": list(tables.warnings)})
    else:
        _show_judged(judged, bundle.version, as_of)


def _judged(judged: Judgement, version: str, as_of: date) -> dict[str, Any]:
    """Return what `evaluate --json` prints."""
    verdict = judged.verdict.as_dict()
    return {
        "model_version": version,
        "as_of": as_of.isoformat(),
        "seen": judged.seen,
        "forward": judged.forward.as_dict(),
        "metrics": verdict["metrics"]["model"],
        "verdict": verdict,
        "silent_already": None if judged.silent is None else judged.silent.as_dict(),
    }


def _show_judged(judged: Judgement, version: str, as_of: date) -> None:
    from training.card.printing import show_verdict

    if judged.seen:
        say(f"warning: version {version} has learnt what came after {as_of}: these figures flatter it, and no rival is")
        say(f"judged beside it. Forward dates: {judged.forward}")
    flattered = ", FLATTERED" if judged.seen else ""
    show_verdict(judged.verdict, f"Version {version} at {as_of}{flattered}", judged.silent)


def backtest(
    source: SourceArgument,
    origins: Annotated[int, typer.Option(min=1, help="As many as-of dates, where the history has them.")] = 6,
    horizon_days: HorizonOption = 180,
    lead_days: LeadOption = 0,
    embargo_days: EmbargoOption = 0,
    until: UntilOption = None,
    silence_days: SilenceOption = None,
    accept_short_silence: ShortOption = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make the model anew at rolling origins from what was known at each, and judge it beside all rivals."""
    from training.card.printing import show_backtest
    from training.judge.backtest import backtest as run_backtest
    from training.settings import Environment
    from training.slices.drawn_accounts import drawn, with_share
    from training.slices.labels import end_of_data
    from training.slices.preparing import prepare

    tables, environment = read_book(source), Environment()
    settings = settings_of(environment, horizon_days, lead_days, silence_days, until, seed, embargo_days)
    told = told_before(tables, settings, accept_short_silence)
    settings = replace(
        settings, until=end_of_data(tables, until)
    )  # A doubtful end is warned of; nothing is registered.
    settings = with_share(tables, settings, environment.most_rows)
    tables = drawn(tables, settings)
    with progress_bar(as_json) as step, printed_by_libraries():
        step("computing signals", 0, 1)
        result = run_backtest(prepare(tables, settings).data, settings, origins, progress=step)
    if len(result.origins) < origins:
        say(f"note: {_fewer(len(result.origins), origins, settings)}")
    if as_json:
        emit(result.as_dict() | {"warnings": told})
        return
    show_backtest(result)


def _fewer(found: int, asked: int, settings: TrainingSettings) -> str:
    """Return why a backtest has fewer origins than were asked for."""
    from training.slices.preparing import LEAST_ACCOUNTS

    return (
        f"{found} origin{'' if found == 1 else 's'}, not {asked}: no other as-of date has slices whose labels were "
        f"known by then ({settings.known_after_days} days after a slice), with {LEAST_ACCOUNTS} accounts that left "
        f"and {LEAST_ACCOUNTS} that stayed, and both outcomes after it"
    )


def add_to(app: typer.Typer) -> None:
    """Add `evaluate` and `backtest` to the root command."""
    for command in (evaluate, backtest):
        app.command()(command)
