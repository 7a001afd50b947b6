"""The folder that services watch: a version appears whole or not at all, and the pointer leads to no damaged one."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.served import ROOT

from features.errors import BundleDamaged, NoModel, SignalsDiffer
from training.bundle import publishing
from training.bundle.bundle import MANIFEST, MODEL, load_bundle, stamp_version
from training.bundle.publishing import (
    KEPT,
    POINTER,
    UNFINISHED,
    bundle_in,
    demand_as_published,
    digest,
    holds_a_bundle,
    publish,
    publishing_folder,
    read_pointer,
    stage,
)
from training.errors import PublishingFailed
from training.settings import Environment


@pytest.fixture
def version(bundle_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that gives the model's bundle another version."""

    def made(number: str) -> Path:
        folder = tmp_path / f"source-{number}"
        shutil.copytree(bundle_folder, folder)
        stamp_version(folder, number)
        return folder

    return made


@pytest.fixture
def root(tmp_path: Path, version: Callable[[str], Path]) -> Path:
    """Return a watched folder in which version 1 is published."""
    publish(tmp_path / "watched", version("1"))
    return tmp_path / "watched"


def state(root: Path) -> tuple[Any, list[str]]:
    """Return what a service would find, and everything that lies there but the lock."""
    pointer = read_pointer(root)
    loaded = None if pointer is None else load_bundle(bundle_in(root)).version
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.name != publishing.LOCK)
    return (loaded, pointer), found


def test_a_published_bundle_is_the_one_that_was_given(root: Path, version: Callable[[str], Path]) -> None:
    source = version("2")
    pointer = publish(root, source)
    assert read_pointer(root) == pointer and pointer.version == "2" and pointer.sha256 == digest(source)
    assert bundle_in(root) == root / pointer.folder and digest(bundle_in(root)) == digest(source)
    assert {path.name for path in root.iterdir()} == {POINTER, publishing.VERSIONS, publishing.LOCK}


def test_publishing_again_changes_nothing_but_the_time(root: Path, version: Callable[[str], Path]) -> None:
    source = version("2")
    first, second = publish(root, source), publish(root, source)
    assert first.names == second.names
    assert len(list((root / "versions").iterdir())) == 2


def test_only_the_latest_versions_stay_and_the_champion_always(root: Path, version: Callable[[str], Path]) -> None:
    for number in map(str, range(2, 9)):
        publish(root, version(number))
    kept = {path.name.partition("-")[0] for path in (root / "versions").iterdir()}
    assert kept == {str(number) for number in range(9 - KEPT, 9)}
    publish(root, version("5b"))
    assert load_bundle(bundle_in(root)).version == "5b"


def test_what_a_killed_process_left_is_swept_and_what_another_stages_is_not(
    root: Path, version: Callable[[str], Path]
) -> None:
    left = root / "versions" / f"{UNFINISHED}left"
    left.mkdir()
    old = root / f"{UNFINISHED}old.json"
    old.write_text("{}")
    os.utime(old, (0, 0))
    other = stage(root, version("3"))
    publish(root, version("2"))
    assert not left.exists() and not old.exists() and other.written.exists()
    assert other.swing().version == "3" and read_pointer(root) == other.pointer


def test_a_staged_bundle_is_served_only_after_the_swing(root: Path, version: Callable[[str], Path]) -> None:
    staged = stage(root, version("2"))
    assert load_bundle(bundle_in(root)).version == "1"
    staged.drop()
    assert load_bundle(bundle_in(root)).version == "1" and not list(root.glob(f"{UNFINISHED}*"))


@pytest.mark.parametrize("name", [MODEL, MANIFEST])
def test_a_bundle_that_does_not_load_is_not_published(root: Path, version: Callable[[str], Path], name: str) -> None:
    before = state(root)
    damaged = version("2")
    (damaged / name).write_text((damaged / name).read_text()[:-40])
    with pytest.raises(BundleDamaged):
        publish(root, damaged)
    assert state(root) == before


def test_a_bundle_of_other_signals_is_not_published(root: Path, version: Callable[[str], Path]) -> None:
    before = state(root)
    other = version("2")
    manifest = json.loads((other / MANIFEST).read_text())
    (other / MANIFEST).write_text(json.dumps(manifest | {"signals": manifest["signals"][1:]}))
    with pytest.raises(SignalsDiffer):
        publish(root, other)
    assert state(root) == before


def test_a_version_that_was_damaged_where_it_lies_is_put_right(root: Path, version: Callable[[str], Path]) -> None:
    source = version("2")
    folder = root / publish(root, source).folder
    (folder / MODEL).write_text("")
    publish(root, source)
    assert load_bundle(bundle_in(root)).version == "2"
    assert not [path for path in (root / "versions").iterdir() if path.name.startswith(UNFINISHED)]


# Faults


@contextmanager
def no_room(bytes_left: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: the system refuses in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("bytes_left", [0, 100, 20_000], ids=["not a byte", "the first file", "in the middle"])
def test_without_room_nothing_changes(root: Path, version: Callable[[str], Path], bytes_left: int) -> None:
    before, source = state(root), version("2")
    with no_room(bytes_left), pytest.raises(PublishingFailed, match=r"version 2 cannot be written .* go on with"):
        publish(root, source)
    assert state(root) == before
    publish(root, source)
    assert load_bundle(bundle_in(root)).version == "2"


@pytest.mark.parametrize(
    "call", ["shutil.copyfile", "os.fsync", "Path.rename", "os.utime", "Path.write_text", "Path.replace"]
)
def test_a_disk_that_fails_at_any_step_changes_nothing(
    root: Path, version: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before, source = state(root), version("2")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"training.bundle.durable.{call}", full)
        with pytest.raises(PublishingFailed, match="No space left on device"):
            publish(root, source)
    assert state(root)[0] == before[0] and not list(root.rglob(f"{UNFINISHED}*"))
    publish(root, source)
    assert load_bundle(bundle_in(root)).version == "2"


def test_a_swing_stands_where_only_its_way_to_the_disk_fails(
    root: Path, version: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    staged = stage(root, version("2"))

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("training.bundle.durable.os.fsync", failing)
        assert staged.swing().version == "2"
    assert load_bundle(bundle_in(root)).version == "2" and "Input/output error" in caplog.text


#: Publishes over and over until it is killed.
PUBLISHER = """
import sys
from pathlib import Path
from training.bundle.publishing import publish
print("ready", flush=True)
while True:
    for source in sys.argv[2:]:
        publish(Path(sys.argv[1]), Path(source))
        print(source, flush=True)
"""


@pytest.mark.server
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_publisher_that_is_killed_leaves_one_version_or_the_other(
    root: Path, version: Callable[[str], Path], lines: int
) -> None:
    sources = [str(version(number)) for number in ("2", "3")]
    command = [sys.executable, "-c", PUBLISHER, str(root), *sources]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as publisher:
        assert publisher.stdout is not None
        for _ in range(lines):
            assert publisher.stdout.readline()
        publisher.send_signal(signal.SIGKILL)
    (loaded, _), _ = state(root)
    assert loaded in {"1", "2", "3"}
    publish(root, version("4"))
    assert state(root)[0][0] == "4" and not list((root / "versions").glob(f"{UNFINISHED}*"))


# Pointers


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "nonsense", '{"version": "2", "folder": 7, "sha256": "", "published_at": ""}',
     '{"version": "2", "folder": "versions/..", "sha256": "", "published_at": ""}',
     '{"version": "2", "folder": "versions", "sha256": "", "published_at": ""}',
     '{"version": "2", "folder": "/etc", "sha256": "", "published_at": ""}',
     '{"version": 2, "folder": "versions/2-abc", "sha256": "", "published_at": ""}'],
)  # fmt: skip
def test_a_pointer_that_is_none_or_leads_elsewhere_is_refused(root: Path, text: str) -> None:
    (root / POINTER).write_text(text)
    with pytest.raises(BundleDamaged):
        read_pointer(root)


def test_files_that_are_not_those_that_were_published_are_told(root: Path) -> None:
    pointer = read_pointer(root)
    assert pointer is not None
    folder = root / pointer.folder
    demand_as_published(folder, pointer)
    stamp_version(folder, "7")
    with pytest.raises(BundleDamaged, match="not the files that were published as version 1"):
        bundle_in(root)


def test_a_bundle_itself_is_served_as_it_is(bundle_folder: Path, tmp_path: Path) -> None:
    assert holds_a_bundle(bundle_folder) and bundle_in(bundle_folder) == bundle_folder
    with pytest.raises(NoModel):
        bundle_in(tmp_path)


# Where


def test_moves_are_published_where_somebody_watches(
    environment: Environment, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = environment.home / "bundle"
    assert publishing_folder(environment) is None
    default.mkdir(parents=True)
    assert publishing_folder(environment) == default
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(tmp_path / "watched"))
    assert publishing_folder(Environment()) == tmp_path / "watched"
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(bundle_folder))
    assert publishing_folder(Environment()) is None
