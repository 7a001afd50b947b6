"""Bundles of earlier champions: the watched folder keeps the last few (`training.bundle.publishing`)."""

from __future__ import annotations

from pathlib import Path

from features.errors import BundleDamaged, SignalsDiffer
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.publishing import UNFINISHED, VERSIONS, digest


def kept_bundle(root: Path, version: str) -> Bundle | None:
    """Return the bundle of a version that lies in a watched folder, as it was published.

    None where it is not kept any more, is damaged or knows other signals than this code: it is asked for to compare
    with, and what cannot be loaded cannot be compared with.
    """
    try:
        folders = sorted((root / VERSIONS).iterdir())
    except OSError:
        return None
    for folder in folders:
        named, _, checksum = folder.name.rpartition("-")
        if named != version or folder.name.startswith(UNFINISHED):
            continue
        try:
            if checksum and digest(folder).startswith(checksum):
                bundle = load_bundle(folder)
                if bundle.version == version:
                    return bundle
        except (BundleDamaged, SignalsDiffer):
            continue
    return None
