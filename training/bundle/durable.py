"""Files and folders that appear whole: they reach the disk before they get the name that readers look for."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def to_disk(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, survives a power cut; raises OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Write a file to the disk; on an OSError the file is removed."""
    try:
        path.write_text(text, encoding="utf-8")
        to_disk(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def place_folder(source: Path, folder: Path, names: Iterable[str], scratch: Path) -> None:
    """Copy files of one folder into a new folder, to the disk; an older folder of that name is moved aside first.

    Parameters
    ----------
    source, folder : Path
        The folder to copy from, and the folder to make.
    names : iterable of str
        Names of the files; files that do not exist are left out.
    scratch : Path
        An unused name beside `folder`. The copy is made under it and then renamed; it is removed on a failure. The
        older folder is renamed to `scratch` with the suffix `-old`; the caller removes it.

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
    """Return the SHA-256 of a folder's existing files among `names`, names included; raises OSError."""
    checksum = hashlib.sha256()
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            continue
        checksum.update(f"{name} {len(content)}\n".encode())
        checksum.update(content)
    return checksum.hexdigest()
