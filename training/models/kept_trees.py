"""Trees of a training that was broken off: the same training goes on with them when it is run again.

In: what trees are grown from, and how to grow them. Out: the trees, from a file where an earlier run has grown them of
the very same rows, settings and version of LightGBM.

A file holds the trees as LightGBM's text, which gives the same margins to the last bit, below the checksum of that
text. Its name is a checksum of all that the trees are grown from, so files of other books or settings never meet. A run
that ends well removes the files that it used; those that nobody came back for within a week go with the next run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident

import lightgbm
import numpy as np

from training.private_files import keep_private, make_home

#: Trees of fewer rows are grown again sooner than they are worth a file.
LEAST_ROWS = 20_000
#: Seconds after which a file is not waited for any more.
STALE = 7 * 24 * 3600
SUFFIX = ".trees"
log = logging.getLogger("churn_risk.training")


@dataclass
class KeptTrees:
    """The files of a run.

    Attributes
    ----------
    folder : Path
    used : set of Path
        Files that were written or read.
    taken : set of Path
        Those of them that an earlier run had written.
    """

    folder: Path
    used: set[Path] = field(default_factory=set)
    taken: set[Path] = field(default_factory=set)

    @property
    def found(self) -> int:
        """How many files an earlier run had written."""
        return len(self.taken)

    def read(self, path: Path) -> lightgbm.Booster | None:
        """Return the trees of a file; None where it is not there or not whole."""
        try:
            checksum, _, text = path.read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        if checksum != _checksum(text):
            return None
        if path not in self.used:
            self.taken.add(path)
        self.used.add(path)
        return lightgbm.Booster(model_str=text)

    def write(self, path: Path, trees: lightgbm.Booster) -> None:
        """Write trees; where that fails, they are not kept."""
        text, half = trees.model_to_string(), path.with_suffix(f".{os.getpid()}-{get_ident()}")
        self.used |= {path, half}
        try:
            half.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")
            half.replace(path)
        except OSError as error:
            log.warning("grown trees could not be kept for a training that is broken off: %s", error)

    def clear(self) -> None:
        """Remove the files of this run."""
        for path in self.used:
            path.unlink(missing_ok=True)


_KEPT: ContextVar[KeptTrees | None] = ContextVar("kept trees", default=None)


@contextmanager
def keeping_trees(folder: Path) -> Iterator[KeptTrees]:
    """Keep all trees that are grown within the block, until it ends well.

    Parameters
    ----------
    folder : Path
        Is made, for its owner only.

    Raises
    ------
    OSError
        When the folder cannot be made.
    """
    make_home(folder)
    keep_private(folder)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.stat().st_mtime < time.time() - STALE:
            path.unlink(missing_ok=True)
    kept = KeptTrees(folder)
    token = _KEPT.set(kept)
    try:
        yield kept
        kept.clear()
    finally:
        _KEPT.reset(token)


def begun(rows: np.ndarray) -> hashlib._Hash | None:
    """Return the checksum of encoded rows of shape (n, columns), where trees of so many are kept; else None."""
    if _KEPT.get() is None or len(rows) < LEAST_ROWS:
        return None
    name = hashlib.sha256(lightgbm.__version__.encode())
    _add(name, rows)
    return name


def grown(
    rows: hashlib._Hash | None, others: tuple[object, ...], grow: Callable[[], lightgbm.Booster]
) -> lightgbm.Booster:
    """Return what `grow` returns, or the same trees from a file.

    Parameters
    ----------
    rows : checksum or None
        That of `begun`; it stays as it is.
    others : tuple
        All else that the trees are grown from: arrays, and what `repr` tells apart.
    """
    kept = _KEPT.get()
    if kept is None or rows is None:
        return grow()
    name = rows.copy()
    for part in others:
        _add(name, part)
    path = kept.folder / f"{name.hexdigest()}{SUFFIX}"
    trees = kept.read(path)
    if trees is None:
        trees = grow()
        kept.write(path, trees)
    return trees


def _add(name: hashlib._Hash, part: object) -> None:
    if isinstance(part, np.ndarray):
        name.update(f"{part.dtype}{part.shape}".encode())
        name.update(np.ascontiguousarray(part).data)
    else:
        name.update(repr(part).encode())


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
