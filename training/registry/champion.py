"""The champion: the version that the alias names, the recorded moves, and the one function that moves the alias.

Each move is a tag of its own on the registered model and is written only once. So no move can overwrite another, and no
length limit cuts off the oldest (a tag's value holds 5,000 characters in a database). A move has four steps:

1. The move is recorded, as an intent.
2. The alias moves: from now on the version is the champion.
3. The pointer that services watch swings to its bundle, which was staged before (see `training.bundle.publishing`).
4. The version's own tags say the same, for readers in MLflow.

The alias alone decides. A crash after step 1 leaves an intent without effect: the next move, or the alias, still starts
from the same version, and `took_effect` leaves the intent out. A crash after step 2 leaves services with the previous
champion until `training.registry.tracking.bring_in_line` runs. A crash after step 3 only leaves the version's tags out
of date.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from training.bundle.file_locks import holding
from training.judge.champion_gate import NOBODY_REIGNS, Gate
from training.settings import CHAMPION, MODEL_NAME

if TYPE_CHECKING:
    from training.bundle.publishing import Staged

#: MLflow's error codes for a missing model, version or alias; any other code is a failure, not an absence.
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
#: Prefix of the tags that record moves. The instant follows, then a random token: moves may share an instant.
PREFIX = "champion_move."
FIRST, GATE, REFRESH, PROMOTE, ROLLBACK = "first", "gate", "refresh", "promote", "rollback"
USER = "CHURN_RISK_USER"


@dataclass(frozen=True)
class Move:
    """One move of the alias, as it is recorded.

    Attributes
    ----------
    version : str
        The version that became champion.
    from_version : str or None
        The previous champion; None if there was none.
    at : str
        Time of the move: UTC, ISO with microseconds; each move is later than all moves before it.
    by : str
        The person who moved it: `CHURN_RISK_USER`, else the operating system's user.
    how : 'first', 'gate', 'refresh', 'promote' or 'rollback'
    override : bool
        Whether a human promoted a version that had not won at the gate.
    reason : str
        Why, in that person's words; may be empty.
    """

    version: str
    from_version: str | None
    at: str
    by: str
    how: str
    override: bool
    reason: str


def entry_of(gate: Gate, against: str | None) -> tuple[str, str | None]:
    """Return how a version that the gate lets through becomes champion, and the champion that it takes the place of.

    Parameters
    ----------
    against : str or None
        The champion that it was judged beside.
    """
    if gate == NOBODY_REIGNS:
        return FIRST, None
    return (REFRESH if gate.is_refresh else GATE), against


def current(client: MlflowClient) -> ModelVersion | None:
    """Return the version that the alias names, None if there is no champion."""
    try:
        return client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def current_version(client: MlflowClient) -> str | None:
    """Return the number of the champion's version, None if there is no champion."""
    champion = current(client)
    return None if champion is None else str(champion.version)


def move_champion(
    client: MlflowClient,
    home: Path,
    version: str,
    *,
    expected: str | None,
    how: str,
    staged: Staged | None,
    override: bool = False,
    reason: str = "",
) -> Move | None:
    """Make a version the champion; every move of the alias goes through here.

    A lock in the home folder admits one process at a time, which suffices for the embedded registry. Two machines at
    one server have a lock each: then both moves are recorded, the later alias holds, and a rollback leads back through
    both.

    Parameters
    ----------
    client : MlflowClient
    home : Path
        Folder of the lock; it must exist.
    version : str
        The version that becomes champion.
    expected : str or None
        The champion at the time of the decision; None: there was none.
    how : 'first', 'gate', 'refresh', 'promote' or 'rollback'
    staged : Staged or None
        The version's bundle in the folder that services watch; None if no service watches.
    override : bool
        Whether a human promotes a version that did not win at the gate.
    reason : str
        Why; may be empty.

    Returns
    -------
    Move or None
        The recorded move; None, with nothing written, if the champion is not the expected one.

    Raises
    ------
    PublishingFailed
        When the pointer cannot be swung: the version is champion, and services go on with the previous one.
    """
    with one_at_a_time(home):
        if current_version(client) != expected:
            if staged is not None:
                staged.drop()
            return None
        at = _after(moves(client))
        move = Move(version, expected, at.isoformat(timespec="microseconds"), user(), how, override, reason)
        key = f"{PREFIX}{at:%Y%m%dT%H%M%S.%f}Z.{uuid4().hex[:8]}"
        client.set_registered_model_tag(MODEL_NAME, key, json.dumps(asdict(move), ensure_ascii=False))
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, version)
        if staged is not None:
            staged.swing()
        for name in ("at", "by", "how", "reason"):
            client.set_model_version_tag(MODEL_NAME, version, f"promoted_{name}", getattr(move, name))
        client.set_model_version_tag(MODEL_NAME, version, "override", str(override).lower())
    return move


def moves(client: MlflowClient) -> list[Move]:
    """Return every recorded move, newest last, including those without effect (see `took_effect`).

    An unreadable record is left out.
    """
    try:
        tags = client.get_registered_model(MODEL_NAME).tags
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return []
    recorded = [_read(tags[key]) for key in sorted(tags) if key.startswith(PREFIX)]
    return [move for move in recorded if move is not None]


def _read(text: str) -> Move | None:
    try:
        return Move(**json.loads(text))
    except (ValueError, TypeError):
        return None


def took_effect(recorded: Sequence[Move], champion: str | None) -> list[Move]:
    """Return the moves that changed the champion, without those that left the alias at the version before.

    The champion after a move is the version that the next move started from; after the last move it is the present
    champion. If it differs from the version before the move, the move counts: if it is not the move's own version
    either, somebody has moved the alias on in MLflow.

    Parameters
    ----------
    recorded : sequence of Move
        All moves, newest last.
    champion : str or None
        The version that the alias names now.
    """
    afterwards = [*(move.from_version for move in recorded), champion][1:]
    return [
        move for move, champion_after in zip(recorded, afterwards, strict=True) if champion_after != move.from_version
    ]


def former_champions(recorded: Sequence[Move], champion: str | None) -> list[str]:
    """Return the versions to roll back to, nearest last, without the present champion.

    The versions form a stack. A move puts its version on top. A rollback removes the versions above the one that it
    returned to, so a second rollback goes further back, not to the version that the first one left. A champion that was
    set in MLflow itself has no move; it is put on the stack when the next move started from it.

    Parameters
    ----------
    recorded : sequence of Move
        All moves, newest last.
    champion : str or None
        The version that the alias names now.
    """
    stack: list[str] = []
    for move in took_effect(recorded, champion):
        _put(stack, move.from_version)
        if move.how == ROLLBACK and move.version in stack:
            while stack[-1] != move.version:
                stack.pop()
        else:
            _put(stack, move.version)
    _put(stack, champion)
    return stack if champion is None else stack[:-1]


def _put(stack: list[str], version: str | None) -> None:
    if version is not None and stack[-1:] != [version]:
        stack.append(version)


def user() -> str:
    """Return the name of the person at work: `CHURN_RISK_USER`, else the system's user; at most 200 characters."""
    try:
        name = os.environ.get(USER) or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = f"user {os.getuid()}"
    return name.encode("utf-8", "replace").decode()[:200]


def _after(recorded: Sequence[Move]) -> datetime:
    """Return the present instant, or one just after the last move if this clock is behind that move's."""
    now = datetime.now(UTC)
    return max(now, datetime.fromisoformat(recorded[-1].at) + timedelta(microseconds=1)) if recorded else now


def one_at_a_time(home: Path) -> AbstractContextManager[None]:
    """Wait for the lock that moves of the champion use, and hold it for the length of a block."""
    return holding(home / "champion.lock")
