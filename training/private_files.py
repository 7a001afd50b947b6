"""Files that only their owner can read: the home, its databases and its bundles, whatever the umask.

The home holds scores of customers, digests of API keys and the model. It is made private when it is made, and mended
when a command or the service starts, as earlier versions left it readable. What lies elsewhere (`CHURN_RISK_STORE_URL`,
`CHURN_RISK_BUNDLE`) is the operator's: a new database is private there too, and nothing that exists is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
#: Permissions of anybody but the owner.
OTHERS = 0o077
#: Databases of the home, with what SQLite keeps beside them.
DATABASES = "*.db*"
#: Folders of the home whose files are private too; the home itself covers the others.
TREES = ("bundle", "bundles", "studies")


def make_home(home: Path) -> None:
    """Make the home if it does not exist, and make it private; raises OSError when it cannot be made."""
    home.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    _restrict(home, FOLDER)


def mend_home(home: Path) -> list[Path]:
    """Make an existing home private, with its databases and bundles.

    Returns
    -------
    list of Path
        What others can still read, because it belongs to somebody else.
    """
    if not home.is_dir():
        return []
    trees = (path for name in TREES if (home / name).is_dir() for path in _within(home / name))
    return [path for path in (home, *home.glob(DATABASES), *trees) if not _private(path)]


def keep_private(folder: Path) -> None:
    """Make a folder private with everything in it."""
    for path in _within(folder):
        _private(path)


def is_private(folder: Path) -> bool:
    """Whether nobody but the owner can enter a folder."""
    return not folder.stat().st_mode & OTHERS


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner can read; a file that is there stays as it is. Raises OSError."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))


def _within(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


def _private(path: Path) -> bool:
    """Make a file or folder private and return whether it is; a link is left alone, and so is what has just gone."""
    if path.is_symlink() or not path.exists():
        return True
    return _restrict(path, FOLDER if path.is_dir() else FILE)


def _restrict(path: Path, mode: int) -> bool:
    try:
        if path.stat().st_mode & OTHERS:
            path.chmod(mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
