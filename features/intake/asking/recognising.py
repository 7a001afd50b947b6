"""Files are known by their headers: each file of a folder beside the preset that fits it best.

In: a folder of exports. Out: a `Recognised` for each preset with its files, and an `UnknownFile` for each other one.
The start of a file is read once, whatever the number of presets; only the file that fits is opened.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import duckdb

from features.errors import Problem
from features.intake.asking.patterns import escaped
from features.intake.asking.presets import Preset, presets
from features.intake.files.copying import copied_text
from features.intake.files.heads import encoding_of, first_records
from features.intake.files.reading import FORMATS, TITLES, OpenFile, Workspace, open_files, unpacked
from features.intake.files.sheets import copied_sheet
from features.intake.language.mapping_model import SourceFiles

#: Records of a file among which a header may stand.
START = 30
#: A number or a day in a cell; a year alone may be a heading.
NUMBER = re.compile(r"(?!(?:19|20)\d\d$)[-+]?\d+(?:[.,' /]\d+)*\s*[-%€$£]?|\d{4}-\d\d-\d\d.*")

Records = Sequence[Sequence[str]]


@dataclass
class Recognised:
    """A preset and the files that it fits."""

    preset: Preset
    files: list[OpenFile] = field(default_factory=list)


@dataclass(frozen=True)
class UnknownFile:
    """A file that no preset fits.

    Attributes
    ----------
    name : str
        As a mapping has it.
    headings : tuple of str
        Its first long record that is no title; empty where it cannot be read.
    is_below_titles : bool
        Whether records stand above the headings.
    sheets : tuple of str
        The other sheets of the file that are shown and hold something.
    """

    name: str
    headings: tuple[str, ...]
    is_below_titles: bool = False
    sheets: tuple[str, ...] = ()


def recognise(space: Workspace) -> tuple[list[Recognised], list[UnknownFile]]:
    """Return the presets that fit, in an order in which one finds what it looks up, and the unknown files."""
    found: dict[str, Recognised] = {}
    unknown = []
    for number, (inside, path, name) in enumerate(_files(space)):
        preset, file, plain = known_file(inside, path, str(number))
        if preset is not None and file is not None:
            found.setdefault(preset.name, Recognised(preset)).files.append(replace(file, name=name))
        else:
            unknown.append(replace(plain, name=name))
    return sorted(found.values(), key=lambda each: each.preset.after is not None), unknown


def _files(space: Workspace) -> Iterator[tuple[Workspace, Path, str]]:
    """Yield the files of the folder and those of archives in it, each with its space and its name in a mapping."""
    for path in sorted(space.folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        inside = []
        if path.suffix.lower() == ".zip":
            with suppress(zipfile.BadZipFile, OSError):
                inside = sorted(each for each in unpacked(space, path.name).rglob("*") if each.is_file())
        if not inside:
            yield space, path, path.name
        for each in inside:
            within = each.relative_to(space.scratch / f"zip-{path.name}").as_posix()
            yield replace(space, folder=each.parent), each, f"{path.name}/{within}"


def known_file(space: Workspace, path: Path, key: str) -> tuple[Preset | None, OpenFile | None, UnknownFile]:
    """Return the preset that fits a file of the space's folder best, the file as it reads it, and as nobody knows it.

    Parameters
    ----------
    key : str
        What tells the scratch files of this file from those of others.
    """
    records, listed, sheets = _start(space, path, key)
    plain = replace(_plain(path.name, records), sheets=sheets)
    for preset in sorted(presets(), key=lambda preset: -preset.likeness(records, listed)):
        if preset.likeness(records, listed) and (file := _opened(space, preset, path, key)) is not None:
            return preset, file, plain
    return None, None, plain


def _plain(name: str, records: Records) -> UnknownFile:
    headings = _headings(records)
    above = records[: [*map(tuple, records)].index(headings)] if headings else []
    # The reader itself passes over a first line `sep=;`.
    told = above and above[0] and above[0][0].lower().startswith("sep=")
    return UnknownFile(name, headings, len(above) > (1 if told else 0))


def _headings(records: Records) -> tuple[str, ...]:
    """Return the first of the longest records that is no title: a spreadsheet fills titles up with empty cells.

    Where that one holds a number, it is a row below a header of few names: the first of the longest records.
    """
    longest = max(map(len, records), default=0)
    filled = {tuple(record): sum(bool(cell.strip()) for cell in record) for record in records if len(record) == longest}
    fullest = max(filled.values(), default=0)
    full = next((record for record, cells in filled.items() if 2 * cells >= fullest), ())
    has_number = any(NUMBER.fullmatch(cell.strip()) for cell in full)
    return next(record for record, cells in filled.items() if cells) if has_number else full


def _opened(space: Workspace, preset: Preset, path: Path, key: str) -> OpenFile | None:
    """Return the file as a preset reads it; None where it does not."""
    problems: list[Problem] = []
    opened = open_files(space, f"{preset.name}_{key}", preset.reader(escaped(path.name)), problems)
    with suppress(duckdb.Error):
        for file in opened:
            space.connection.execute(f"SELECT * FROM {file.relation} LIMIT 1000").fetchall()
            return file
    return None


def _start(space: Workspace, path: Path, key: str) -> tuple[Records, Records, tuple[str, ...]]:
    """Return the first records of a file, those of a list with bars, and other sheets; empty if it cannot be read."""
    form = FORMATS.get(path.suffix.lower(), "csv")
    with suppress(ValueError, OSError, duckdb.Error):
        if form in ("jsonl", "parquet"):
            opened = open_files(space, f"start_{key}", SourceFiles.model_validate({"files": [escaped(path.name)]}), [])
            return [file.head.headings for file in opened], [], ()
        target = space.scratch / f"start_{key}.csv"
        if form == "sheet":
            sheet = copied_sheet(path, None, target, START)
            return first_records(sheet.path, None, START)[1], [], tuple(sheet.others)
        encoding = encoding_of(path)
        text = path if encoding == "utf-8" else copied_text(path, encoding, target)
        with text.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in islice(file, TITLES) if line.startswith("|")]
        return first_records(text, None, START)[1], [line.split("|") for line in lines], ()
    return [], [], ()
