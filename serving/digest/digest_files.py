"""Digests as files: two a manager, HTML and plain text, all of them or none.

A file's name is the week and the manager in letters that any system takes, with a checksum of the name: two managers
never share one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from unicodedata import normalize

from features.errors import InputError
from serving.digest.digest_html import html_of, text_of
from serving.digest.rounds import AllMade

LONGEST = 40


def file_name(period: str, manager: str) -> str:
    """Return the name of a manager's files, without its end.

    Examples
    --------
    >>> file_name("2026-W48", "Eva Groß")
    '2026-W48-eva-gross-253815b5'
    >>> file_name("2026-W48", "../etc/passwd").startswith("2026-W48-etc-passwd-")
    True
    """
    plain = normalize("NFKD", manager.casefold()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST].strip("-") or "manager"
    return f"{period}-{slug}-{sha256(manager.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write_all(made: AllMade, folder: Path) -> dict[str, Sequence[str]]:
    """Write every digest; return the names of the files by manager.

    They are written beside their place first: where one cannot be written, none is there.

    Raises
    ------
    InputError
        When the folder is none, or cannot be written.
    """
    files: dict[str, Sequence[str]] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(mkdtemp(prefix=".digests-", dir=folder))
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror or error}") from error
    try:
        for each in made.digests:
            name = file_name(made.period, each.manager)
            files[each.manager] = (f"{name}.html", f"{name}.txt")
            (scratch / f"{name}.html").write_text(html_of(each.digest), encoding="utf-8")
            (scratch / f"{name}.txt").write_text(text_of(each.digest), encoding="utf-8")
        for name in (name for names in files.values() for name in names):
            (scratch / name).replace(folder / name)
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror or error}") from error
    finally:
        rmtree(scratch, ignore_errors=True)
    return files
