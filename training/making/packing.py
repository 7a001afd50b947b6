"""Writes a bundle: a trained model goes in, the files that `training.bundle.bundle` loads come out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from features.signal import all_signals, signal_names
from training.bundle.bundle import CONTRACTION, FORMAT, HAZARD, MANIFEST, MODEL, Manifest, Reference, checksum
from training.contacting import Economics
from training.making.pipeline import Trained
from training.making.segments import segment_medians
from training.models.fitting import Fitted
from training.models.folds import learnable_part
from training.models.margin import to_plain
from training.private_files import keep_private
from training.slices.dataset import Dataset, fingerprint
from training.worth.economics import threat_value, value_at_capacity
from training.worth.level import Level, level_of

#: Days up to the latest slice whose slices say how many accounts leave.
RECENT_DAYS = 365
#: Decimals of probabilities and of money, as scores are rounded: the cutoff is compared with rounded figures.
DECIMALS, CENTS = 6, 2
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def write_bundle(folder: Path, trained: Trained, trained_at: str, code_version: str) -> Manifest:
    """Write the texts of all trees and manifest.json into an existing empty folder.

    Parameters
    ----------
    folder : Path
    trained : Trained
    trained_at : str
        UTC, ISO.
    code_version : str
        See `training.registry.run_records.code_version`.
    """
    text = trained.trees.booster.model_to_string()
    learnt = learnable_part(trained.data, trained.settings)
    outlook = trained.findings.outlook
    kept = {HAZARD: outlook.hazard, CONTRACTION: outlook.contraction}
    tree_texts = {name: model.booster.model_to_string() for name, model in kept.items() if model is not None}
    manifest = Manifest(
        format=FORMAT,
        trained_at=trained_at,
        code_version=code_version,
        data_fingerprint=fingerprint(trained.data),
        rule=asdict(trained.settings.rule),
        economics=asdict(trained.settings.economics),
        slices=learnt.dates,
        recorded_since=trained.prepared.recorded_since,
        missing_tables=list(trained.missing_tables),
        currency=trained.currency,
        rows=len(learnt),
        rounds=trained.choice.rounds,
        weighting=trained.choice.weighting,
        choice=trained.choice.as_dict(),
        calibrator=asdict(trained.calibrator),
        categories={name: list(levels) for name, levels in trained.trees.encoder.categories.items()},
        experts=to_plain(trained.fitted.margin),
        smallest_leaf=trained.trees.smallest_leaf,
        signals=list(signal_names()),
        reference=reference_of(trained.data, trained.fitted, trained.settings.economics),
        level=_level(trained).as_dict(),
        verdict=trained.verdict.as_dict(),
        judged_how=trained.judged_how,
        gate=asdict(trained.gate),
        findings=trained.findings.as_dict(),
        settings=json.loads(json.dumps(asdict(trained.settings), default=str)),
        model_sha256=checksum(text),
        outlook_sha256={name: checksum(tree_text) for name, tree_text in tree_texts.items()},
    )
    for name, content in {MODEL: text, **tree_texts}.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    keep_private(folder)  # MLflow copies the permissions with the files.
    return manifest


def reference_of(data: Dataset, fitted: Fitted, economics: Economics) -> Reference:
    """Return the book's figures in the latest slice, and those by which an account is judged alone.

    Parameters
    ----------
    data : Dataset
        All mature slices.
    fitted : Fitted
        A model that was fitted on them.
    economics : Economics
        Its capacity is read.
    """
    latest = data.on(data.dates[-1:])
    value = latest.matrix.value
    signals = {}
    for signal in all_signals():
        column = latest.matrix.signals[signal.name]
        if not signal.is_text and column.notna().any():
            signals[signal.name] = {str(q): float(column.quantile(q)) for q in QUANTILES}
    return Reference(
        as_of=pd.Timestamp(latest.as_of[0]).date(),
        accounts=len(latest),
        threat_value=threat_value(value),
        churn_rate=recent_churn_rate(data),
        cutoff=_cutoff(data, fitted, economics.capacity),
        value_percentiles=[float(x) for x in np.quantile(value, np.linspace(0, 1, 101))],
        signals=signals,
        segments=segment_medians(latest.matrix.signals),
    )


def recent_churn_rate(data: Dataset) -> float:
    """Return (churned + .5) / (rows + 1) over the slices of the last 365 days: never 0 and never 1."""
    recent = data.churned[data.as_of > data.as_of.max() - np.timedelta64(RECENT_DAYS, "D")]
    return float((recent.sum() + 0.5) / (len(recent) + 1))


def _cutoff(data: Dataset, fitted: Fitted, capacity: float) -> float:
    """Return the value at risk of the last account that capacity allows for, by fits that had not seen it."""
    margin, _ = fitted.out_of_fold
    rows = fitted.out_of_fold_rows
    latest = data.as_of[rows] == data.as_of.max()
    probability = fitted.calibrator(margin[latest]).round(DECIMALS)
    value = data.matrix.value[rows[latest]].round(CENTS)
    return value_at_capacity(probability, value, capacity)


def _level(trained: Trained) -> Level:
    """Return how far the level of the probabilities was off at past dates."""
    margin, churned = trained.out_of_fold
    as_of = trained.data.as_of[trained.fitted.out_of_fold_rows]
    return level_of(as_of, trained.calibrator(margin), churned, trained.settings.known_after_days)
