"""The model that answers: changed when the pointer is swung, never to one that is damaged, and the old one freed."""

from __future__ import annotations

import gc
import json
import logging
import os
import weakref
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from support.served import histories, rows_of
from support.versions import version_of_bundle

from features.errors import BundleDamaged, NoModel, SignalsDiffer
from serving import metrics
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Predictor
from serving.predict.served_model import RETRY_SECONDS, ServedModel, open_model
from training.bundle.bundle import MANIFEST, MODEL, Bundle
from training.bundle.publishing import POINTER, bundle_in, digest, publish, read_pointer

SHIFTS = {"1": 0.0, "2": 1.0, "3": -1.0}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def versions(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folders of three versions of the model."""
    folder = tmp_path_factory.mktemp("versions")
    return {name: version_of_bundle(bundle_folder, folder / name, name, shift) for name, shift in SHIFTS.items()}


@pytest.fixture(scope="module")
def body(book_folder: Path, as_of: date) -> PredictionRequest:
    accounts = histories(rows_of(book_folder), ["A000002", "A000004"])
    return PredictionRequest.model_validate({"as_of": as_of.isoformat(), "accounts": accounts})


@pytest.fixture
def root(versions: dict[str, Path], tmp_path: Path) -> Path:
    publish(tmp_path / "watched", versions["1"])
    return tmp_path / "watched"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def model(root: Path, clock: Clock) -> ServedModel:
    opened = open_model(root)
    return ServedModel(opened.predictor, root, read_pointer(root), clock=clock)


def counts() -> tuple[float, float]:
    """Return how often a model was changed and a bundle refused, in this process."""
    found = metrics.made()
    return found.swaps._value.get(), found.refusals._value.get()


def test_the_pointer_is_followed(model: ServedModel, root: Path, versions: dict[str, Path]) -> None:
    swaps, refusals = counts()
    assert not model.look() and model.predictor.bundle.version == "1"
    for version in ("2", "3", "1"):
        publish(root, versions[version])
        assert model.look() and model.predictor.bundle.version == version
        assert not model.look()
    assert counts() == (swaps + 3, refusals)


def test_the_same_version_with_other_files_is_another_model(
    model: ServedModel, root: Path, versions: dict[str, Path], tmp_path: Path
) -> None:
    publish(root, version_of_bundle(versions["1"], tmp_path / "again", "1", shift=2.0))
    before = model.predictor
    assert model.look() and model.predictor is not before and model.predictor.bundle.version == "1"


def test_what_was_read_goes_on_after_a_change(
    model: ServedModel, root: Path, versions: dict[str, Path], body: PredictionRequest
) -> None:
    held = model.predictor
    before = held.predict(body.accounts, body.as_of)
    publish(root, versions["2"])
    assert model.look()
    after = held.predict(body.accounts, body.as_of)
    assert [score.churn_probability for score in after] == [score.churn_probability for score in before]
    assert {score.model_version for score in after} == {"1"}
    changed = model.predictor.predict(body.accounts, body.as_of)
    assert {score.model_version for score in changed} == {"2"}
    assert all(new.churn_probability > old.churn_probability for new, old in zip(changed, after, strict=True))


def cut(root: Path) -> None:
    """Cut the trees of the published version short."""
    path = bundle_in(root) / MODEL
    path.write_text(path.read_text()[: -(10**3)])


def rename_signal(root: Path) -> None:
    """Make it a bundle of other signals, pointer and checksum included."""
    _rewrite(root, lambda manifest: manifest | {"signals": ["other", *manifest["signals"][1:]]})


def break_calibrator(root: Path) -> None:
    """Let it load, and predict nothing."""
    _rewrite(root, lambda manifest: manifest | {"calibrator": manifest["calibrator"] | {"intercept": float("nan")}})


def _rewrite(root: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = bundle_in(root) / MANIFEST
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    pointer = json.loads((root / POINTER).read_text())
    (root / POINTER).write_text(json.dumps(pointer | {"sha256": digest(path.parent)}))


def lose_folder(root: Path) -> None:
    """Remove the published version."""
    folder = bundle_in(root)
    folder.rename(folder.with_name("gone"))


def garble_pointer(root: Path) -> None:
    """Write half a pointer."""
    (root / POINTER).write_text((root / POINTER).read_text()[:20])


@pytest.mark.parametrize("damage", [cut, rename_signal, break_calibrator, lose_folder, garble_pointer])
def test_a_damaged_bundle_is_refused_and_the_old_model_goes_on(
    model: ServedModel,
    root: Path,
    versions: dict[str, Path],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    swaps, refusals = counts()
    publish(root, versions["2"])
    damage(root)
    with caplog.at_level(logging.ERROR, "churn_risk"):
        for _ in range(5):
            assert not model.look() and model.predictor.bundle.version == "1"
        (line,) = caplog.records
        assert "the published bundle is refused" in line.message
        assert counts() == (swaps, refusals + 1)
        clock.seconds += RETRY_SECONDS
        assert not model.look()
    assert counts() == (swaps, refusals + 2)
    publish(root, versions["3"])
    assert model.look() and model.predictor.bundle.version == "3"


def test_a_bundle_that_was_put_right_is_taken_up_after_a_while(
    model: ServedModel, root: Path, versions: dict[str, Path], clock: Clock
) -> None:
    folder = root / publish(root, versions["2"]).folder
    whole = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(whole[:-100])
    assert not model.look()
    (folder / MODEL).write_bytes(whole)
    assert not model.look(), "it is left alone for a while"
    clock.seconds += RETRY_SECONDS
    assert model.look() and model.predictor.bundle.version == "2"


def test_a_pointer_that_is_gone_changes_nothing(model: ServedModel, root: Path) -> None:
    (root / POINTER).unlink()
    assert not model.look() and model.predictor.bundle.version == "1"


def test_a_bundle_itself_is_never_changed(bundle_folder: Path) -> None:
    model = open_model(bundle_folder)
    model.start()
    assert not model.look() and model.predictor.bundle.version == "1"
    model.stop()


@pytest.mark.parametrize(
    ("damage", "error"),
    [(cut, BundleDamaged), (rename_signal, SignalsDiffer), (break_calibrator, BundleDamaged),
     (garble_pointer, BundleDamaged), (lambda root: (root / POINTER).unlink(), NoModel)],
    ids=["cut", "signals", "calibrator", "half a pointer", "no pointer"],
)  # fmt: skip
def test_nothing_is_started_with_a_damaged_bundle(
    root: Path, damage: Callable[[Path], None], error: type[Exception]
) -> None:
    damage(root)
    with pytest.raises(error):
        open_model(root)


def test_twelve_changes_leave_one_model_in_memory(
    model: ServedModel, root: Path, versions: dict[str, Path], body: PredictionRequest
) -> None:
    before: list[weakref.ReferenceType[Predictor] | weakref.ReferenceType[Bundle]] = []
    sizes = []
    for number in range(12):
        model.predictor.predict(body.accounts, body.as_of)
        before += [weakref.ref(model.predictor), weakref.ref(model.predictor.bundle)]
        publish(root, versions["2" if number % 2 == 0 else "1"])
        assert model.look()
        gc.collect()
        sizes.append(resident())
    assert [reference() for reference in before] == [None] * 24
    # What the allocators keep settles after a few; a model that stays would cost some megabytes each time.
    assert sizes[-1] - sizes[5] < 6 * 2**20


def resident() -> int:
    """Return this process's memory, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def watching(root: Path) -> Iterator[ServedModel]:
    opened = open_model(root, watch_seconds=0.02)
    opened.start()
    yield opened
    opened.stop()


def test_under_load_every_answer_is_of_one_version_throughout(
    watching: ServedModel, root: Path, versions: dict[str, Path], body: PredictionRequest
) -> None:
    expected = {name: answer_of(open_model(folder).predictor, body) for name, folder in versions.items()}
    assert len(set(expected.values())) == 3
    seen: list[tuple[str, tuple[float, ...]]] = []
    failed: list[BaseException] = []
    stopped, changed = Event(), Event()

    def ask() -> None:
        while not stopped.is_set():
            try:
                predictor = watching.predictor
                seen.append((predictor.bundle.version, answer_of(predictor, body)))
            except Exception as error:
                failed.append(error)
            changed.set()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in ("2", "3", "1", "2"):
        publish(root, versions[version])
        while watching.predictor.bundle.version != version and not failed:
            changed.clear()
            assert changed.wait(60)
    stopped.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert {version for version, _ in seen} == {"1", "2", "3"}
    assert all(found == expected[version] for version, found in seen)


def answer_of(predictor: Predictor, body: PredictionRequest) -> tuple[float, ...]:
    """Return the probabilities of the accounts of a request."""
    return tuple(score.churn_probability for score in predictor.predict(body.accounts, body.as_of))
