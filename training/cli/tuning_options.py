"""The tuning options of `churn-risk train`, and the call of tuning with them."""

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
    """The values of the tuning options.

    Attributes
    ----------
    trials : int or None
        Number of trials, including those of earlier runs of the study.
    minutes : float or None
        No trial begins later than this.
    study : str or None
        Name of the study; None: the data and settings determine it.
    workers : int
        Number of processes.
    objectives : Objectives
    """

    trials: int | None = None
    minutes: float | None = None
    study: str | None = None
    workers: int = 1
    objectives: Objectives = Objectives.PROFIT

    def __post_init__(self) -> None:
        """Refuse options that say how to tune, but not for how long."""
        plain = self.study is None and self.workers == 1 and self.objectives is Objectives.PROFIT
        if not self.asked_for and not plain:
            raise typer.BadParameter("--study, --workers and --objectives need --trials or --tune-minutes")

    @property
    def asked_for(self) -> bool:
        """Whether the user asked for tuning."""
        return self.trials is not None or self.minutes is not None


def tuned(
    data: Dataset, settings: TrainingSettings, environment: Environment, options: TuningOptions, step: Step
) -> Tuning | None:
    """Return the result of tuning; None if the user did not ask for it.

    Parameters
    ----------
    data : Dataset
        All mature slices.
    settings : TrainingSettings
        The settings that tuning starts from.
    environment : Environment
        Says where studies are kept.
    options : TuningOptions
    step : Step
        Shows the progress.
    """
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
