"""What is dear to make and the same for every test: made once, kept in `.cache/kept`, shared by all workers and runs.

A folder is kept under a digest of the sources that make it: those of its layer and of the layers below. A change of any
of them makes it anew. Tests read such a folder or copy it; none writes into it.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".cache" / "kept"
#: Layer -> the files beside its package that have a say in what is made with it.
LAYERS = {
    "features": ("requirements-dev.lock", "tests/conftest.py", "tests/support/kept.py"),
    "training": (),
    "serving": (
        "README.md", "bentofile.yaml", "pyproject.toml", "requirements-serving.lock", "tests/support/databases.py",
    ),
}  # fmt: skip
UNUSED_DAYS = 7


def _sources(layer: str) -> Iterable[Path]:
    yield from (ROOT / name for name in LAYERS[layer])
    yield from sorted(path for path in (ROOT / layer).rglob("*") if path.is_file() and path.suffix != ".pyc")


def _digests() -> dict[str, str]:
    digest, digests = hashlib.sha256(sys.version.encode()), {}
    for layer in LAYERS:
        for path in _sources(layer):
            digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
        digests[layer] = digest.hexdigest()[:16]
    return digests


#: Taken before the packages are imported: what is edited during a run is not what the run makes its folders with.
DIGESTS = _digests()


def kept(name: str, layer: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a name that `make` fills when it is not kept yet; other processes wait for it.

    Parameters
    ----------
    layer : the highest package that has a say in what is made
    """
    from training.bundle.file_locks import holding

    place = KEPT / f"{name}-{DIGESTS[layer]}"
    whole = place.with_suffix(".whole")
    KEPT.mkdir(parents=True, exist_ok=True)
    with holding(place.with_suffix(".lock")):
        if not whole.exists():
            _remove_unused()
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
        whole.touch()
    return place


def _remove_unused() -> None:
    """Remove what no run has asked for in a week."""
    for whole in KEPT.glob("*.whole"):
        if time.time() - whole.stat().st_mtime > UNUSED_DAYS * 86400:
            whole.unlink(missing_ok=True)
            shutil.rmtree(whole.with_suffix(""), ignore_errors=True)
