"""The seal of a bundle: the checksums of its files, kept apart from them, so that no file vouches for itself.

A folder goes in; a `Seal` comes out, as text for a tag of the version in the registry, for the pointer that services
watch, and for MLflow's record of the logged model. The manifest's own checksums cover the trees only; the seal covers
the manifest too, and so the calibrator, the economics and the reference figures.

`version.json` is not sealed with the rest: it is written when a bundle leaves the registry. What must stand in it is
known from the version's number, so `demand_sealed` checks it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import BundleDamaged
from training.bundle.bundle import FILES, VERSION, version_text

#: The tag of a version in the registry that holds its seal.
TAG = "bundle_sha256"


@dataclass(frozen=True)
class Seal:
    """The files of a bundle as it was made: name -> SHA-256 of the content."""

    files: Mapping[str, str]

    def __str__(self) -> str:
        """Return the seal as JSON with sorted names; equal seals have equal texts."""
        return json.dumps(dict(self.files), sort_keys=True, separators=(",", ":"))

    @classmethod
    def of(cls, tags: Mapping[str, Any]) -> Seal | None:
        """Return the seal among a version's tags; None for a version from before there were seals."""
        return cls.read(str(tags[TAG])) if TAG in tags else None

    @classmethod
    def read(cls, text: str) -> Seal:
        """Return the seal of a text; raises BundleDamaged if the text is none."""
        try:
            files = json.loads(text)
            if isinstance(files, dict) and files and all(isinstance(value, str) for value in files.values()):
                return cls(files)
        except ValueError:
            pass
        raise BundleDamaged(f"not the checksums of a bundle's files: {text[:100]!r}")


def seal_of(folder: Path) -> Seal:
    """Return the seal of the bundle in a folder; raises BundleDamaged if a file cannot be read."""
    return Seal({name: sha for name, sha in checksums_in(folder).items() if name != VERSION})


def demand_sealed(folder: Path, seal: Seal | None, version: str | None = None) -> None:
    """Raise BundleDamaged, with the names of the files, unless a folder holds exactly the files that were sealed.

    Parameters
    ----------
    folder : Path
    seal : Seal or None
        None for a version that was registered before there were seals: nothing is known to compare with.
    version : str, optional
        The version that `version.json` must name; by default that file is left alone.
    """
    if seal is None:
        return
    found, expected = checksums_in(folder), dict(seal.files)
    if version is None:
        found.pop(VERSION, None)
    else:
        expected[VERSION] = _sha256(version_text(version).encode())
    if found != expected:
        raise BundleDamaged(f"{folder}: {changes(found, expected)}; the checksums kept with the version differ")


def changes(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Return in words which files differ from the expected ones; both map names to checksums."""
    words = []
    for name in sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name)):
        if name not in expected:
            words.append(f"{name} was not there when it was written")
        else:
            words.append(f"{name} is {'not the file that was written' if name in found else 'missing'}")
    return ", ".join(words)


def checksums_in(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each of a bundle's files; raises BundleDamaged if one cannot be read."""
    checksums = {}
    for name in FILES:
        try:
            checksums[name] = _sha256((folder / name).read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BundleDamaged(f"{folder} cannot be read ({error})") from error
    return checksums


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
