"""The champion's bundle in a folder that running services watch: `CHURN_RISK_BUNDLE`, else `<CHURN_RISK_HOME>/bundle`.

    champion.json              the pointer: version, folder, sha256, published_at, files
    versions/3-9f2c41d07ab5/   the files of a version's bundle, named by version and checksum

The steps that may fail come first. `stage` copies the files, flushes them to the disk, loads the copy as a service
will, and writes the pointer under a temporary name. `Staged.swing` then only renames. A move of the champion takes
three steps: stage, move the alias, swing. A full disk or a damaged bundle stops the move before anything has moved. The
alias alone decides, so a crash before the swing leaves a pointer that is behind the alias, never one that is ahead of
it. `churn-risk serve` and a second `promote` of the same version bring the pointer in line.

A folder that holds a bundle itself (manifest.json and no pointer) is served as it is; nothing is published into it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from features.errors import BundleDamaged, NoModel
from training.bundle.bundle import FILES, MANIFEST, Bundle, load_bundle
from training.bundle.durable import checksum_of, place_folder, to_disk, write_text
from training.bundle.file_locks import holding
from training.bundle.seal import Seal, changes, checksums_in, demand_sealed
from training.errors import PublishingFailed
from training.private_files import is_private, keep_private
from training.settings import Environment

POINTER, VERSIONS, LOCK = "champion.json", "versions", ".publishing.lock"
#: Prefix of unfinished files and folders; a killed process leaves them behind, and the next process removes them.
UNFINISHED = ".publishing-"
#: Number of versions that stay: the champion, and those that a service may still load or an operator may inspect.
KEPT = 4
#: A staged pointer older than this counts as abandoned.
ABANDONED_SECONDS = 3600
log = logging.getLogger("churn_risk.publishing")


@dataclass(frozen=True)
class Pointer:
    """Which bundle is the champion's.

    Attributes
    ----------
    version : str
        The registry's version.
    folder : str
        Path of the bundle, relative to the watched folder.
    sha256 : str
        Checksum of the bundle's files, names included.
    published_at : str
        UTC, ISO; comparisons of bundles ignore it.
    files : mapping of name to str, or None
        Checksum of each file, so that a changed one can be named; None in a pointer of an older release.
    """

    version: str
    folder: str
    sha256: str
    published_at: str
    files: Mapping[str, str] | None = None

    @property
    def names(self) -> tuple[str, str]:
        """Folder and checksum, which tell published bundles apart."""
        return self.folder, self.sha256


@dataclass(frozen=True)
class Staged:
    """A verified bundle with a pointer that needs only a rename.

    Attributes
    ----------
    root : Path
        The watched folder.
    pointer : Pointer
    written : Path
        The pointer's file under its temporary name.
    """

    root: Path
    pointer: Pointer
    written: Path

    def swing(self) -> Pointer:
        """Rename the pointer, so that services load this bundle, and remove versions that nobody needs any more.

        Raises
        ------
        PublishingFailed
            When the pointer cannot be renamed; the previous pointer stays.
        """
        consequence = f"{self.root / POINTER} cannot be replaced, so services go on with the version before"
        try:
            with _said(consequence), holding(self.root / LOCK):
                self.written.replace(self.root / POINTER)
                self._keep()
                with suppress(OSError):
                    _sweep(self.root, self.pointer)
        finally:
            self.drop()
        return self.pointer

    def _keep(self) -> None:
        """Flush the rename to the disk; if that fails, the rename still holds until a power cut."""
        try:
            to_disk(self.root)
        except OSError as error:
            log.warning("version %s is published, but a power cut may undo that: %s", self.pointer.version, error)

    def drop(self) -> None:
        """Remove the staged pointer, if `swing` has not renamed it."""
        self.written.unlink(missing_ok=True)


def watched_folder(environment: Environment) -> Path:
    """Return the folder that services watch, whether it exists or not."""
    return environment.bundle or environment.home / "bundle"


def publishing_folder(environment: Environment) -> Path | None:
    """Return the folder that moves of the champion are published to: the configured one, else an existing default.

    None if no service watches a folder, or if the configured folder holds one bundle that is served as it is.
    """
    root = watched_folder(environment)
    if holds_a_bundle(root) or (environment.bundle is None and not root.is_dir()):
        return None
    return root


def holds_a_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle itself, not a folder with a pointer to bundles."""
    return (folder / MANIFEST).is_file() and not (folder / POINTER).is_file()


def publish(root: Path, source: Path, seal: Seal | None = None) -> Pointer:
    """Stage a bundle and swing the pointer to it; see `stage`."""
    return stage(root, source, seal=seal).swing()


def stage(root: Path, source: Path, bundle: Bundle | None = None, seal: Seal | None = None) -> Staged:
    """Copy a bundle into a watched folder, beside the present champion, and verify the copy.

    Parameters
    ----------
    root : Path
        The watched folder; created if it does not exist, and private if the folder around it is.
    source : Path
        A folder with a bundle.
    bundle : Bundle, optional
        The bundle of `source`, if the caller has loaded it already.
    seal : Seal, optional
        The checksums that the registry keeps of the version's files; the copy must have them.

    Raises
    ------
    BundleDamaged, SignalsDiffer
        When the bundle, or its copy, does not load, or the copy is not what was sealed.
    PublishingFailed
        When it cannot be written, for example on a full disk; the unfinished copy is removed.
    """
    version = (bundle or load_bundle(source)).version
    checksum = digest(source)
    name = f"{version}-{checksum[:12]}"
    with _said(f"version {version} cannot be written to {root}, so services go on with what they serve"):
        (root / VERSIONS).mkdir(parents=True, exist_ok=True)
        with holding(root / LOCK):
            folder = root / VERSIONS / name
            if not folder.is_dir() or digest(folder) != checksum:
                place_folder(source, folder, FILES, folder.with_name(f"{UNFINISHED}{uuid4().hex}"))
            os.utime(folder)
            demand_sealed(folder, seal, version)
            load_bundle(folder)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            pointer = Pointer(version, f"{VERSIONS}/{name}", checksum, at, checksums_in(folder))
            written = root / f"{UNFINISHED}{uuid4().hex}.json"
            write_text(written, json.dumps(asdict(pointer), indent=1))
            if is_private(root.parent):
                keep_private(root)
            return Staged(root, pointer, written)


def read_pointer(root: Path) -> Pointer | None:
    """Return the pointer of a watched folder, None if it has none.

    Raises
    ------
    BundleDamaged
        When the pointer cannot be read, or leads out of the folder.
    """
    path = root / POINTER
    try:
        kept, known = json.loads(path.read_text(encoding="utf-8")), {field.name for field in fields(Pointer)}
        pointer = Pointer(**{name: value for name, value in kept.items() if name in known})  # a later release has more
        where = Path(pointer.folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BundleDamaged(f"{path}: not a pointer to a bundle ({error})") from error
    if where.parent != Path(VERSIONS) or where.name == ".." or not isinstance(pointer.version, str):
        raise BundleDamaged(f"{path}: {pointer.folder!r} is no folder of a version")
    if not isinstance(pointer.files, dict | None):
        raise BundleDamaged(f"{path}: {pointer.files!r} are no checksums of files")
    return pointer


def bundle_in(place: Path) -> Path:
    """Return the folder with the bundle's files: the place itself, or the folder that its pointer names, checked.

    Raises
    ------
    NoModel
        When there is neither a bundle nor a pointer.
    BundleDamaged
        When the files are not those that were published.
    """
    if holds_a_bundle(place):
        return place
    pointer = read_pointer(place)
    if pointer is None:
        raise NoModel(f"{place}: there is no bundle and no pointer to one; `churn-risk serve` puts the champion there")
    demand_as_published(place / pointer.folder, pointer)
    return place / pointer.folder


def demand_as_published(folder: Path, pointer: Pointer) -> None:
    """Raise BundleDamaged, with the names of the changed files, unless a folder's files have the pointer's checksum."""
    if digest(folder) != pointer.sha256:
        named = "" if pointer.files is None else f" ({changes(checksums_in(folder), pointer.files)})"
        raise BundleDamaged(f"{folder}: not the files that were published as version {pointer.version}{named}")


def digest(folder: Path) -> str:
    """Return the checksum of a bundle's files, names included; raises BundleDamaged if a file cannot be read."""
    try:
        return checksum_of(folder, FILES)
    except OSError as error:
        raise BundleDamaged(f"{folder} cannot be read ({error})") from error


def _sweep(root: Path, pointer: Pointer) -> None:
    """Remove all but the latest versions, and what killed processes left; a failure to remove is ignored."""
    folders = sorted((root / VERSIONS).iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    unfinished = [path for path in folders if path.name.startswith(UNFINISHED)]
    finished = [path for path in folders if path not in unfinished and path.name != Path(pointer.folder).name]
    for path in (*unfinished, *finished[KEPT - 1 :]):
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(f"{UNFINISHED}*.json"):
        if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            path.unlink(missing_ok=True)


@contextmanager
def _said(consequence: str) -> Iterator[None]:
    """Turn an OSError into a PublishingFailed that names the consequence."""
    try:
        yield
    except OSError as error:
        raise PublishingFailed(f"{consequence} ({error})") from error
