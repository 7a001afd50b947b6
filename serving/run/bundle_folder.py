"""Finds the folder that `churn-risk serve` serves, and brings it in line with the registry's champion if possible."""

from __future__ import annotations

from pathlib import Path

from features.console import say
from features.errors import NoModel
from training.bundle.bundle import load_bundle
from training.bundle.publishing import POINTER, bundle_in, holds_a_bundle, watched_folder
from training.settings import Environment


def folder_to_serve(environment: Environment) -> Path:
    """Return the folder that the service watches, after its bundle has loaded.

    A configured folder that holds a bundle itself is served as it is. Any other folder is brought in line with the
    champion. If the registry does not answer, for example on a machine without one, the bundle published there is
    served.

    Raises
    ------
    NoModel
        When there is no champion and nothing was published.
    PublishingFailed, BundleDamaged, SignalsDiffer
        When the bundle cannot be published or does not load.
    """
    root = watched_folder(environment)
    if not holds_a_bundle(root):
        _bring_in_line(environment, root)
    load_bundle(bundle_in(root))
    return root


def _bring_in_line(environment: Environment, root: Path) -> None:
    try:
        from training.registry.tracking import bring_in_line

        moved = bring_in_line(environment, root)
    except Exception as error:  # a service must start although the registry is away or not installed
        if not (root / POINTER).is_file():
            if isinstance(error, ImportError):
                raise NoModel(f"{root} holds no bundle, and without MLflow no champion can be fetched") from error
            raise
        say(f"warning: the champion cannot be asked for, so what lies in {root} is served ({error})")
    else:
        if moved is not None:
            say(f"version {moved.version} is the champion and now lies in {root}")
