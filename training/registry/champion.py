"""The champion: which version the alias names, how it came there, and the one function that moves it.

Every move is a tag of its own on the registered model, written once and never again, so that no move can overwrite
another and no length limit cuts the oldest off (a tag's value holds 5,000 characters in a database). The order is:

1. the move is recorded, as an intent;
2. the alias is moved: from now on the version is the champion;
3. the pointer that services watch is swung to its bundle, which was staged before (see `training.bundle.publishing`);
4. the version's own tags say the same, for whoever looks at it in MLflow.

The alias alone decides. A crash after 1 leaves an intent that came to nothing: the next move, or the alias, still
starts from where that one did, and `took_effect` leaves it out. A crash after 2 leaves services with the champion
before, until `training.registry.tracking.bring_in_line`, and one after 3 only the version's tags behind.
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
from training.settings import CHAMPION, MODEL_NAME

if TYPE_CHECKING:
    from training.bundle.publishing import Staged

#: What MLflow says when there is no such model, version or alias; anything else is a failure, not an absence.
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
#: Names of the tags that record moves: this, the instant, and a token that keeps two of the same instant apart.
PREFIX = "champion_move."
FIRST, GATE, PROMOTE, ROLLBACK = "first", "gate", "promote", "rollback"
USER = "CHURN_RISK_USER"


@dataclass(frozen=True)
class Move:
    """One move of the alias, as it is recorded.

    Attributes
    ----------
    version : str
        The version that became champion.
    from_version : str or None
        The champion before; None where there was none.
    at : str
        When, UTC, ISO with microseconds; later in each move than in all before it.
    by : str
        Who: `CHURN_RISK_USER`, else the operating system's user.
    how : 'first', 'gate', 'promote' or 'rollback'
    override : bool
        Whether a human promoted a version that had not won at the gate.
    reason : str
        Why, in the words of whoever did it; may be empty.
    """

    version: str
    from_version: str | None
    at: str
    by: str
    how: str
    override: bool
    reason: str


def current(client: MlflowClient) -> ModelVersion | None:
    """Return the version that the alias names, None where there is no champion."""
    try:
        return client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def current_version(client: MlflowClient) -> str | None:
    """Return the champion's version, None where there is no champion."""
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

    A lock in the home folder lets one process at a time through, which is all there is to it with the embedded
    registry. Two machines at one server have a lock each: then both moves are recorded, the later alias stands, and a
    rollback leads back through both.

    Parameters
    ----------
    home : Path
        Folder of the lock; it must be there.
    expected : str or None
        The champion on which the decision to move was taken.
    staged : Staged or None
        The version's bundle where services watch for it; None where nobody watches.

    Returns
    -------
    Move or None
        What was recorded; None, with nothing written, where the champion is not (or no longer) the one expected.

    Raises
    ------
    PublishingFailed
        When the pointer cannot be swung: the version is champion, and services go on with the one before.
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
    """Return every recorded move, newest last, those that came to nothing among them; see `took_effect`.

    A record that was edited into something unreadable is left out.
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
    """Return the moves but for those after which the alias was still where they had found it.

    Where it stood afterwards is what the next move started from, for the last one the champion now. Anything else than
    the place found is taken as moved, and then moved on by somebody in MLflow.
    """
    afterwards = [*(move.from_version for move in recorded), champion][1:]
    return [
        move for move, champion_after in zip(recorded, afterwards, strict=True) if champion_after != move.from_version
    ]


def former_champions(recorded: Sequence[Move], champion: str | None) -> list[str]:
    """Return the versions to roll back to, nearest last; the present champion is not among them.

    They are a stack: a move puts its version on top, a rollback takes off what lies above the version it went back to.
    So a second rollback goes further back, and not to the version that the first one left. A champion that was set in
    MLflow itself, which no move tells of, lies where it was found.

    Parameters
    ----------
    recorded : sequence of Move
        All of them, newest last.
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
    """Return who is at work: `CHURN_RISK_USER`, else the operating system's user, at most 200 characters."""
    try:
        name = os.environ.get(USER) or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = f"user {os.getuid()}"
    return name.encode("utf-8", "replace").decode()[:200]


def _after(recorded: Sequence[Move]) -> datetime:
    """Return now, or just after the last move where this clock is behind the one that recorded it."""
    now = datetime.now(UTC)
    return max(now, datetime.fromisoformat(recorded[-1].at) + timedelta(microseconds=1)) if recorded else now


def one_at_a_time(home: Path) -> AbstractContextManager[None]:
    """Wait for the lock that moves of the champion take, and hold it for the length of a block."""
    return holding(home / "champion.lock")
