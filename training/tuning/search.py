"""Tuning with Optuna: a job goes in, ended trials come out.

Trials run on purged forward folds. Several workers share one study, and the study survives them.

Objectives: `profit`, the default, is one money figure (the mean of the profit at capacity and at an earlier cutoff, per
account). `auc` is the mean of plain and revenue-weighted ROC AUC, which depends on every account. `both` searches the
front between the two. `training.tuning.tuning` decides which finished trial is best, and whether its settings are used.

Pruning: after each fold but the first, a trial stops if it lies below the median of the figures that finished trials
had reached after the same folds. (Optuna's median pruner compares a trial's best figure so far. Folds differ in what
there was to earn, so that figure would be the one of the richest fold.) With `both` nothing is pruned: Optuna does not
prune trials of several objectives.

Storage: a journal file under the home folder, or any database that SQLAlchemy can reach. A worker holds a lock as long
as it lives. So the next worker sees which trial a killed worker had begun, fails it and runs it again; finished trials
are never lost. Each place in the sequence has its own seed: one worker with the same seed gives the same trials, also
when it is killed and resumed; with several workers the trials depend on the order in which they finish. Workers on
several machines share a database, but not locks. They may run one trial too many for each further machine, and a worker
that vanished with its machine is noticed after a day.

References
----------
Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", 2019.
Bergstra et al., "Algorithms for hyper-parameter optimization", 2011 (tree-structured Parzen estimator).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Literal, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from features.errors import InputError, NotEnoughData
from training.bundle.file_locks import SystemLock, holding, mend
from training.models.fitting import Progress, silent
from training.tuning.search_space import Dimension, applied, starting_point
from training.tuning.studies import Job, Place, demand_same
from training.tuning.trials import Reached, State, Trial, measure

#: Attributes of a trial: place in the sequence, its worker, what it reached, its draws, why it failed.
SLOT, WORKER, FOLDS, DRAWS, WHY = "slot", "worker", "folds", "draws", "why"
ABOUT = "about"
#: Pruning begins after this many finished trials, and from this step on (0 is the first fold).
LEAST_FINISHED, LEAST_STEP = 5, 1
VANISHED_AFTER = timedelta(days=1)
STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def open_study(job: Job) -> optuna.Study:
    """Open the study, or create it; raises InputError if it is about something else."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    directions: list[Literal["maximize"]] = ["maximize"] * len(job.of(Reached(0, 0)))
    with holding(job.place.claims):
        study = optuna.create_study(
            storage=_storage(job.place),
            study_name=job.place.name,
            directions=directions,
            pruner=SameFolds(),
            load_if_exists=True,
        )
        if ABOUT not in study.user_attrs:
            study.set_user_attr(ABOUT, job.what)
    demand_same(job.place.name, study.user_attrs[ABOUT], job.what)
    return study


def _storage(place: Place) -> BaseStorage:
    if place.url is None:
        lock = SystemLock(place.folder / f"{place.name}.log.lock")
        mend(place.journal, lock)
        return JournalStorage(JournalFileBackend(str(place.journal), lock_obj=cast(JournalFileOpenLock, lock)))
    try:
        return RDBStorage(place.url)
    except (SQLAlchemyError, ImportError) as error:
        raise InputError(f"CHURN_RISK_STUDY_URL: {place.shown} cannot be opened: {error}") from error


class SameFolds(optuna.pruners.BasePruner):
    """Stops a trial below the median of what finished trials had reached after the same folds."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop the trial."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        step = trial.last_step
        if step is None or step < LEAST_STEP or len(finished) < LEAST_FINISHED:
            return False
        return trial.intermediate_values[step] < statistics.median(peer.intermediate_values[step] for peer in finished)


def work(job: Job, progress: Progress = silent, halted: Callable[[], bool] = lambda: False) -> None:
    """Run trials until the budget is spent, or until `halted` answers True between two trials."""
    study = open_study(job)
    show(study, job, progress)
    with job.place.signed_in() as worker:
        while not halted() and (trial := claim(study, job, worker)) is not None:
            _run(study, trial, job)
            show(study, job, progress)


def claim(study: optuna.Study, job: Job, worker: str) -> optuna.Trial | None:
    """Take the first free place in the sequence and draw its parameters; return None if the budget is spent."""
    with holding(job.place.claims):
        _give_up_abandoned(study, job.place)
        taken = _taken(study)
        if not job.budget.allows(len(taken)):
            return None
        slot = next(place for place in count() if place not in taken)
        if slot == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.enqueue_trial(starting_point(job.settings))
        seed = np.random.SeedSequence([job.settings.seed, slot]).generate_state(1)[0]
        study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        trial = study.ask({dimension.name: _distribution(dimension) for dimension in job.space})
        trial.set_user_attr(SLOT, slot)
        trial.set_user_attr(WORKER, worker)
    return trial


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _taken(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Return the trials by their place in the sequence, without those that failed because their worker ended."""
    return {
        trial.user_attrs[SLOT]: trial
        for trial in study.get_trials(deepcopy=False)
        if SLOT in trial.user_attrs and (trial.state != TrialState.FAIL or WHY in trial.user_attrs)
    }


def _give_up_abandoned(study: optuna.Study, place: Place) -> None:
    """Fail the trials whose worker is gone.

    The caller holds the lock of claims: a trial that is being claimed has no worker's name yet.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get(WORKER, "")
        at_work = place.is_at_work(worker)
        if at_work is None and trial.datetime_start is not None:
            at_work = time.time() - trial.datetime_start.timestamp() < VANISHED_AFTER.total_seconds()
        if not at_work:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            place.forget(worker)


def _run(study: optuna.Study, trial: optuna.Trial, job: Job) -> None:
    folds: list[Reached] = []

    def stop(step: int, reached: Reached) -> bool:
        folds.append(reached)
        if len(study.directions) > 1:
            return False
        trial.report(job.of(reached)[0], step)
        return trial.should_prune()

    try:
        measured = measure(job.data, applied(job.settings, trial.params), stop)
        if not np.isfinite([job.of(reached) for reached in folds]).all():
            raise NotEnoughData("what was earned cannot be told on these folds")
    except Exception as error:  # one trial may fail because of its parameters; the study goes on
        trial.set_user_attr(WHY, f"{type(error).__name__}: {error}"[:500])
        study.tell(trial, state=TrialState.FAIL)
        return
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    trial.set_user_attr(FOLDS, [[reached.profit, reached.ranking] for reached in folds])
    if measured is None:
        study.tell(trial, state=TrialState.PRUNED)
        return
    trial.set_user_attr(DRAWS, measured.draws)
    study.tell(trial, job.of(measured.reached))


def show(study: optuna.Study, job: Job, progress: Progress) -> None:
    """Report how much of the budget is spent, and the best figure so far."""
    done = [trial for trial in study.get_trials(deepcopy=False, states=tuple(STATES)) if SLOT in trial.user_attrs]
    step, steps = job.budget.spent(len(done))
    finished = [trial.values for trial in done if trial.state == TrialState.COMPLETE]
    best = f", best {max(values[0] for values in finished):,.3f}" if finished else ""
    progress(f"tuning{best}", step, steps)


def ended(study: optuna.Study) -> list[Trial]:
    """Return the trials that ended, in the order of the sequence."""
    return [_plain(slot, trial) for slot, trial in sorted(_taken(study).items()) if trial.state in STATES]


def _plain(slot: int, trial: FrozenTrial) -> Trial:
    started, completed = trial.datetime_start, trial.datetime_complete
    return Trial(
        number=slot,
        state=STATES[trial.state],
        parameters=dict(trial.params),
        folds=tuple(Reached(*pair) for pair in trial.user_attrs.get(FOLDS, ())),
        draws=tuple(trial.user_attrs.get(DRAWS, ())),
        why=trial.user_attrs.get(WHY, ""),
        started_at=0.0 if started is None else started.timestamp(),
        ended_at=0.0 if completed is None else completed.timestamp(),
    )
