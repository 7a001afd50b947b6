"""The parts of a study that need no Optuna: its place, its subject, its workers and its budget."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from features.errors import InputError
from training.bundle.file_locks import holding, is_held
from training.database_address import shown
from training.settings import TrainingSettings
from training.slices.dataset import Dataset, fingerprint
from training.tuning.search_space import Dimension
from training.tuning.trials import Reached
from training.tuning.tuning import Objectives

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
#: The error that refuses a study shows each value up to this length.
SHOWN = 12


@dataclass(frozen=True)
class Place:
    """Where a study is kept.

    Attributes
    ----------
    name : str
    folder : Path
        The folder of journals and locks.
    url : str or None
        Address of the database of trials; None: a journal file in the folder.
    """

    name: str
    folder: Path
    url: str | None = None

    def __post_init__(self) -> None:
        """Refuse names that are not file names, and text that is not an address."""
        if not NAME.fullmatch(self.name):
            raise InputError(f"a study's name is letters, digits, '.', '_' and '-', at most 100: not {self.name!r}")
        try:
            _ = self.shown
        except (SQLAlchemyError, ValueError) as error:  # Its text is not shown: it may hold a part of the password.
            raise InputError("CHURN_RISK_STUDY_URL is no address of a database") from error

    @property
    def journal(self) -> Path:
        """The journal file."""
        return self.folder / f"{self.name}.log"

    @property
    def claims(self) -> Path:
        """The lock that a worker holds while it claims a trial."""
        return self.folder / f"{self.name}.claims.lock"

    @property
    def shown(self) -> str:
        """Where the study is kept, without a password."""
        return str(self.journal) if self.url is None else shown(self.url)

    @contextmanager
    def signed_in(self) -> Iterator[str]:
        """Hold a lock of this worker for the length of a block, and yield its name.

        A worker that does not hold its lock is not at work.
        """
        worker = f"{_machine()}-{uuid4().hex}"
        try:
            with holding(self._of(worker)):
                yield worker
        finally:
            self._of(worker).unlink(missing_ok=True)

    def is_at_work(self, worker: str) -> bool | None:
        """Whether a worker is alive; None if that is unknown, because it runs on another machine."""
        if worker:
            with suppress(FileNotFoundError):
                return is_held(self._of(worker))
        return False if self.url is None or worker.startswith(f"{_machine()}-") else None

    def forget(self, worker: str) -> None:
        """Remove the lock file of a dead worker."""
        if worker:
            self._of(worker).unlink(missing_ok=True)

    def _of(self, worker: str) -> Path:
        return self.folder / f"{self.name}.{worker}.lock"


def _machine() -> str:
    return re.sub(r"[^\w-]", "_", socket.gethostname())


@dataclass(frozen=True)
class Budget:
    """How long a study goes on.

    Attributes
    ----------
    trials : int or None
        Number of trials over all workers and all earlier runs of the study.
    seconds : float or None
        Counted from `begun_at`. A trial that has begun is finished.
    begun_at : float
        Seconds since the epoch.
    """

    trials: int | None
    seconds: float | None
    begun_at: float

    def allows(self, begun: int) -> bool:
        """Whether another trial may begin when `begun` trials have begun; the first trial always may."""
        if self.trials is not None and begun >= self.trials:
            return False
        return begun == 0 or self.seconds is None or time.time() - self.begun_at < self.seconds

    def spent(self, ended: int) -> tuple[int, int]:
        """Return what is spent and the whole budget: in trials, or in seconds if only the time is limited."""
        if self.trials is not None:
            return min(ended, self.trials), self.trials
        whole = round(self.seconds or 0)
        return min(round(time.time() - self.begun_at), whole), whole


@dataclass(frozen=True)
class Job:
    """What a worker needs to know.

    Attributes
    ----------
    data : Dataset
        Rows that trials may see.
    settings : TrainingSettings
        The settings that tuning starts from.
    what : dict
        What the study is about (see `about`).
    """

    place: Place
    budget: Budget
    objectives: Objectives
    data: Dataset = field(repr=False)
    settings: TrainingSettings
    space: tuple[Dimension, ...]
    what: dict[str, Any] = field(repr=False)

    def of(self, reached: Reached) -> list[float]:
        """Return the figures that the study maximises."""
        return {
            "profit": [reached.profit],
            "auc": [reached.ranking],
            "both": [reached.profit, reached.ranking],
        }[self.objectives]


def about(data: Dataset, settings: TrainingSettings, objectives: str, space: Sequence[Dimension]) -> dict[str, Any]:
    """Return everything but the parameters that a trial's figures depend on, as plain values by name.

    Parameters
    ----------
    data : Dataset
        Rows that trials may see.
    settings : TrainingSettings
        The settings that tuning starts from.
    objectives : 'profit', 'auc' or 'both'
    space : sequence of Dimension
    """
    whole = {"data": fingerprint(data), "objectives": objectives, **asdict(settings), "space": list(map(asdict, space))}
    return dict(_flat(json.loads(json.dumps(whole, default=str))))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def name_for(what: Mapping[str, Any]) -> str:
    """Return a study's default name: the same command continues the same study."""
    return f"tuning-{hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:SHOWN]}"


def demand_same(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to continue a study that is about something else.

    Raises
    ------
    InputError
        When a value differs; the message names what differs.
    """
    differing = [key for key in {**now, **before} if before.get(key) != now.get(key)]
    if differing:
        differences = "; ".join(f"{key} was {_short(before.get(key))}, is {_short(now.get(key))}" for key in differing)
        raise InputError(f"the study {name!r} is about something else: {differences}; give another --study")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
