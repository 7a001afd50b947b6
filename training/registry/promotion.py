"""Moves the champion by hand: promotes a version, or rolls back to the previous champion.

A version number goes in, an `Outcome` comes out. Both load the version before they move anything. A promotion of a
version that neither won at the gate nor passed it as a refresh is an override: the user must ask for it and give a
reason, and the move records both (see `training.registry.champion`).
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from features.errors import ChurnRiskError, InputError, NoModel
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.publishing import digest, publishing_folder
from training.judge.champion_gate import FIRST, HELD, LOST, REFRESH, UNDECIDED, VANISHED, WON
from training.registry.champion import (
    PROMOTE,
    ROLLBACK,
    Move,
    current_version,
    former_champions,
    move_champion,
    moves,
)
from training.registry.connecting import connected
from training.registry.tracking import (
    bring_in_line,
    download,
    fetch_bundle,
    staged_bundle,
    version_of,
)
from training.settings import Environment

#: Most characters of a reason: in a database a tag of the registered model holds 5,000, for the whole record.
LONGEST_REASON = 1000
SAID = {
    LOST: "it lost against the champion at the gate",
    UNDECIDED: "the gate was undecided between it and the champion",
    HELD: "the gate held it: its card says what spoke against it",
    FIRST: "it met no champion at the gate",
    VANISHED: "the champion had vanished when it was made, so it met none at the gate",
    None: "it was never at the gate",
}


@dataclass(frozen=True)
class Version:
    """A version as the registry knows it.

    Attributes
    ----------
    version, run_id : str
    gate : str or None
        The gate's decision when it was registered, as `training.judge.champion_gate.Gate` has it; None if it has no
        such tag.
    champion : str or None
        The version that is the champion now; None if there is none.
    """

    version: str
    run_id: str
    gate: str | None
    champion: str | None

    @property
    def is_champion(self) -> bool:
        """Whether this version is the champion."""
        return self.version == self.champion


@dataclass(frozen=True)
class Outcome:
    """The result of a promotion or a rollback.

    Attributes
    ----------
    version : str
        The champion now.
    gate : str or None
        The gate's decision on it.
    move : Move or None
        The recorded move; None if it was the champion already.
    skipped : tuple of str
        Deleted versions, nearest first, that a rollback passed over.
    published : Path or None
        The folder that services watch, which now holds the champion; None if no service watches.
    """

    version: str
    gate: str | None
    move: Move | None
    skipped: tuple[str, ...] = ()
    published: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        recorded = None if self.move is None else asdict(self.move)
        return {
            "model_version": self.version,
            "moved": self.move is not None,
            "gate": self.gate,
            "skipped": list(self.skipped),
            "published": None if self.published is None else str(self.published),
            "move": recorded,
        }


def look_up(environment: Environment, version: str) -> Version:
    """Return what the registry knows of a version.

    Raises
    ------
    InputError
        When there is no such version.
    """
    try:
        with connected(environment, reading=True) as client:
            registered = version_of(client, version)
            return Version(
                str(registered.version), str(registered.run_id), registered.tags.get("gate"), current_version(client)
            )
    except NoModel as error:
        raise InputError(str(error)) from error


def promote(environment: Environment, version: str, reason: str = "", override: bool = False) -> Outcome:
    """Make a version the champion.

    Parameters
    ----------
    version : str
        Its number in the registry. If it is the champion already, nothing is recorded; but if the watched folder points
        to another version, it is published there.
    reason : str
        Why; required with `override`, at most 1,000 characters.
    override : bool
        Promote it although it did not win at the gate.

    Raises
    ------
    InputError
        When there is no such version, or it did not win at the gate and `override` or the reason is missing.
    BundleDamaged, SignalsDiffer
        When it does not load.
    PublishingFailed
        When it cannot be published; the message says what services go on with.
    ChurnRiskError
        When somebody else moved the champion in the meantime.
    """
    reason = _checked(reason)
    target = look_up(environment, version)
    root = publishing_folder(environment)
    if target.is_champion:
        if root is not None:
            bring_in_line(environment, root)
        return Outcome(target.version, target.gate, None, published=root)
    overridden = target.gate not in (WON, REFRESH)
    if overridden and not (override and reason):
        missing = "a --reason" if override else "--override and a --reason"
        raise InputError(
            f"version {target.version}: {SAID.get(target.gate, target.gate)}; to promote it give {missing}"
        )
    bundle = check_loads(environment, target.version)
    move = _move(environment, target, bundle, PROMOTE, reason, overridden)
    return Outcome(target.version, target.gate, move, published=root)


def rollback(environment: Environment, reason: str = "") -> Outcome:
    """Return to the previous champion; a second rollback goes further back (see `former_champions`).

    Deleted versions are passed over. A version that exists but does not load ends the rollback with an error; another
    version can still be promoted.

    Raises
    ------
    InputError
        When no earlier champion is left.
    BundleDamaged, SignalsDiffer
        When the version does not load.
    PublishingFailed
        When it cannot be published; the message says what services go on with.
    ChurnRiskError
        When somebody else moved the champion in the meantime.
    """
    reason = _checked(reason)
    champion, before = _standing(environment)
    skipped: list[str] = []
    for version in reversed(before):
        if version in (champion, *skipped):
            continue
        try:
            target = look_up(environment, version)
        except InputError:
            skipped.append(version)
            continue
        bundle = check_loads(environment, version)
        move = _move(environment, replace(target, champion=champion), bundle, ROLLBACK, reason, False)
        return Outcome(version, target.gate, move, tuple(skipped), publishing_folder(environment))
    gone = f"; deleted since: {', '.join(skipped)}" if skipped else ""
    now = "there is no champion" if champion is None else f"version {champion} is the champion"
    raise InputError(f"there is nothing to roll back to: {now} and no earlier one is on record{gone}")


def _standing(environment: Environment) -> tuple[str | None, list[str]]:
    """Return the champion and the champions before it, nearest last."""
    try:
        with connected(environment, reading=True) as client:
            champion = current_version(client)
            return champion, former_champions(moves(client), champion)
    except NoModel:
        return None, []


def check_loads(environment: Environment, version: str) -> Bundle:
    """Load the registry's copy of a version, which other machines will fetch, and the local copy if that differs.

    Raises
    ------
    NoModel, BundleDamaged, SignalsDiffer
        When either copy cannot be loaded.
    """
    with connected(environment) as client, tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "bundle"
        download(client, version_of(client, version), fresh)
        bundle, checksum = load_bundle(fresh), digest(fresh)
    fetched = fetch_bundle(environment, version)
    return bundle if digest(fetched) == checksum else load_bundle(fetched)


def _move(environment: Environment, target: Version, bundle: Bundle, how: str, reason: str, override: bool) -> Move:
    with connected(environment) as client:
        move = move_champion(
            client,
            environment.home,
            target.version,
            expected=target.champion,
            how=how,
            staged=staged_bundle(client, environment, target.version, bundle),
            override=override,
            reason=reason,
        )
        if move is None:
            raise ChurnRiskError(
                f"the champion was version {target.champion or 'none'} a moment ago and is version "
                f"{current_version(client) or 'none'} now: somebody else moved it. Nothing was changed; "
                "look again, then repeat the command"
            )
    return move


def _checked(reason: str) -> str:
    """Return a reason on one line, with characters that any database accepts; raises InputError if it is too long."""
    clean = " ".join(reason.encode("utf-8", "replace").decode().split())
    if len(clean) > LONGEST_REASON:
        raise InputError(f"--reason: {len(clean):,} characters are too many, {LONGEST_REASON:,} at most")
    return clean
