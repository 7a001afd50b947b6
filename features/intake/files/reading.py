"""Files of a source become relations of texts in DuckDB: columns c0, c1, ... and the number of the row.

In: a `SourceFiles` and the folder of the exports. Out: an `OpenFile` each, whose `relation` is SQL. Whatever DuckDB
does not read itself (other encodings, sheets, a database) is first copied as CSV of UTF-8 into a scratch folder.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from uuid import uuid4

import duckdb

from features.errors import Problem, SourceGone
from features.intake.files.copying import copied_records, copied_text, has_one_line_end
from features.intake.files.database_tables import DUCKDB, Databases, duckdb_table
from features.intake.files.heads import Head, encoding_of, named_only, read_head
from features.intake.files.json_records import json_rows
from features.intake.files.sheets import SheetCopy, copied_sheet
from features.intake.language.mapping_model import SourceFiles
from features.intake.language.typed_sql import quoted
from features.validation.names import near

#: No text of an export holds it: with it as delimiter a line is one cell.
NEVER = "\x1f"
#: How files are read whose mapping does not say it.
FORMATS = {
    ".xlsx": "sheet", ".xlsm": "sheet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet",
}  # fmt: skip
#: Lines among which the heading of a list stands.
TITLES = 200
#: What is told of answers of an API that are not all there.
MORE_PAGES = "it says itself that more records follow on a further page: is that page in another file?"
#: A file of an archive.
ZIPPED = re.compile(r"(.+?\.zip)/(.+)", re.IGNORECASE)
#: Bytes of a line at most. DuckDB would read sixteen times as much at once, and its threads wait for each other.
LONGEST_LINE = 1 << 24
#: Lines that a message names.
MOST_LINES = 5


@dataclass(frozen=True)
class OpenFile:
    """One file of a source.

    Attributes
    ----------
    name : str
        As the report has it.
    path : Path
        The file that the fingerprint is of; of a table its copy, or the file of the database.
    head : Head
    relation : str
        SQL that gives the columns c0, c1, ... as texts, in the order of the rows.
    rejects : str
        Name of the temporary table that holds the lines which have too few or too many cells; empty without one.
    footer : tuple of str
        Patterns of lines that are no rows.
    doubt : str
        What may mislead about the file as a whole.
    text : Path or None
        The text that DuckDB reads, in UTF-8; None of what is no lines of cells.
    """

    name: str
    path: Path
    head: Head
    relation: str
    rejects: str = ""
    footer: tuple[str, ...] = ()
    doubt: str = ""
    text: Path | None = None


@dataclass(frozen=True)
class Workspace:
    """Where an import works: a DuckDB connection, a scratch folder, the folder of the exports, the servers it reads."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path
    folder: Path
    databases: Databases = field(default_factory=Databases)


def open_files(space: Workspace, name: str, source: SourceFiles, problems: list[Problem]) -> list[OpenFile]:
    """Open every file of a source; what cannot be opened becomes a problem. SourceGone where a server goes away."""
    if source.database is not None:
        try:
            return [_open_table(space, source)]
        except ConnectionError as error:
            raise SourceGone(str(error)) from error
        except (ValueError, duckdb.Error) as error:
            problems.append(Problem(name, "", f"{source.table} cannot be read: {str(error).splitlines()[0]}"))
            return []
    paths = list(_paths(space, source, name, problems))
    opened: list[OpenFile] = []
    for path in paths:
        try:
            opened.append(_open(space, path, source, f"{name}_{len(opened)}"))
        except (ValueError, OSError, KeyError, zipfile.BadZipFile, duckdb.Error) as error:
            problems.append(Problem(path.name, "", str(error).splitlines()[0]))
    return opened


def named_files(space: Workspace, source: SourceFiles) -> set[Path]:
    """Return the files of the folder that a source names, those of archives and of DuckDB too, without opening any."""
    if source.database is not None:
        name = source.database.removeprefix(DUCKDB)
        return {space.folder / name} if source.database.startswith(DUCKDB) else set()
    patterns = [zipped[1] if (zipped := ZIPPED.match(pattern)) else pattern for pattern in source.files]
    return {path for pattern in patterns for path in space.folder.glob(pattern) if path.is_file()}


def _paths(space: Workspace, source: SourceFiles, name: str, problems: list[Problem]) -> Iterator[Path]:
    """Yield the files that the patterns name, each once, in the order of their names; `a.zip/*.csv` looks into one."""
    seen: set[Path] = set()
    own = named_files(space, source)
    for pattern in source.files:
        folders, inner = [space.folder], pattern
        if zipped := ZIPPED.match(pattern):
            folders, inner = _archives(space, zipped[1], name, problems), zipped[2]
        found = sorted(path for folder in folders for path in folder.glob(inner) if path.is_file() and path not in seen)
        if not found:
            outer = [folder for folder in folders or [space.folder] if folder.is_dir()]
            there = [path.name for folder in outer for path in folder.iterdir() if path not in own]
            meant = near(Path(inner).name, there)
            perhaps = f"; did you mean {meant!r}?" if meant else ""
            problems.append(Problem(name, "files", f"there is no file {pattern!r} in {space.folder}{perhaps}"))
        seen.update(found)
        yield from found


def _archives(space: Workspace, pattern: str, name: str, problems: list[Problem]) -> list[Path]:
    """Return where the files of the archives are that a pattern names; one that is none becomes a problem."""
    folders = []
    for path in sorted(space.folder.glob(pattern)):
        try:
            folders.append(unpacked(space, path.name))
        except (zipfile.BadZipFile, OSError) as error:
            problems.append(Problem(path.name, "", f"it cannot be unpacked: {error}"))
    return folders


def unpacked(space: Workspace, name: str) -> Path:
    """Unpack an archive of the folder into the scratch folder, once; return where its files are."""
    target = space.scratch / f"zip-{Path(name).name}"
    if not target.is_dir():
        with zipfile.ZipFile(space.folder / name) as archive:
            archive.extractall(target)
    return target


def _open(space: Workspace, path: Path, source: SourceFiles, key: str) -> OpenFile:
    form = source.format or FORMATS.get(path.suffix.lower(), "csv")
    if form == "parquet":
        return _typed_file(space, path, f"read_parquet({quoted(str(path))})")
    if form == "jsonl":
        names, rows, is_cut = json_rows(space.connection, path)
        return OpenFile(path.name, path, named_only(names), rows, doubt=MORE_PAGES if is_cut else "")
    sheet: SheetCopy | None = None
    if form == "sheet":
        sheet = copied_sheet(path, source.sheet, space.scratch / f"{key}.csv")
        text = sheet.path
        source = source.model_copy(update={"delimiter": ","})
    else:
        encoding = source.encoding or encoding_of(path)
        text = path if encoding.lower() in ("utf-8", "utf8") else copied_text(path, encoding, space.scratch / key)
    if form == "list":
        return _list(space, path, text, source)
    head = read_head(text, source)
    if not has_one_line_end(text):
        text = copied_records(text, head.delimiter, space.scratch / f"{key}.records")
        head = read_head(text, source)
    rejects = f"rejected_{re.sub(r'[^a-z0-9]', '_', key.lower())}"
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(head.headings)))
    relation = (
        f"read_csv({quoted(str(text))}, auto_detect=false, header=false, skip={head.above}, "
        f"columns={{{columns}}}, "
        f"delim={quoted(head.delimiter)}, quote='\"', escape='\"', nullstr='', store_rejects=true, "
        f"rejects_table='{rejects}', rejects_scan='{rejects}_scan', "
        f"max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE})"
    )
    doubt = sheet.doubt(source.sheet, head.headings) if sheet else ""
    return OpenFile(path.name, path, head, relation, rejects, source.footer, doubt, text)


def _list(space: Workspace, path: Path, text: Path, source: SourceFiles) -> OpenFile:
    """Read a list with `|` between columns: cut where the heading has its bars, since a text may hold one too."""
    with text.open(encoding="utf-8-sig", newline="") as file:
        lines = [line.rstrip("\r\n") for line in islice(file, TITLES)]
    numbers = [
        place
        for place, line in enumerate(lines)
        if line.startswith("|") and re.search(r"\w", line) and _names_all(line.split("|"), source.header_with)
    ]
    if not numbers:
        raise ValueError("no line begins with '|' and holds the headings: it is no list")
    heading = lines[numbers[0]]
    bars = [place for place, sign in enumerate(heading) if sign == "|"]
    spans = list(pairwise(bars))
    _check_bars(space, text, bars, numbers[0] + 1)
    plain = re.sub(r"\s+", " ", heading)
    headings = tuple(heading[start + 1 : end].strip() for start, end in spans)
    cut = ", ".join(
        f"nullif(trim(line[{start + 2}:{end}]), '') AS c{place}" for place, (start, end) in enumerate(spans)
    )
    relation = (
        f"(SELECT {cut} FROM read_csv({quoted(str(text))}, auto_detect=false, header=false, "
        f"columns={{'line': 'VARCHAR'}}, delim={quoted(NEVER)}, quote='', escape='', strict_mode=false) "
        f"WHERE starts_with(line, '|') AND NOT starts_with(line, '|-') "
        f"AND regexp_replace(line, '\\s+', ' ', 'g') <> {quoted(plain)})"
    )
    return OpenFile(path.name, path, Head(headings, {}, {}, ((heading,),), "|"), relation, footer=source.footer)


def _check_bars(space: Workspace, text: Path, bars: Sequence[int], heading: int) -> None:
    """Raise for rows whose bars do not stand under those of the heading: their cells would be cut in the middle.

    Sums, whose first cell holds asterisks, may leave cells out.
    """
    astray = " OR ".join(f"line[{place + 1}] IS DISTINCT FROM '|'" for place in bars)
    found = space.connection.execute(
        f"SELECT n, count(*) OVER () FROM (SELECT row_number() OVER () AS n, line FROM read_csv({quoted(str(text))}, "
        f"auto_detect=false, header=false, columns={{'line': 'VARCHAR'}}, delim={quoted(NEVER)}, quote='', escape='', "
        f"strict_mode=false)) WHERE n > {heading} AND starts_with(line, '|') AND NOT starts_with(line, '|-') "
        f"AND NOT regexp_matches(line, '^\\|[ |]*\\*') AND ({astray}) ORDER BY n LIMIT {MOST_LINES}"
    ).fetchall()
    if found:
        lines = ", ".join(str(line) for line, _ in found)
        raise ValueError(
            f"line {lines}: the bars do not stand under those of the heading in line {heading} ({found[0][1]} rows)"
        )


def _names_all(cells: Sequence[str], wanted: Sequence[Sequence[str]]) -> bool:
    headings = {cell.strip().lower() for cell in cells}
    return all(any(name.strip().lower() in headings for name in names) for names in wanted)


def _typed_file(space: Workspace, path: Path, rows: str) -> OpenFile:
    names = [row[0] for row in space.connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
    cast = ", ".join(f"nullif(CAST(\"{each}\" AS VARCHAR), '') AS c{i}" for i, each in enumerate(names))
    return OpenFile(path.name, path, named_only(names), f"(SELECT {cast} FROM {rows})")


def _open_table(space: Workspace, source: SourceFiles) -> OpenFile:
    database, table = str(source.database), str(source.table)
    if database.startswith(DUCKDB):
        path, rows = duckdb_table(space.connection, database, space.folder, table)
        return replace(_typed_file(space, path, rows), name=f"{database} {table}")
    copy = space.scratch / f"{uuid4().hex}.csv"
    names, rows = space.databases.copied(database, table, copy)
    texts = ", ".join(f"nullif(c{place}, '') AS c{place}" for place in range(len(names)))
    return OpenFile(table, copy, named_only(names), f"(SELECT {texts} FROM {rows})")
