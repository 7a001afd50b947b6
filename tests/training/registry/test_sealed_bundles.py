"""A bundle that was edited by hand: its manifest stands in no checksum of its own, so the registry keeps one of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import Command
from support.registries import Registry
from support.served import run_command

from features.errors import BundleDamaged
from serving.run.bundle_folder import folder_to_serve
from training.bundle.bundle import MANIFEST, MODEL, VERSION, load_bundle, stamp_version
from training.bundle.publishing import POINTER, bundle_in, digest, publish, read_pointer, stage
from training.bundle.seal import TAG, Seal, demand_sealed, seal_of
from training.judge.champion_gate import WON
from training.registry.promotion import promote, rollback
from training.registry.tracking import bring_in_line, connected, fetch, fetch_bundle
from training.settings import MODEL_NAME

EDITED = "manifest.json is not the file that was written"


def edit(folder: Path) -> None:
    """Lower every probability: by hand, in the manifest, which still is a sound one."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["calibrator"]["intercept"] -= 1
    manifest["economics"]["actions"]["call"]["contact_cost"] = 0.0
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
    assert load_bundle(folder), "nothing inside the bundle tells"


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: run_command(monkeypatch, capfd, *words)


@pytest.fixture
def sealed(registry: Registry) -> Callable[[], str]:
    """Return a function that registers one more version of the same model, sealed like version 1."""

    def add() -> str:
        version = registry.add(WON)
        with connected(registry.environment) as client:
            tag = client.get_model_version(MODEL_NAME, "1").tags[TAG]
            client.set_model_version_tag(MODEL_NAME, version, TAG, tag)
        return version

    return add


def test_the_registry_keeps_the_checksums_of_every_file(registry: Registry, bundle_folder: Path) -> None:
    with connected(registry.environment) as client:
        seal = Seal.of(client.get_model_version(MODEL_NAME, "1").tags)
    assert seal is not None and str(Seal.read(str(seal))) == str(seal)
    folder = fetch_bundle(registry.environment)
    assert seal == seal_of(folder) and {MANIFEST, MODEL} <= set(seal.files) and VERSION not in seal.files
    demand_sealed(folder, seal, "1")
    with pytest.raises(BundleDamaged, match=r"version.json is not the file that was written"):
        demand_sealed(folder, seal, "2")


def test_an_edited_bundle_is_not_scored_with(registry: Registry, churn_risk: Command, book_folder: Path) -> None:
    edit(fetch_bundle(registry.environment))
    with pytest.raises(BundleDamaged, match=EDITED):
        fetch(registry.environment)
    for words in (("score", book_folder, "--as-of", "2025-12-01"), ("card",), ("compare", "1", "1")):
        done = churn_risk(*words)
        assert done.code == 1 and EDITED in done.err and "Remove the folder" in done.err, words
    shutil.rmtree(next((registry.environment.home / "bundles").iterdir()))
    assert fetch(registry.environment).version == "1", "the registry's copy is sound"


def test_an_edited_bundle_is_neither_promoted_nor_rolled_back_to(registry: Registry, sealed: Callable[[], str]) -> None:
    version = sealed()
    edit(fetch_bundle(registry.environment, version))
    with pytest.raises(BundleDamaged, match=EDITED):
        promote(registry.environment, version)
    assert registry.champion == "1"
    other = sealed()
    promote(registry.environment, other)
    edit(fetch_bundle(registry.environment, "1"))
    with pytest.raises(BundleDamaged, match=EDITED):
        rollback(registry.environment)
    assert registry.champion == other


def test_an_edited_bundle_is_not_served(registry: Registry, churn_risk: Command) -> None:
    edit(fetch_bundle(registry.environment))
    done = churn_risk("serve", "--port", 9)
    assert done.code == 1 and EDITED in done.err
    with pytest.raises(BundleDamaged, match=EDITED):
        folder_to_serve(registry.environment)
    assert not (registry.environment.home / "bundle" / POINTER).exists()


def test_an_edited_artefact_of_the_registry_is_not_fetched(registry: Registry) -> None:
    shutil.rmtree(registry.environment.home / "bundles")
    (path,) = (path for path in registry.environment.home.rglob(MANIFEST))
    edit(path.parent)
    with pytest.raises(BundleDamaged, match=EDITED):
        fetch(registry.environment)
    assert not list((registry.environment.home / "bundles").iterdir()), "and leaves nothing half done"


def test_what_was_published_and_edited_is_told_with_the_file(registry: Registry) -> None:
    root = registry.environment.home / "bundle"
    root.mkdir()
    folder_to_serve(registry.environment)
    edit(bundle_in(root))
    with pytest.raises(BundleDamaged, match=f"not the files that were published as version 1 .{EDITED}"):
        bundle_in(root)
    assert bring_in_line(registry.environment, root) is not None, "the registry's copy takes its place"
    assert bundle_in(root)


def test_a_pointer_that_was_edited_along_does_not_help(registry: Registry) -> None:
    """The pointer vouches for the edited files; the registry's checksums do not."""
    root = registry.environment.home / "bundle"
    root.mkdir()
    folder_to_serve(registry.environment)
    folder = bundle_in(root)
    edit(folder)
    pointer = json.loads((root / POINTER).read_text())
    (root / POINTER).write_text(json.dumps(pointer | {"sha256": digest(folder)}))
    assert bundle_in(root) == folder, "by itself the folder looks sound"
    folder_to_serve(registry.environment)
    sound = fetch(registry.environment)
    assert load_bundle(bundle_in(root)).calibrator == sound.calibrator


def test_a_bundle_edited_between_check_and_copy_is_not_staged(registry: Registry, tmp_path: Path) -> None:
    source = fetch_bundle(registry.environment)
    seal = seal_of(source)
    edit(source)
    with pytest.raises(BundleDamaged, match=EDITED):
        stage(tmp_path / "watched", source, seal=seal)
    assert not (tmp_path / "watched" / POINTER).exists()


def test_a_version_without_checksums_works_on_without_a_word(registry: Registry, churn_risk: Command) -> None:
    """As a release before this one registered it."""
    version = registry.add(WON)
    with connected(registry.environment) as client:
        assert TAG not in client.get_model_version(MODEL_NAME, version).tags
    done = churn_risk("promote", version)
    assert done.code == 0 and "warning" not in done.err
    assert fetch(registry.environment).version == version
    (fetch_bundle(registry.environment) / MODEL).write_text("tree\n")
    with pytest.raises(BundleDamaged, match=r"model.txt is not the file that was written"):
        fetch(registry.environment)


def test_a_pointer_of_an_older_or_later_release_is_read(bundle_folder: Path, tmp_path: Path) -> None:
    pointer = publish(tmp_path, bundle_folder)
    assert pointer.files is not None and set(pointer.files) >= {MANIFEST, MODEL, VERSION}
    kept = json.loads((tmp_path / POINTER).read_text())
    del kept["files"]
    (tmp_path / POINTER).write_text(json.dumps(kept | {"something": "new"}))
    again = read_pointer(tmp_path)
    assert again is not None and again.names == pointer.names and again.files is None
    stamp_version(bundle_in(tmp_path), "9")
    with pytest.raises(BundleDamaged, match=r"not the files that were published as version 1$"):
        bundle_in(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"model.txt": 7}'])
def test_checksums_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BundleDamaged, match="not the checksums of a bundle's files"):
        Seal.read(text)


def test_missing_and_added_files_are_named(bundle_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    seal = seal_of(folder)
    (folder / MODEL).rename(folder / "hazard.txt")
    with pytest.raises(BundleDamaged) as refused:
        demand_sealed(folder, Seal({MANIFEST: seal.files[MANIFEST], MODEL: seal.files[MODEL]}))
    assert "hazard.txt was not there when it was written, model.txt is missing" in str(refused.value)
