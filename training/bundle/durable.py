"""Files and folders that appear whole: written, on the disk, and only then under the name that readers look for."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlast a power cut; raises OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Write a file to the disk; nothing of it stays where that fails, with an OSError."""
    try:
        path.write_text(text, encoding="utf-8")
        to_disk(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def place_folder(source: Path, folder: Path, names: Iterable[str], scratch: Path) -> None:
    """Copy files of one folder into a new one, to the disk; what lies there is moved aside first.

    Parameters
    ----------
    source, folder : Path
        From where, and to where.
    names : iterable of str
        Of the files; those that are not there are left out.
    scratch : Path
        A name beside `folder` that nothing has: the copy is made there and renamed, and gone where that fails. What is
        moved aside gets it with `-old` behind, and is for the caller to remove.

    Raises
    ------
    OSError
    """
    try:
        scratch.mkdir()
        for name in names:
            if (source / name).is_file():
                shutil.copyfile(source / name, scratch / name)
                to_disk(scratch / name)
        to_disk(scratch)
        if folder.exists():
            folder.rename(scratch.with_name(f"{scratch.name}-old"))
        scratch.rename(folder)
        to_disk(folder.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def checksum_of(folder: Path, names: Iterable[str]) -> str:
    """Return the SHA-256 of those files of a folder that are there, names included; raises OSError."""
    checksum = hashlib.sha256()
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            continue
        checksum.update(f"{name} {len(content)}\n".encode())
        checksum.update(content)
    return checksum.hexdigest()
