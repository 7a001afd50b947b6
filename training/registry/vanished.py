"""A champion that vanished: an environment goes in, the version that was champion and is gone comes out.

MLflow drops the alias with the version that it names, without a word, and so does whoever deletes the alias. Then the
registry looks as if there had never been a champion. Two things remember it: the pointer that services watch, which
still leads to its bundle, and the recorded moves. The pointer is asked first, since it tells what is served now.
"""

from __future__ import annotations

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.errors import BundleDamaged, NoModel
from training.bundle.publishing import read_pointer, watched_folder
from training.registry.champion import ABSENT, current_version, former_champions, moves
from training.registry.connecting import connected
from training.settings import MODEL_NAME, Environment


def vanished_champion(client: MlflowClient, environment: Environment) -> str | None:
    """Return the version that was champion and is gone; None if there is a champion, or never was one."""
    if current_version(client) is not None:
        return None
    return _published(environment) or _moved(client)


def _moved(client: MlflowClient) -> str | None:
    """Return the last champion that the recorded moves tell of.

    A first move may have crashed before the alias moved: then its version is there, without the tags of the last step.
    """
    recorded = moves(client)
    former = former_champions(recorded, None)
    if former or not recorded:
        return former[-1] if former else None
    version = recorded[-1].version
    try:
        tags = client.get_model_version(MODEL_NAME, version).tags
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return version
    return version if "promoted_at" in tags else None


def vanished(environment: Environment) -> str | None:
    """Return what `vanished_champion` returns, for a caller without a client; a missing registry has no champion."""
    try:
        with connected(environment, reading=True) as client:
            return vanished_champion(client, environment)
    except NoModel:
        return _published(environment)


def _published(environment: Environment) -> str | None:
    """Return the version that services are pointed to; None without a pointer that can be read."""
    try:
        pointer = read_pointer(watched_folder(environment))
    except BundleDamaged:
        return None
    return None if pointer is None else pointer.version


def nobody_reigns(gone: str | None) -> str:
    """Return why there is no champion, and what to do; `gone` is the version that vanished, if one did."""
    if gone is None:
        return "there is no champion yet: run `churn-risk train SOURCE` first"
    return f"the champion, version {gone}, has vanished from the registry: `churn-risk promote VERSION` names another"
