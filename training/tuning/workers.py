"""Tuning from start to end: slices and settings go in, the best trial beside the starting settings comes out.

Worker processes are spawned, not forked. Each process receives the labelled slices, so no signal is computed again.
LightGBM uses as many threads as the environment allows: with several workers, set OMP_NUM_THREADS.
"""

from __future__ import annotations

import multiprocessing
import time
from contextlib import suppress
from multiprocessing.connection import wait
from typing import cast, get_args

from features.library_log import heard
from training.judge.origins import latest_origin
from training.models.fitting import Progress, silent
from training.private_files import make_home
from training.settings import Environment, TrainingSettings
from training.slices.dataset import Dataset
from training.tuning.search import ended, open_study, show, work
from training.tuning.search_space import search_space
from training.tuning.studies import Budget, Job, Place, about, name_for
from training.tuning.tuning import Objectives, Tuning, conclude

POLL_SECONDS = 0.5


def tune(
    data: Dataset,
    settings: TrainingSettings,
    environment: Environment,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    study: str | None = None,
    workers: int = 1,
    objectives: Objectives = "profit",
    progress: Progress = silent,
) -> Tuning:
    """Search for better settings on what was known at the latest origin, and judge them on what came after.

    Parameters
    ----------
    data : Dataset
        All mature slices.
    settings : TrainingSettings
        The starting settings; the first trial has them.
    environment : Environment
        Says where studies are kept.
    trials : int, optional
        Number of trials, including those of earlier runs of the study; 1 or more.
    minutes : float, optional
        No trial begins later than this; the first trial always may. `trials`, `minutes` or both must be set.
    study : str, optional
        Name of the study; by default the data and settings determine it, so that the same command continues it.
    workers : int
        Number of processes; 1: this process only.
    objectives : 'profit', 'auc' or 'both'
    progress : Progress
        Called with what is being done and how far it is.

    Raises
    ------
    InputError
        When the study is about something else, or its place cannot be opened.
    NotEnoughData
        When no trial finished.
    """
    if trials is None and minutes is None:
        raise ValueError("trials=None, minutes=None: how long is tuning to go on?")
    if (trials is not None and trials < 1) or (minutes is not None and minutes < 0) or workers < 1:
        raise ValueError(f"trials={trials} and workers={workers} are 1 or more, minutes={minutes} 0 or more")
    if objectives not in get_args(Objectives):
        raise ValueError(f"objectives={objectives!r} is none of {', '.join(get_args(Objectives))}")
    origin = latest_origin(data, settings)
    space = search_space(settings, origin.learnt.dates)
    what = about(data, settings, objectives, space)
    place = Place(study or name_for(what), environment.home.absolute() / "studies", environment.study_url)
    budget = Budget(trials, None if minutes is None else 60 * minutes, time.time())
    job = Job(place, budget, objectives, origin.learnt, settings, space, what)
    make_home(environment.home)
    place.folder.mkdir(exist_ok=True)
    if workers > 1:
        _work_in_processes(job, workers, progress)
    work(job, progress)
    return conclude(place.name, place.shown, objectives, settings, ended(open_study(job)), origin, progress)


def _work_in_processes(job: Job, workers: int, progress: Progress) -> None:
    """Run workers in processes of their own, each with the data, while this process shows the progress.

    A process that dies may leave trials undone; the caller runs them.
    """
    study = open_study(job)
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=_work_on, args=(job,)) for _ in range(workers)]
    try:
        for process in started:
            process.start()
        running = {process.sentinel for process in started}
        while running:
            running -= set(cast(list[int], wait(running, POLL_SECONDS)))
            show(study, job, progress)
    finally:
        for process in started:
            if process.pid is not None:
                process.terminate()
                process.join()


def _work_on(job: Job) -> None:
    """Work until the budget is spent, or until the parent process is gone."""
    parent = multiprocessing.parent_process()

    def alone() -> bool:
        return parent is not None and not parent.is_alive()

    with suppress(KeyboardInterrupt), heard(lambda: job.place.folder.parent):
        work(job, halted=alone)
