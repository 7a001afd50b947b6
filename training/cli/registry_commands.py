"""The commands on the registry of models: `promote`, `rollback`, `compare`.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.console import JsonOption, emit, say, table
from training.card.printing import MEASURES, ROWS, interval_text

if TYPE_CHECKING:
    from training.judge.paired import Common
    from training.registry.comparison import Comparison
    from training.registry.promotion import Outcome

VersionArgument = Annotated[str, typer.Argument(help="A version's number in the registry.", metavar="VERSION")]
ReasonOption = Annotated[str, typer.Option(help="Why, in a sentence; kept with the move.", metavar="TEXT")]


def promote(
    version: VersionArgument,
    reason: ReasonOption = "",
    override: Annotated[
        bool, typer.Option("--override", help="Although it did not win at the gate; give a --reason too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion; one that did not win at the gate needs --override and a --reason."""
    from training.registry.promotion import promote as move
    from training.settings import Environment

    _tell(move(Environment(), version, reason, override), as_json)


def rollback(reason: ReasonOption = "", as_json: JsonOption = False) -> None:
    """Go back to the champion before the present one; once more goes further back."""
    from training.registry.promotion import rollback as move
    from training.settings import Environment

    _tell(move(Environment(), reason), as_json)


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        emit(outcome.as_dict())
        return
    if outcome.move is None:
        watched = "" if outcome.published is None else f", and services that watch {outcome.published} have it"
        say(f"version {outcome.version} is the champion already: nothing to do{watched}")
        return
    for version in outcome.skipped:
        say(f"version {version} was champion before, but is deleted: passed over")
    before = outcome.move.from_version
    instead = "" if before is None else f" in place of version {before}"
    say(f"version {outcome.version} is the champion now{instead}; {_taken_up(outcome)}")
    if outcome.move.override:
        say(f"warning: by override, recorded with the name {outcome.move.by} and the reason given")


def _taken_up(outcome: Outcome) -> str:
    if outcome.published is None:
        return "a service takes it up when it is started again"
    return f"services that watch {outcome.published} take it up within seconds"


def compare(
    first: VersionArgument,
    second: VersionArgument,
    as_json: JsonOption = False,
) -> None:
    """Show two versions side by side, and paired differences on the rows that both were judged on."""
    from training.registry.comparison import compare as side_by_side
    from training.settings import Environment

    comparison = side_by_side(Environment(), first, second)
    if as_json:
        emit(comparison.as_dict())
        return
    show_comparison(comparison)


def show_comparison(comparison: Comparison) -> None:
    """Print two versions side by side, the settings that differ, the paired differences and the notes."""
    sides = [comparison.first.as_dict(), comparison.second.as_dict()]
    names = [comparison.first.name, comparison.second.name]
    table("Side by side", ["", *names], [*_facts(sides), *_metrics(sides)])
    differing = [[name, *map(_text, pair)] for name, pair in comparison.settings.items()]
    for side, only in zip(names, comparison.signals, strict=True):
        if only:
            say(f"signals of {side} only: {', '.join(only)}")
    if differing:
        table("Settings that differ", ["", *names], differing)
    else:
        say("\nno setting differs")
    if comparison.common is not None:
        _show_common(comparison.common, names)
    for note in comparison.notes:
        say(f"note: {note}")


def _facts(sides: list[dict[str, Any]]) -> list[list[str]]:
    columns = [_facts_of(side) for side in sides]
    return [[label, *(column[label] for column in columns)] for label in columns[0]]


def _facts_of(side: dict[str, Any]) -> dict[str, str]:
    return {
        "standing": "champion" if side["champion"] else "candidate",
        "at the gate": side["gate"] or "never",
        "trained at": side["trained_at"],
        "data": f"{side['data_from']} to {side['data_until']}",
        "as-of dates": f"{len(side['slices'])} to {side['slices'][-1]}",
        "rows": f"{side['rows']:,}",
        "signals": str(side["signals"]),
        "weighting": side["weighting"],
        "rounds": str(side["rounds"]),
        "judged at": _span(side["judged_at"]),
        "judged": side["judged_how"].partition(":")[0],
        "grade": _text(side["grade"]),
    }


def _metrics(sides: list[dict[str, Any]]) -> list[list[str]]:
    lines = []
    for label, key, form in ROWS:
        figures = []
        for side in sides:
            figure, interval = side["metrics"].get(key), side["intervals"].get(key)
            known = interval is not None and interval["low"] is not None
            limits = f" ({interval['low']:{form}} to {interval['high']:{form}})" if known else ""
            figures.append("" if figure is None else f"{figure:{form}}{limits}")
        lines.append([label, *figures])
    return lines


def _show_common(common: Common, names: list[str]) -> None:
    say(
        f"\nOn the {common.rows:,} rows of {common.accounts:,} accounts that both were judged on "
        f"({_span(list(common.as_of))}; {common.churned:,} churned), {names[1]} less {names[0]}:"
    )
    for measure, figure in common.figures.items():
        label, form = MEASURES[measure]
        gap = interval_text(figure.difference, form, signed=True)
        say(f"  {label}: {gap}; {figure.second:{form}} against {figure.first:{form}}")
    say("(95 % intervals from resampled accounts; one that holds 0 tells the versions not apart)")


def _span(days: list[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the root command."""
    for command in (promote, rollback, compare):
        app.command()(command)
