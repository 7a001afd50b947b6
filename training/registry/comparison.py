"""Two versions side by side: two version numbers go in, their facts and paired differences come out.

The paired differences use the rows that both versions were judged on: same account, as-of date and label. They compare
the probabilities of the fits that were judged, which the versions' own metrics use too. The versions as they score now
have learnt from those rows since.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from pydantic import ValidationError

from features.errors import BundleDamaged
from training.bundle.bundle import MANIFEST, Manifest
from training.contacting import economics_of
from training.judge.paired import Common, Matched, match, paired
from training.models.folds import BY_ACCOUNT
from training.registry.connecting import connected
from training.registry.promotion import Version, look_up
from training.registry.run_records import JUDGED
from training.registry.tracking import fetch_bundle
from training.settings import ChurnRule, Environment

BOOTSTRAPS = 500


@dataclass(frozen=True)
class Side:
    """One of the two versions.

    Attributes
    ----------
    version : Version
        As the registry knows it.
    manifest : Manifest
    judged : DataFrame or None
        The rows it was judged on (see `training.registry.run_records.write_judged`); None if they were not kept.
    """

    version: Version
    manifest: Manifest
    judged: pd.DataFrame | None

    @property
    def name(self) -> str:
        """Its name in messages: `version 3`."""
        return f"version {self.version.version}"

    @property
    def rule(self) -> ChurnRule:
        """When an account counted as churned."""
        return ChurnRule(**self.manifest.rule)

    @property
    def judged_from(self) -> date:
        """First date that it was judged at; the judged fit had learnt only what was known by then."""
        assert self.judged is not None
        first: date = pd.Timestamp(self.judged["as_of"].min()).date()
        return first

    def has_learnt(self, as_of: date) -> bool:
        """Whether the version, as it scores now, has learnt from labels that were not yet known at a date."""
        return any(day + timedelta(days=self.rule.reach_days) > as_of for day in self.manifest.slices)

    def as_dict(self) -> dict[str, Any]:
        """Return its facts and metrics as plain values; `intervals` holds those of its own metrics."""
        manifest, verdict = self.manifest, self.manifest.verdict
        metrics = verdict["metrics"]["model"]
        return {
            "model_version": self.version.version,
            "champion": self.version.is_champion,
            "gate": self.version.gate,
            "trained_at": manifest.trained_at,
            "code_version": manifest.code_version,
            "data_fingerprint": manifest.data_fingerprint,
            "rule": manifest.rule,
            "data_from": str(manifest.recorded_since["invoices"]),
            "data_until": str(manifest.slices[-1] + timedelta(days=self.rule.reach_days)),
            "slices": [str(day) for day in manifest.slices],
            "rows": manifest.rows,
            "signals": len(manifest.signals),
            "weighting": manifest.weighting,
            "rounds": manifest.rounds,
            "grade": verdict["grade"],
            "judged_how": manifest.judged_how,
            "judged_at": verdict["as_of"],
            "metrics": metrics,
            "intervals": {name: interval for name, interval in verdict["intervals"].items() if name in metrics},
        }


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side.

    Attributes
    ----------
    first, second : Side
    settings : mapping of name to pair
        The settings that differ, `group.name`; None if one side does not have the setting.
    signals : pair of tuple of str
        Signals that only the first has, and signals that only the second has.
    common : Common or None
        Paired differences; None if there are no common rows to compare, and then the notes say why.
    notes : tuple of str
        What a reader must know to read the figures.
    """

    first: Side
    second: Side
    settings: Mapping[str, tuple[Any, Any]]
    signals: tuple[tuple[str, ...], tuple[str, ...]]
    common: Common | None
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            "versions": [self.first.as_dict(), self.second.as_dict()],
            "settings": {name: list(pair) for name, pair in self.settings.items()},
            "signals_only_in": [list(names) for names in self.signals],
            "common": None if self.common is None else self.common.as_dict(),
            "notes": list(self.notes),
        }


def compare(environment: Environment, first: str, second: str, bootstraps: int = BOOTSTRAPS) -> Comparison:
    """Compare two versions of the registry.

    Parameters
    ----------
    environment : Environment
        Says where the registry is.
    first, second : str
        Version numbers.
    bootstraps : int
        Number of resamples of the paired intervals.

    Raises
    ------
    InputError
        When there is no such version.
    BundleDamaged
        When a manifest cannot be read. A version with other signals than this code's can be compared.
    """
    return compare_sides(read_side(environment, first), read_side(environment, second), bootstraps)


def read_side(environment: Environment, version: str) -> Side:
    """Return what the registry holds about a version; raises the same errors as `compare`."""
    registered = look_up(environment, version)
    path = fetch_bundle(environment, registered.version) / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError) as error:
        raise BundleDamaged(f"{path}: not the manifest of a model ({error})") from error
    with connected(environment) as client, tempfile.TemporaryDirectory() as scratch:
        kept = JUDGED in {artifact.path for artifact in client.list_artifacts(registered.run_id)}
        judged = pd.read_parquet(client.download_artifacts(registered.run_id, JUDGED, scratch)) if kept else None
    return Side(registered, manifest, judged)


def compare_sides(first: Side, second: Side, bootstraps: int = BOOTSTRAPS) -> Comparison:
    """Compare two versions; `bootstraps` seeded resamples give the paired intervals."""
    common, notes = _common(first, second, bootstraps)
    ours, theirs = set(first.manifest.signals), set(second.manifest.signals)
    return Comparison(
        first=first,
        second=second,
        settings=_differing(first.manifest.settings, second.manifest.settings),
        signals=(tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours))),
        common=common,
        notes=tuple(notes),
    )


def _common(first: Side, second: Side, bootstraps: int) -> tuple[Common | None, list[str]]:
    """Return the paired differences and the notes on them, or None and the reason why there are none."""
    if first.judged is None or second.judged is None:
        without = [side.name for side in (first, second) if side.judged is None]
        return None, [f"the rows judged were not kept with {' and '.join(without)}: nothing to be paired"]
    if first.rule != second.rule:
        return None, ["the versions foretell different things (their rules of churn differ): nothing to be paired"]
    matched = match(first.judged, second.judged)
    common = paired(matched, economics_of(second.manifest.economics), bootstraps) if len(matched.rows) else None
    if common is None:
        return None, [
            "no date was judged in common at which some accounts churned and some stayed; "
            "`churn-risk evaluate SOURCE --as-of DATE --model VERSION` judges either at one date"
        ]
    return common, [*_amiss(first, second, matched), *_learnt(first, second, common)]


def _amiss(first: Side, second: Side, matched: Matched) -> list[str]:
    notes = []
    if matched.relabelled:
        notes.append(f"{matched.relabelled:,} rows were left out: the books tell differently whether they churned")
    if matched.restated:
        notes.append(
            f"the revenue of {matched.restated:,} rows differs between the books: that of {second.name} counts"
        )
    if first.manifest.economics != second.manifest.economics:
        notes.append(f"their economics differ: profit is reckoned for both with those of {second.name}")
    return notes


def _learnt(first: Side, second: Side, common: Common) -> list[str]:
    """Return notes on what each judged fit had learnt, and on what its version has learnt since."""
    notes = []
    for side in (first, second):
        if side.manifest.judged_how == BY_ACCOUNT:
            notes.append(
                f"{side.name} is flattered: it was judged by account, when it had learnt labels of these dates "
                "from other accounts"
            )
    early, late = sorted((first, second), key=lambda side: side.judged_from)
    days = (late.judged_from - early.judged_from).days
    if days and not notes:
        notes.append(
            f"{late.name} was judged from {late.judged_from} on and had learnt what was known by then, {early.name} "
            f"from {early.judged_from} on: {days} days of freshness are part of the difference"
        )
    seen = [side.name for side in (first, second) if side.has_learnt(date.fromisoformat(common.as_of[0]))]
    if seen:
        notes.append(
            "what is compared are the fits by which the versions were judged; labels of these dates were learnt since "
            f"by {' and '.join(seen)}, which would be flattered on them as they score now"
        )
    return notes


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    ours, theirs = _flat(first), _flat(second)
    pairs = {name: (ours.get(name), theirs.get(name)) for name in sorted(ours | theirs)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _flat(settings: Mapping[str, Any], group: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{group}{name}.") if isinstance(value, Mapping) else {f"{group}{name}": value}
    return flat
