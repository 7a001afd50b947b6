"""What `train --refresh` does beside a plain `train`: the champion's recipe, nothing without newer data, an exit code.

A scheduler calls it. The exit code is 0 when a champion of the newest data serves now, and `NOT_RENEWED` when a person
must look: the gate held the new version, a changed recipe did not win, the champion has vanished, or nothing is newer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.console import emit, say

if TYPE_CHECKING:
    from features.tables import Tables
    from training.bundle.bundle import Bundle
    from training.settings import TrainingSettings

#: Not 1, which is a failure, and not 2, which is bad usage or bad input: the work was done, and the champion stays.
NOT_RENEWED = 3
RULE = ("horizon_days", "lead_days", "silence_days")
RefreshOption = Annotated[
    bool,
    typer.Option(
        "--refresh",
        help="Make the champion's recipe again on newer data; promoted by itself if not worse. Exit code 3 if not.",
    ),
]


def demand_no_search(refresh: bool, tuning: bool) -> None:
    """Refuse to look for another recipe in a refresh."""
    if refresh and tuning:
        raise typer.BadParameter(
            "--refresh makes the champion's recipe again; --trials and --tune-minutes seek another"
        )


def given_in(context: typer.Context) -> set[str]:
    """Return the names of the options that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name != "DEFAULT"}


def recipe_of(champion: Bundle, asked: TrainingSettings, given: Collection[str]) -> TrainingSettings:
    """Return the champion's settings, with the options that were given and the economics of the environment.

    An option that differs from the champion's changes the recipe, which then needs a win at the gate.
    """
    from training.settings import ChurnRule

    rule: dict[str, Any] = {name: getattr(asked.rule if name in given else champion.rule, name) for name in RULE}
    recipe = champion.settings
    return replace(
        recipe,
        rule=ChurnRule(**rule),
        until=asked.until,
        seed=asked.seed if "seed" in given else recipe.seed,
        embargo_days=asked.embargo_days if "embargo_days" in given else recipe.embargo_days,
        economics=asked.economics,
    )


def stop_without_newer(
    tables: Tables, champion: Bundle, settings: TrainingSettings, told: list[str], as_json: bool
) -> None:
    """End the command where the champion has learnt all that the book tells: a scheduled export may have stopped."""
    from training.judge.champion_gate import HELD, Gate
    from training.refresh.recipe import recipe_changes
    from training.refresh.renewing import known_until
    from training.slices.labels import end_of_data

    end, known = end_of_data(tables, settings.until), known_until(champion)
    if end > known or recipe_changes(champion, settings):
        return
    gate = Gate(
        HELD,
        f"nothing is newer: the data end on {end}, and the champion, version {champion.version}, knows them to {known}",
    )
    if as_json:
        emit({"model_version": None, "champion": False, "gate": asdict(gate), "warnings": told})
    else:
        say(f"held: {gate.why}; nothing was trained, and the champion stays")
    raise typer.Exit(NOT_RENEWED)
