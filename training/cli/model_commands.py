"""The command `train`: options and a book go in; text, JSON and a version come out.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, say
from features.library_log import printed_by_libraries
from training.cli.refreshing import (
    NOT_RENEWED,
    RefreshOption,
    demand_no_search,
    given_in,
    recipe_of,
    stop_without_newer,
)
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
    from training.judge.champion_gate import Gate
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


GONE = (
    "THE CHAMPION, version {}, HAS VANISHED from the registry (deleted there, or its alias taken away). Services go on "
    "with what was published last; no new model takes its place by itself. Find out why, then settle it by hand: "
    "`churn-risk promote VERSION --override --reason TEXT`, or `churn-risk rollback`"
)

FiguresOption = Annotated[
    bool, typer.Option("--figures/--no-figures", help="Keep the programme's figures of the book with the run.")
]


def train(
    context: typer.Context,
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
    refresh: RefreshOption = False,
    figures: FiguresOption = True,
    as_json: JsonOption = False,
) -> None:
    """Train on a book, judge beside its rivals and the champion, track in MLflow, register a version.

    With --trials or --tune-minutes better settings are searched for first; they are used if they beat the defaults.
    With --refresh the champion's settings are used, and the version takes its place if it is not worse.
    """
    from features.figures.records import figures_record
    from training.making.pipeline import advised
    from training.making.pipeline import train as train_model
    from training.models.kept_trees import keeping_trees
    from training.registry.tracking import register
    from training.settings import Environment
    from training.slices.drawn_accounts import drawn, with_share
    from training.slices.preparing import demand_settled_end, prepare

    options = TuningOptions(trials, tune_minutes, study, workers, objectives)
    demand_no_search(refresh, options.asked_for)
    environment = Environment()
    tables = read_book(source)
    champion, gate = _champion(environment)
    settings = settings_of(environment, horizon_days, lead_days, silence_days, until, seed, embargo_days)
    settings = recipe_of(champion, settings, given_in(context)) if refresh and champion is not None else settings
    demand_settled_end(tables, until)
    told = told_before(tables, settings, accept_short_silence)
    if refresh and champion is not None:
        stop_without_newer(tables, champion, settings, told, as_json)
    settings = settings if refresh and champion is not None else with_share(tables, settings, environment.most_rows)
    book, tables = tables, drawn(tables, settings)
    with progress_bar(as_json) as step, printed_by_libraries():
        step("computing signals", 0, 1)
        prepared = prepare(tables, settings)
        tuning = tuned(prepared.data, settings, environment, options, step)
        settings = settings if tuning is None else tuning.settings
        with keeping_trees(environment.home / "unfinished") as trees:
            trained = advised(train_model(tables, prepared, settings, step, champion, refresh), step)
        if trees.found:
            say(f"Went on where a training was broken off: {trees.found} fits of trees were taken from it.")
        trained = trained if gate is None else replace(trained, gate=gate)
        step("the programme's figures", 0, 1)
        kept = figures_record(book, prepared.end) if figures else None
        step("registering", 0, 1)
        against = None if champion is None else champion.version
        registered, manifest = register(trained, environment, source, against=against, tuning=tuning, figures=kept)
    if as_json:
        emit(
            _as_dict(registered, trained, manifest, tuning) | {"warnings": [*told, *filter(None, [manifest.distrust])]}
        )
    else:
        _show(registered, trained, manifest, tuning)
    if refresh and not registered.champion:
        raise typer.Exit(NOT_RENEWED)


def _show(registered: Registered, trained: Trained, manifest: Manifest, tuning: Tuning | None) -> None:
    """Print what `train` prints."""
    from training.card.printing import show_training

    show_training(trained)
    if tuning is not None:
        say(f"\n{tuning}")
    share = trained.settings.share
    drawn = "" if share >= 1 else f"; of a book this large {share:.1%} of the accounts were drawn, by their ids"
    say(f"\nlearnt from {manifest.rows:,} rows at {len(manifest.slices)} as-of dates to {manifest.slices[-1]}{drawn}")
    say(f"version {registered.version}, kept in {registered.tracking_uri}")
    say(f"grade {trained.verdict.grade}: {trained.verdict.grade_why}")
    if manifest.distrust:
        say(f"warning: {manifest.distrust}")
    say(_standing(registered, trained))


def _as_dict(registered: Registered, trained: Trained, manifest: Manifest, tuning: Tuning | None) -> dict[str, Any]:
    """Return what `train --json` prints."""
    verdict = trained.verdict.as_dict()
    return {
        "model_version": registered.version,
        "run_id": registered.run_id,
        "champion": registered.champion,
        "vanished_champion": registered.vanished,
        "gate": asdict(registered.gate),
        "grade": verdict["grade"],
        "grade_why": trained.verdict.grade_why,
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


def settings_of(
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


def _champion(environment: Environment) -> tuple[Bundle | None, Gate | None]:
    """Return the reigning champion, and the gate's decision where nobody can be judged beside this model."""
    from features.errors import BundleDamaged, NoModel, SignalsDiffer
    from training.judge.champion_gate import champion_vanished, not_judged
    from training.registry.tracking import fetch
    from training.registry.vanished import vanished

    try:
        return fetch(environment), None
    except NoModel:
        gone = vanished(environment)
        if gone is None:
            return None, None
        say(f"warning: {GONE.format(gone)}")
        return None, champion_vanished(gone)
    except (BundleDamaged, SignalsDiffer) as error:
        say(f"warning: the champion cannot be judged beside this model: {error}")
        return None, not_judged(str(error))


def told_before(tables: Tables, settings: TrainingSettings, accept_short_silence: bool) -> list[str]:
    """Say, and return with the book's own, the warnings that a user wants before anything is learnt.

    Raises ShortSilence where the rule of silence does not fit most customers.
    """
    from training.slices.preparing import cautions_before

    told = cautions_before(tables, settings, accept_short_silence)
    for warning in told:
        say(f"warning: {warning}")
    return [*tables.warnings, *told]


def _standing(registered: Registered, trained: Trained) -> str:
    if registered.vanished is not None and registered.how is None:
        return f"warning: version {registered.version} is a candidate only: {GONE.format(registered.vanished)}"
    if registered.how is None:
        moved = "; the champion was moved meanwhile" if registered.gate.opens else ""
        return f"a candidate: {registered.gate.why}{moved}; the champion stays, `churn-risk promote` moves it by hand"
    if trained.verdict.grade == "D":
        return f"warning: champion ({registered.how}), though no better than a naive rule (grade D)"
    return f"champion: {registered.gate.why}"


def add_to(app: typer.Typer) -> None:
    """Add `train` to the root command."""
    app.command()(train)
