"""The artefact that serving loads: text that comes back as it went, and is refused when it is not what was written."""

from __future__ import annotations

import ast
import json
import math
import shutil
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from features.errors import BundleDamaged, SignalsDiffer
from features.signal import all_signals, signal_names
from training.bundle.bundle import (
    FILES,
    FORMAT,
    MANIFEST,
    MODEL,
    VERSION,
    Bundle,
    load_bundle,
)
from training.making.packing import write_bundle
from training.making.pipeline import Trained, train
from training.slices.preparing import prepare

ROOT = Path(__file__).parents[3]
RUNS_CODE = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve", "skops"}


@pytest.fixture
def copied(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


def change(folder: Path, **fields: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | fields), encoding="utf-8")


def test_what_is_loaded_is_what_was_trained(trained: Trained, bundle: Bundle) -> None:
    matrix = trained.data.matrix
    assert (bundle.margin(matrix) == trained.fitted.margin(matrix)).all()
    assert bundle.calibrator == trained.calibrator
    assert bundle.trees.encoder == trained.trees.encoder
    assert bundle.rule == trained.settings.rule
    assert bundle.economics == trained.settings.economics
    assert bundle.version == "1"


def test_the_manifest_says_what_was_done(trained: Trained, bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.rows == len(trained.data)
    assert manifest.signals == list(signal_names())
    assert manifest.slices == sorted({day.date() for day in trained.data.matrix.keys["as_of"]})
    assert manifest.recorded_since == trained.prepared.recorded_since
    assert manifest.weighting == trained.choice.weighting
    assert manifest.rounds == trained.choice.rounds == bundle.trees.booster.num_trees()
    assert manifest.verdict["grade"] == trained.verdict.grade
    assert manifest.settings["fit"]["max_rounds"] == trained.settings.fit.max_rounds
    assert manifest.settings["seed"] == trained.settings.seed


def test_reference_figures_are_those_of_the_latest_slice(trained: Trained, bundle: Bundle) -> None:
    data = trained.data
    latest = data.take(data.as_of == data.as_of.max())
    reference = bundle.reference
    assert reference.as_of == latest.matrix.keys["as_of"].max().date()
    assert reference.accounts == len(latest)
    assert len(reference.value_percentiles) == 101
    assert reference.value_percentiles[50] == pytest.approx(np.median(latest.matrix.value))
    held = latest.matrix.value[latest.matrix.value >= reference.threat_value].sum()
    above = latest.matrix.value[latest.matrix.value > reference.threat_value].sum()
    assert above < 0.8 * latest.matrix.value.sum() <= held
    numbers = {item.name for item in all_signals() if not item.is_text}
    assert set(reference.signals) <= numbers
    median = latest.matrix.signals["tenure_days"].median()
    assert reference.signals["tenure_days"]["0.5"] == pytest.approx(median)
    segments = latest.matrix.signals["account_segment"].astype(object)
    assert set(reference.segments) == {name for name, count in segments.value_counts().items() if count >= 20} != set()
    for name, medians in reference.segments.items():
        tenure = latest.matrix.signals["tenure_days"][(segments == name).to_numpy()]
        assert medians.signals["tenure_days"] == pytest.approx(tenure.median()) and medians.accounts == len(tenure)


def test_the_cutoff_lets_as_many_be_at_risk_by_value_as_capacity_allows(trained: Trained, bundle: Bundle) -> None:
    """On the latest slice, by fits that had not seen its accounts; the rate is that of a year of slices."""
    data, rows = trained.data, trained.fitted.out_of_fold_rows
    assert np.sort(rows).tolist() == list(range(len(data)))
    latest = data.as_of[rows] == data.as_of.max()
    risk = bundle.calibrator(trained.out_of_fold[0][latest]).round(6) * data.matrix.value[rows[latest]].round(2)
    assert (risk >= bundle.reference.cutoff).sum() == math.ceil(latest.sum() / 10)
    year = data.churned[data.as_of > data.as_of.max() - np.timedelta64(365, "D")]
    assert bundle.reference.churn_rate == (year.sum() + 0.5) / (len(year) + 1)


def test_a_bundle_is_text_and_nothing_else(bundle_folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in bundle_folder.rglob("*") if path.is_file()}
    assert {MODEL, MANIFEST, VERSION} <= set(files) <= set(FILES)
    for name, content in files.items():
        text = content.decode("utf-8")
        assert "\0" not in text
        if name.endswith(".json"):
            json.loads(text)
        else:
            assert text.startswith("tree\n")


def test_manifest_is_strict_json(bundle_folder: Path) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    json.loads((bundle_folder / MANIFEST).read_text(encoding="utf-8"), parse_constant=refuse)


def test_serving_can_load_no_pickle() -> None:
    """Neither serving nor anything of ours that it imports names a module that runs code on loading."""
    for path in [path for layer in ("features", "training", "serving") for path in (ROOT / layer).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & RUNS_CODE, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("read_pickle", "to_pickle", "allow_pickle"), path


@pytest.mark.parametrize("name", [MODEL, MANIFEST])
def test_a_missing_file_is_refused(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleDamaged, match=f"not a model bundle.*{name}"):
        load_bundle(copied)


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged, match="not a model bundle"):
        load_bundle(tmp_path / "nowhere")


def test_a_bundle_that_was_never_registered_says_so(copied: Path) -> None:
    (copied / VERSION).unlink()
    assert load_bundle(copied).version == "unregistered"


def test_other_trees_than_those_written_are_refused(copied: Path) -> None:
    text = (copied / MODEL).read_text(encoding="utf-8")
    position = text.index("leaf_value=") + len("leaf_value=")
    digit = "1" if text[position + 1] != "1" else "2"
    (copied / MODEL).write_text(text[: position + 1] + digit + text[position + 2 :], encoding="utf-8")
    with pytest.raises(BundleDamaged, match="checksum differs"):
        load_bundle(copied)


def test_trees_cut_short_are_refused(copied: Path) -> None:
    text = (copied / MODEL).read_text(encoding="utf-8")
    (copied / MODEL).write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(BundleDamaged, match="checksum differs"):
        load_bundle(copied)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (MANIFEST, b"{"),
        (MANIFEST, b"[]"),
        (MANIFEST, json.dumps({"format": FORMAT}).encode()),
        (MANIFEST, b"\xff\xfe"),
        (MODEL, b"\xff\xfe"),
        (VERSION, b"{}"),
        (VERSION, b"[]"),
        (VERSION, b"no json"),
    ],
)
def test_broken_files_are_refused(copied: Path, name: str, content: bytes) -> None:
    (copied / name).write_bytes(content)
    with pytest.raises(BundleDamaged, match="not a model bundle"):
        load_bundle(copied)


@pytest.mark.parametrize("number", [1, 2, 99])
def test_another_format_is_refused_before_anything_else_is_read(copied: Path, number: int) -> None:
    (copied / MANIFEST).write_text(json.dumps({"format": number, "of": "other fields"}))
    with pytest.raises(BundleDamaged, match=f"a bundle of format {number}; this code reads format {FORMAT}"):
        load_bundle(copied)


@pytest.mark.parametrize("lost", ["weights", "linear", "buying"])
def test_a_manifest_without_an_expert_is_refused(copied: Path, lost: str) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    del manifest["experts"][lost]
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleDamaged, match="not a model bundle"):
        load_bundle(copied)


@pytest.mark.parametrize("difference", ["one less", "another order", "another name"])
def test_other_signals_are_refused_with_both_lists(copied: Path, difference: str) -> None:
    ours = list(signal_names())
    theirs = {
        "one less": ours[:-1],
        "another order": ours[::-1],
        "another name": [*ours[:-1], "moon_phase_365d"],
    }[difference]
    change(copied, signals=theirs)
    with pytest.raises(SignalsDiffer) as caught:
        load_bundle(copied)
    assert (caught.value.bundle, caught.value.code) == (tuple(theirs), tuple(ours))
    assert ", ".join(theirs) in str(caught.value)
    assert ", ".join(ours) in str(caught.value)


def test_the_same_data_seed_and_settings_give_the_same_bundle(
    book_folder: Path, trained: Trained, bundle_folder: Path, tmp_path: Path
) -> None:
    """A second training, from files opened anew, in another order of work."""
    from features.sources import open_source
    from features.validation import validate

    tables = validate(open_source(book_folder))
    again = train(tables, prepare(tables, trained.settings), trained.settings)
    write_bundle(tmp_path, again, "2026-01-01T00:00:00+00:00", "test")
    for name in (MODEL, MANIFEST):
        assert (tmp_path / name).read_bytes() == (bundle_folder / name).read_bytes()


def test_the_trees_are_lightgbm_s_own_text(bundle_folder: Path, trained: Trained) -> None:
    booster = lightgbm.Booster(model_file=str(bundle_folder / MODEL))
    assert booster.feature_name() == list(signal_names())
    encoded = trained.trees.encoder.encode(trained.data.matrix.signals)
    assert (booster.predict(encoded, raw_score=True) == trained.trees.margin(trained.data.matrix)).all()


def test_dates_in_the_manifest_come_back_as_dates(bundle: Bundle) -> None:
    assert all(type(day) is date for day in [*bundle.manifest.slices, *bundle.manifest.recorded_since.values()])
