"""Commands of the training layer: train, evaluate.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, say, table

if TYPE_CHECKING:
    from features.tables import Tables
    from training.verdict import Verdict


def train(
    source: SourceArgument,
    horizon_days: Annotated[int, typer.Option(min=1, help="Length of the label's window.")] = 180,
    lead_days: Annotated[int, typer.Option(min=0, help="Days between as_of and the window.")] = 0,
    until: Annotated[date | None, typer.Option(**DATE_OPTION, help="Learn only from what was known before.")] = None,
    silence_days: Annotated[int | None, typer.Option(min=1, help="Derive churn from silence of so many days.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same data, seed and settings give the same model.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train on a book, judge beside naive rules and logistic regression, track in MLflow, register a version."""
    from training.pipeline import train as train_model
    from training.settings import ChurnRule, Environment, TrainingSettings
    from training.tracking import register

    environment = Environment()
    tables = read_book(source)
    rule = ChurnRule(horizon_days, lead_days, silence_days)
    _warn_beyond(tables, until)
    with progress_bar(as_json) as step:
        trained = train_model(
            tables, TrainingSettings(rule=rule, until=until, seed=seed, economics=environment.economics), step
        )
        step("registering", 0, 1)
        registered, manifest = register(trained, environment, source)
    if as_json:
        verdict = trained.verdict.as_dict()
        emit(
            {
                "model_version": registered.version,
                "run_id": registered.run_id,
                "champion": registered.champion,
                "grade": verdict["grade"],
                "metrics": verdict["metrics"]["model"],
                "verdict": verdict,
                "rows": manifest.rows,
                "rounds": manifest.rounds,
                "weighting": manifest.weighting,
                "slices": [day.isoformat() for day in manifest.slices],
                "data_fingerprint": manifest.data_fingerprint,
            }
        )
        return
    show_verdict(trained.verdict, f"Judged {trained.judged_how}")
    say(f"\nlearnt from {manifest.rows:,} rows at {len(manifest.slices)} as-of dates to {manifest.slices[-1]}")
    figures = ", ".join(f"{name} {figure:.3f}" for name, figure in manifest.weighting_figures.items())
    say(f"weights: {manifest.weighting}, by plain and revenue-weighted ROC AUC on rolling origins ({figures})")
    say(f"version {registered.version}, grade {trained.verdict.grade}, kept in {registered.tracking_uri}")
    say(_standing(registered.champion, trained.verdict.grade))


def _warn_beyond(tables: Tables, until: date | None) -> None:
    """Say where the end of the data is not what it seems: beyond today, or beyond the last record."""
    from training.labels import end_of_data

    end = end_of_data(tables, until)
    if end > datetime.now(UTC).date() + timedelta(days=1):
        say(f"warning: the data end on {end}, in the future: an invoice with a slip in its date?")
    if until is not None and until > end_of_data(tables, None):
        say(f"warning: --until {until} lies beyond the last invoice; whoever has not churned by then counts as staying")


def _standing(champion: bool, grade: str | None) -> str:
    if not champion:
        return "a candidate: the champion stays as it is"
    if grade == "D":
        return "warning: champion because it is the first, though no better than a naive rule (grade D)"
    return "champion, because it is the first"


def evaluate(
    source: SourceArgument,
    as_of: Annotated[
        date, typer.Option(**DATE_OPTION, help="Score from what was known before, judge by what came after.")
    ],
    model: Annotated[str | None, typer.Option(help="Version; by default the champion.", metavar="VERSION")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a model at a date it may or may not have seen, with the same metrics as train."""
    from training.judgement import evaluate_at
    from training.settings import Environment
    from training.tracking import fetch

    tables = read_book(source)
    bundle = fetch(Environment(), model)
    with progress_bar(as_json) as step:
        judged = evaluate_at(tables, as_of, bundle, step)
    if as_json:
        found = judged.verdict.as_dict()
        emit(
            {
                "model_version": bundle.version,
                "as_of": as_of.isoformat(),
                "metrics": found["metrics"]["model"],
                "verdict": found,
                "seen": judged.seen,
            }
        )
        return
    show_verdict(judged.verdict, f"Version {bundle.version} at {as_of}")
    if judged.seen:
        say("warning: the model has learnt from labels that were not known at that date; these figures flatter it")


ROWS = (
    ("ROC AUC", "roc_auc"),
    ("PR AUC", "pr_auc"),
    ("Brier", "brier"),
    ("calibration error", "calibration_error"),
    ("lift at 10 %", "lift_10"),
    ("lost revenue captured in the top 10 %", "captured_10"),
    ("ROC AUC, by revenue", "weighted_roc_auc"),
    ("PR AUC, by revenue", "weighted_pr_auc"),
    ("Brier, by revenue", "weighted_brier"),
    ("calibration error, by revenue", "weighted_calibration_error"),
    ("lift at 10 %, by revenue", "weighted_lift_10"),
)


def show_verdict(verdict: Verdict, title: str) -> None:
    """Print the metrics of the model beside every rival's, with the intervals of the two that decide."""
    from training.baselines import RIVALS

    ours = verdict.metrics["model"]
    names = list(verdict.metrics)
    lines = []
    for label, key in ROWS:
        figures = [getattr(verdict.metrics[name], key) for name in names]
        lines.append([label, *("" if figure is None else f"{figure:.3f}" for figure in figures)])
    table(f"{title}: {', '.join(verdict.as_of)}", ["", *names], lines)
    say(
        f"\n{ours.rows:,} rows, {ours.churned:,} churned ({ours.churn_rate:.1%}), "
        f"{ours.lost_revenue_share:.1%} of the revenue lost"
    )
    for key, label in (("roc_auc", "ROC AUC"), ("captured_10", "lost revenue captured")):
        for name, interval in verdict.intervals.items():
            if name == key or name.removeprefix(f"{key} - ") in {rival.name for rival in RIVALS}:
                against = "" if name == key else f" against {name.removeprefix(f'{key} - ')}"
                say(f"  {label}{against}: {_interval(interval, signed=name != key)}")


def _interval(interval: Any, signed: bool) -> str:
    sign = "+" if signed else ""
    return (
        f"{interval.value:{sign}.3f} (95 % interval {interval.low:{sign}.3f} to {interval.high:{sign}.3f}, by account)"
    )


def add_to(app: typer.Typer) -> None:
    """Add this layer's commands to the root."""
    for command in (train, evaluate):
        app.command()(command)
