"""What the tests of a change of the model share: the same model as versions that answer differently."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from training.bundle.bundle import MANIFEST, stamp_version


def version_of_bundle(source: Path, folder: Path, version: str, shift: float = 0.0) -> Path:
    """Copy a bundle as another version whose margins are shifted, so that no probability of it is another version's."""
    shutil.copytree(source, folder)
    stamp_version(folder, version)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["calibrator"]["intercept"] += shift
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder
