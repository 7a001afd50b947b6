"""The files of the exports that no source of a mapping reads: next month's file, or a system that was forgotten.

In: a mapping and the folder of an import. Out: an `UnreadFile` each, with the preset that knows its header. Files in
other folders count where a source reads one beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from features.intake.asking.recognising import known_file
from features.intake.files.reading import Workspace, named_files
from features.intake.language.mapping_model import Mapping

#: Headings of a file that are named.
MOST_HEADINGS = 12


@dataclass(frozen=True)
class UnreadFile:
    """A file that no source reads.

    Attributes
    ----------
    file : str
    preset : str or None
        The title of the preset that knows its header.
    source : str or None
        The source of the mapping that reads files of this kind.
    headings : tuple of str
    """

    file: str
    preset: str | None
    source: str | None
    headings: tuple[str, ...]

    def __str__(self) -> str:
        """Return what is to be done about it."""
        if self.preset is None:
            shown = ", ".join(" ".join(heading.split()) for heading in self.headings[:MOST_HEADINGS])
            return f"{self.file}: no source of the mapping reads it" + (f"; it has {shown}" if shown else "")
        where = f"; name it at files of [sources.{self.source}]" if self.source else ", nor one of its kind"
        return f"{self.file} is NOT READ: its header is that of {self.preset}, and no source names the file{where}"


def unread_files(space: Workspace, mapping: Mapping, own: Collection[Path]) -> tuple[UnreadFile, ...]:
    """Return the files beside those that are read; `own` are files of churn-risk itself, as the mapping."""
    if not any(source.files for source in mapping.sources.values()):
        # Where databases alone are read, the folder is whatever the mapping lies in.
        return ()
    read = {path.resolve() for source in mapping.sources.values() for path in named_files(space, source)}
    ours = {path.resolve() for path in own}
    root = space.folder.resolve()
    folders = {root, *(path.parent for path in read if path.is_relative_to(root))}
    return tuple(_unread(space, mapping, sorted(folders), read | ours))


def _unread(
    space: Workspace, mapping: Mapping, folders: Collection[Path], passed: Collection[Path]
) -> Iterator[UnreadFile]:
    number = 0
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path in passed or not path.is_file() or path.name.startswith((".", "~$")) or path.suffix == ".toml":
                continue
            number += 1
            preset, opened, plain = known_file(replace(space, folder=folder), path, f"unread_{number}")
            source = preset.source_name if preset is not None and preset.source_name in mapping.sources else None
            name = path.relative_to(space.folder.resolve()).as_posix()
            yield UnreadFile(
                name, preset.title if preset else None, source, opened.head.headings if opened else plain.headings
            )
