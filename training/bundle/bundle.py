"""The artefact that serving loads: LightGBM's text model and one JSON manifest. Loading it runs no code.

A folder goes in; a `Bundle`, ready to score, comes out.

bundle/
  model.txt        the trees
  hazard.txt       the trees of the monthly hazard, if the run kept it
  contraction.txt  the trees of the share lost by shrinking, if the run kept it
  manifest.json    signals, the other experts and all weights, calibrator, categories, the book's reference figures,
                   rule, economics, metrics, checksum
  version.json     the registry's version, written when the bundle leaves the registry
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from features.errors import BundleDamaged, SignalsDiffer
from features.signal import signal_names
from training.contacting import Economics, economics_of
from training.models.calibration import Platt
from training.models.contraction import Contraction
from training.models.hazard import Hazard
from training.models.margin import Margin, from_plain
from training.models.trees import Encoder, Trees
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.worth.level import Level, level_from

FORMAT = 4
MODEL, MANIFEST, VERSION = "model.txt", "manifest.json", "version.json"
HAZARD, CONTRACTION = "hazard.txt", "contraction.txt"
#: The files that a bundle may hold.
FILES = (MODEL, HAZARD, CONTRACTION, MANIFEST, VERSION)
#: Suspected leaks that stand beside a grade.
MOST_SUSPECTS = 3


class SegmentMedians(BaseModel):
    """The usual figures of one segment in the latest training slice.

    Attributes
    ----------
    accounts : int
        Accounts of the segment.
    signals : dict of signal to float
        Medians; a signal that too few accounts of the segment have is left out.
    """

    model_config = ConfigDict(frozen=True)
    accounts: int
    signals: dict[str, float]


class Reference(BaseModel):
    """Figures of the book in the latest training slice, so that one account can be compared without the book.

    Attributes
    ----------
    as_of : date
    accounts : int
    threat_value : float
        Value of the smallest account among those that hold 80 % of the book's value.
    churn_rate : float
        Share of the accounts that churned, over the slices of the last 365 days; 0-1.
    cutoff : float
        Probability x value, in currency, of the last account that capacity allows for: from it on an account is at
        risk.
    value_percentiles : list of 101 float
        The 0th to 100th percentile of value.
    signals : dict of signal to dict of quantile to float
        Keys "0.1" to "0.9"; a signal that no account has is left out.
    segments : dict of segment to SegmentMedians
        Only segments with enough accounts; bundles of earlier versions have none.
    """

    model_config = ConfigDict(frozen=True)
    as_of: date
    accounts: int
    threat_value: float
    churn_rate: float = 0.0  # cards are made of old manifests too
    cutoff: float = 0.0
    value_percentiles: list[float]
    signals: dict[str, dict[str, float]]
    segments: dict[str, SegmentMedians] = {}

    @cached_property
    def edges(self) -> tuple[float, float, float] | None:
        """The first percentile, the median and the greatest of the values above 0; None where there is none."""
        positive = [value for value in self.value_percentiles if value > 0]
        return (float(np.quantile(positive, 0.01)), float(np.median(positive)), positive[-1]) if positive else None


class Manifest(BaseModel):
    """Everything but the trees; plain JSON on disk.

    Cards are made of old manifests too: what was added later has a default.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    format: int
    trained_at: str
    code_version: str
    data_fingerprint: str
    rule: dict[str, Any]
    economics: dict[str, Any]
    slices: list[date]
    recorded_since: dict[str, date]
    missing_tables: list[str]
    currency: str | None
    rows: int
    rounds: int
    weighting: str
    choice: dict[str, Any]
    calibrator: dict[str, float]
    categories: dict[str, list[str]]
    experts: dict[str, Any] = {}
    smallest_leaf: int | None = None
    signals: list[str]
    reference: Reference
    level: dict[str, float] = {}
    verdict: dict[str, Any]
    judged_how: str
    gate: dict[str, str]
    findings: dict[str, Any]
    settings: dict[str, Any]
    model_sha256: str
    outlook_sha256: dict[str, str]

    @property
    def suspected(self) -> tuple[str, ...]:
        """What told too well in training who churns, in words; no grade counts before it is looked up."""
        too_good = self.findings.get("too_good")  # findings from before it was kept lack it
        signals = self.findings.get("suspects") or ()
        return (
            *(f"{signal['signal']} alone with a ROC AUC of {signal['roc_auc']:.2f}" for signal in signals),
            *([f"the whole model with a ROC AUC of {too_good:.3f}"] if too_good is not None else []),
        )

    @property
    def distrust(self) -> str:
        """Return that a leak is suspected, as stands beside the grade; empty where none is."""
        more = len(self.suspected) - MOST_SUSPECTS
        told = "; ".join([*self.suspected[:MOST_SUSPECTS], *([f"and {more} more"] if more > 0 else [])])
        text = "a leak is suspected, so the grade is not to be trusted before that is looked up on the model card"
        return f"{text}: {told}" if told else ""


@dataclass(frozen=True)
class Bundle:
    """A loaded model, ready to score.

    Attributes
    ----------
    version : str
        The registry's version, or 'unregistered'.
    """

    version: str
    margin: Margin
    calibrator: Platt
    rule: ChurnRule
    economics: Economics
    manifest: Manifest
    hazard: Hazard | None = None
    contraction: Contraction | None = None

    @property
    def trees(self) -> Trees:
        """The trees among the experts."""
        return self.margin.trees

    @property
    def settings(self) -> TrainingSettings:
        """The settings of the training run, without the end of its data (`until`)."""
        kept = self.manifest.settings
        names = (
            "seed", "slice_days", "least_slices", "min_history_days", "embargo_days", "folds", "bootstraps", "every",
            "window_days", "weighting",
        )  # fmt: skip
        return TrainingSettings(
            rule=self.rule,
            fit=FitSettings(**kept["fit"]),
            economics=self.economics,
            share=kept.get("share", 1.0),  # bundles from before there was one learnt from all accounts
            **{name: kept[name] for name in names},
        )

    @property
    def learnt_until(self) -> date:
        """The day on which the last label that the model learnt was known; before it the outcomes are partly learnt."""
        return max(self.manifest.slices) + timedelta(days=self.settings.known_after_days)

    @property
    def reference(self) -> Reference:
        """The book's figures in the latest training slice."""
        return self.manifest.reference

    @property
    def level(self) -> Level:
        """How far the level of all probabilities was off at past dates."""
        return level_from(self.manifest.level)


def load_bundle(folder: Path) -> Bundle:
    """Load a bundle.

    Raises
    ------
    BundleDamaged
        When a file is missing, unreadable, not the one that was written, or of another format.
    SignalsDiffer
        When it was trained on other signals than this code computes.
    """
    try:
        text = (folder / MODEL).read_text(encoding="utf-8")
        plain = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise BundleDamaged(f"{folder}: a bundle of format {plain['format']}; this code reads format {FORMAT}")
        manifest = Manifest.model_validate(plain)
        stamped = folder / VERSION
        version = json.loads(stamped.read_text(encoding="utf-8"))["model_version"] if stamped.is_file() else None
    except (OSError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise BundleDamaged(f"{folder}: not a model bundle ({error})") from error
    _demand_checksum(folder, MODEL, text, manifest.model_sha256)
    if tuple(manifest.signals) != signal_names():
        raise SignalsDiffer(manifest.signals, signal_names())
    hazard, contraction = (_other(folder, name, manifest) for name in (HAZARD, CONTRACTION))
    encoder = Encoder({name: tuple(levels) for name, levels in manifest.categories.items()})
    try:
        margin = from_plain(manifest.experts, Trees(lightgbm.Booster(model_str=text), encoder))
    except (ValidationError, KeyError) as error:
        raise BundleDamaged(f"{folder}: not a model bundle ({error})") from error
    return Bundle(
        version=str(version) if version is not None else "unregistered",
        margin=margin,
        calibrator=Platt(**manifest.calibrator),
        rule=ChurnRule(**manifest.rule),
        economics=economics_of(manifest.economics),
        manifest=manifest,
        hazard=None if hazard is None else Hazard(hazard, encoder),
        contraction=None if contraction is None else Contraction(contraction, encoder),
    )


def _other(folder: Path, name: str, manifest: Manifest) -> lightgbm.Booster | None:
    """Load the trees of the hazard or of the contraction; None if the run did not keep them."""
    if name not in manifest.outlook_sha256:
        return None
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise BundleDamaged(f"{folder}: not a model bundle ({error})") from error
    _demand_checksum(folder, name, text, manifest.outlook_sha256[name])
    return lightgbm.Booster(model_str=text)


def checksum(text: str) -> str:
    """Return the checksum of a file's text, as the manifest holds it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _demand_checksum(folder: Path, name: str, text: str, written: str) -> None:
    if checksum(text) != written:
        raise BundleDamaged(f"{folder}: {name} is not the file that was written (checksum differs)")


def stamp_version(folder: Path, version: str) -> None:
    """Write the registry's version into a bundle."""
    (folder / VERSION).write_text(version_text(version), encoding="utf-8")


def version_text(version: str) -> str:
    """Return the text of `version.json` for a version of the registry."""
    return json.dumps({"model_version": version})
