"""Whether a model was made by the champion's recipe: the same settings, by the same release of this program.

In: the champion's bundle and the settings of a training run. Out: what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from training.bundle.bundle import Bundle
from training.settings import TrainingSettings


def recipe_changes(champion: Bundle, settings: TrainingSettings) -> list[str]:
    """Return the settings that differ from the champion's, and another release; `until` is no part of a recipe.

    Returns
    -------
    list of str
        `rule.horizon_days 180 -> 90` and the like; empty for the same recipe.
    """
    before, now = _flat(asdict(champion.settings)), _flat(asdict(replace(settings, until=None)))
    pairs = {name: (before.get(name), now.get(name)) for name in sorted(before | now)}
    pairs["release"] = (release_of(champion.manifest.code_version), version("churn-risk"))
    return [f"{name} {old} -> {new}" for name, (old, new) in pairs.items() if old != new]


def release_of(code_version: str) -> str:
    """Return the release in a code version, without the commit.

    Examples
    --------
    >>> release_of("1.2.0+abc123-dirty")
    '1.2.0'
    """
    return code_version.partition("+")[0]


def _flat(settings: Mapping[str, Any], group: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{group}{name}.") if isinstance(value, Mapping) else {f"{group}{name}": value}
    return flat
