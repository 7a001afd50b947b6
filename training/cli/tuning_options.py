"""Options of `churn-risk train` that ask for tuning, and the tuning they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from features.console import Step
    from training.settings import Environment, TrainingSettings
    from training.slices.dataset import Dataset
    from training.tuning.tuning import Tuning


class Objectives(StrEnum):
    """What tuning searches for: profit, ranking, or the front between the two."""

    PROFIT, AUC, BOTH = "profit", "auc", "both"


TrialsOption = Annotated[
    int | None, typer.Option(min=1, help="Tune first: so many trials in all, those of earlier runs of the study too.")
]
MinutesOption = Annotated[float | None, typer.Option(min=0, help="Tune first: no trial begins after so many minutes.")]
StudyOption = Annotated[
    str | None, typer.Option(help="The study to go on with; by default the one of the same data and settings.")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes that tune; share the cores by OMP_NUM_THREADS.")]
ObjectivesOption = Annotated[Objectives, typer.Option(help="What tuning searches for; with both, nothing is pruned.")]


@dataclass(frozen=True)
class TuningOptions:
    """What was asked for."""

    trials: int | None = None
    minutes: float | None = None
    study: str | None = None
    workers: int = 1
    objectives: Objectives = Objectives.PROFIT

    def __post_init__(self) -> None:
        """Refuse what says how to tune, but not how long."""
        plain = self.study is None and self.workers == 1 and self.objectives is Objectives.PROFIT
        if not self.asked_for and not plain:
            raise typer.BadParameter("--study, --workers and --objectives need --trials or --tune-minutes")

    @property
    def asked_for(self) -> bool:
        """Whether tuning was asked for."""
        return self.trials is not None or self.minutes is not None


def tuned(
    data: Dataset, settings: TrainingSettings, environment: Environment, options: TuningOptions, step: Step
) -> Tuning | None:
    """Return what tuning found; None where it was not asked for."""
    if not options.asked_for:
        return None
    from training.tuning.workers import tune

    return tune(
        data,
        settings,
        environment,
        trials=options.trials,
        minutes=options.minutes,
        study=options.study,
        workers=options.workers,
        objectives=options.objectives.value,
        progress=step,
    )
