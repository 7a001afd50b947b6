"""The commands `train`, `evaluate` and `backtest`: options and a book go in; text, JSON and versions come out.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, say
from training.cli.tuning_options import (
    MinutesOption,
    Objectives,
    ObjectivesOption,
    StudyOption,
    TrialsOption,
    TuningOptions,
    WorkersOption,
    tuned,
)

if TYPE_CHECKING:
    from features.tables import Tables
    from training.bundle.bundle import Bundle, Manifest
    from training.making.pipeline import Trained
    from training.registry.tracking import Registered
    from training.settings import Environment, TrainingSettings
    from training.tuning.tuning import Tuning


HorizonOption = Annotated[int, typer.Option(min=1, help="Length of the label's window.")]
LeadOption = Annotated[int, typer.Option(min=0, help="Days between as_of and the window.")]
EmbargoOption = Annotated[int, typer.Option(min=0, help="Days after a label's window until its records have arrived.")]
UntilOption = Annotated[date | None, typer.Option(**DATE_OPTION, help="Learn only from what was known before.")]
SilenceOption = Annotated[int | None, typer.Option(min=1, help="Derive churn from silence of so many days.")]
ShortOption = Annotated[
    bool, typer.Option("--accept-short-silence", help="Go on though most customers' usual gaps are longer.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="The same data, seed and settings give the same model.")]


def train(
    source: SourceArgument,
    horizon_days: HorizonOption = 180,
    lead_days: LeadOption = 0,
    embargo_days: EmbargoOption = 0,
    until: UntilOption = None,
    silence_days: SilenceOption = None,
    accept_short_silence: ShortOption = False,
    seed: SeedOption = 0,
    trials: TrialsOption = None,
    tune_minutes: MinutesOption = None,
    study: StudyOption = None,
    workers: WorkersOption = 1,
    objectives: ObjectivesOption = Objectives.PROFIT,
    as_json: JsonOption = False,
) -> None:
    """Train on a book, judge beside its rivals and the champion, track in MLflow, register a version.

    With --trials or --tune-minutes better settings are searched for first; they are used if they beat the defaults.
    """
    from training.card.printing import show_training
    from training.judge.champion_gate import not_judged
    from training.making.pipeline import train as train_model
    from training.registry.tracking import register
    from training.settings import Environment
    from training.slices.preparing import demand_settled_end, prepare

    options = TuningOptions(trials, tune_minutes, study, workers, objectives)
    environment = Environment()
    tables = read_book(source)
    settings = _settings(environment, horizon_days, lead_days, silence_days, until, seed, embargo_days)
    demand_settled_end(tables, until)
    told = _told_before(tables, settings, accept_short_silence)
    champion, unreadable = _champion(environment)
    with progress_bar(as_json) as step:
        step("computing signals", 0, 1)
        prepared = prepare(tables, settings)
        tuning = tuned(prepared.data, settings, environment, options, step)
        settings = settings if tuning is None else tuning.settings
        trained = train_model(tables, prepared, settings, step, champion)
        if unreadable is not None:
            trained = replace(trained, gate=not_judged(unreadable))
        step("registering", 0, 1)
        against = None if champion is None else champion.version
        registered, manifest = register(trained, environment, source, against=against, tuning=tuning)
    if as_json:
        emit(_as_dict(registered, trained, manifest, tuning) | {"warnings": told})
        return
    show_training(trained)
    if tuning is not None:
        say(f"\n{tuning}")
    say(f"\nlearnt from {manifest.rows:,} rows at {len(manifest.slices)} as-of dates to {manifest.slices[-1]}")
    say(f"version {registered.version}, grade {trained.verdict.grade}, kept in {registered.tracking_uri}")
    say(_standing(registered, trained))


def _as_dict(registered: Registered, trained: Trained, manifest: Manifest, tuning: Tuning | None) -> dict[str, Any]:
    """Return what `train --json` prints."""
    verdict = trained.verdict.as_dict()
    return {
        "model_version": registered.version,
        "run_id": registered.run_id,
        "champion": registered.champion,
        "gate": asdict(registered.gate),
        "grade": verdict["grade"],
        "metrics": verdict["metrics"]["model"],
        "verdict": verdict,
        "findings": manifest.findings,
        "rows": manifest.rows,
        "rounds": manifest.rounds,
        "weighting": manifest.weighting,
        "choice": manifest.choice,
        "slices": [day.isoformat() for day in manifest.slices],
        "data_fingerprint": manifest.data_fingerprint,
        "tuning": None if tuning is None else tuning.as_dict(),
    }


def _settings(
    environment: Environment,
    horizon_days: int,
    lead_days: int,
    silence_days: int | None,
    until: date | None,
    seed: int,
    embargo_days: int,
) -> TrainingSettings:
    """Return the settings from the options of `train` or `backtest`, with the economics of the environment."""
    from training.settings import ChurnRule, TrainingSettings

    return TrainingSettings(
        rule=ChurnRule(horizon_days, lead_days, silence_days),
        until=until,
        seed=seed,
        embargo_days=embargo_days,
        economics=environment.economics,
    )


def _champion(environment: Environment) -> tuple[Bundle | None, str | None]:
    """Return the reigning champion, or None and the reason if it cannot be loaded, or None twice if there is none."""
    from features.errors import BundleDamaged, NoModel, SignalsDiffer
    from training.registry.tracking import fetch

    try:
        return fetch(environment), None
    except NoModel:
        return None, None
    except (BundleDamaged, SignalsDiffer) as error:
        say(f"warning: the champion cannot be judged beside this model: {error}")
        return None, str(error)


def _told_before(tables: Tables, settings: TrainingSettings, accept_short_silence: bool) -> list[str]:
    """Say, and return with the book's own, the warnings that a user wants before anything is learnt.

    Raises ShortSilence where the rule of silence does not fit most customers.
    """
    from training.slices.labels import end_of_data
    from training.slices.preparing import rhythm_of

    told, until = [], settings.until
    if until is not None and until > (end := end_of_data(tables, None)):
        told.append(
            f"--until {until} lies beyond {end}, where the records end: who has not churned by then counts as staying"
        )
    rhythm = rhythm_of(tables, settings)
    if rhythm is not None:
        if not accept_short_silence:
            rhythm.demand_fitting()
        told += rhythm.warnings()
    for warning in told:
        say(f"warning: {warning}")
    return [*tables.warnings, *told]


def _standing(registered: Registered, trained: Trained) -> str:
    if registered.how is None:
        moved = "; the champion was moved meanwhile" if registered.gate.opens else ""
        return f"a candidate: {registered.gate.why}{moved}; the champion stays, `churn-risk promote` moves it by hand"
    if trained.verdict.grade == "D":
        return f"warning: champion ({registered.how}), though no better than a naive rule (grade D)"
    return f"champion: {registered.gate.why}"


def evaluate(
    source: SourceArgument,
    as_of: Annotated[
        date, typer.Option(**DATE_OPTION, help="Score from what was known before, judge by what came after.")
    ],
    model: Annotated[str | None, typer.Option(help="Version; by default the champion.", metavar="VERSION")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a model at a date it may or may not have seen, with the same metrics as train."""
    from training.card.printing import show_verdict
    from training.judge.judgement import evaluate_at
    from training.registry.tracking import fetch
    from training.settings import Environment

    tables = read_book(source)
    bundle = fetch(Environment(), model)
    with progress_bar(as_json) as step:
        judged = evaluate_at(tables, as_of, bundle, step)
    if as_json:
        verdict = judged.verdict.as_dict()
        emit(
            {
                "model_version": bundle.version,
                "as_of": as_of.isoformat(),
                "metrics": verdict["metrics"]["model"],
                "verdict": verdict,
                "seen": judged.seen,
                "warnings": list(tables.warnings),
            }
        )
        return
    show_verdict(judged.verdict, f"Version {bundle.version} at {as_of}")
    if judged.seen:
        say("warning: the model has learnt from labels that were not known at that date; these figures flatter it")


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
    from training.slices.preparing import prepare

    tables = read_book(source)
    settings = _settings(Environment(), horizon_days, lead_days, silence_days, until, seed, embargo_days)
    told = _told_before(tables, settings, accept_short_silence)
    with progress_bar(as_json) as step:
        step("computing signals", 0, 1)
        result = run_backtest(prepare(tables, settings).data, settings, origins, progress=step)
    if len(result.origins) < origins:
        say(f"the history has {len(result.origins)} origins, not {origins}")
    if as_json:
        emit(result.as_dict() | {"warnings": told})
        return
    show_backtest(result)


def add_to(app: typer.Typer) -> None:
    """Add this layer's commands to the root command."""
    for command in (train, evaluate, backtest):
        app.command()(command)
