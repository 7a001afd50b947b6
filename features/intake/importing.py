"""The whole import: a mapping file and a folder of exports become a book, all or nothing, with a report.

In: the path of a mapping. Out: the contract's tables as Parquet with `book.toml` beside them, and an `ImportReport`.
Everything is made in a scratch folder beside the book and moved into place once it keeps the contract.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.errors import InputError, InvalidTables, Problem
from features.intake.asking.unread import unread_files
from features.intake.crosswalk import Pair, confirm_from, link_table, propose, read_links, write_crosswalk
from features.intake.crosswalk_report import crosswalk_warnings, lost_tables
from features.intake.emptied import emptied_tables
from features.intake.files.one_client import different_clients
from features.intake.files.reading import OpenFile, Workspace, open_files
from features.intake.files.workspace import connection_in
from features.intake.import_doubts import import_doubts
from features.intake.import_report import ImportReport, collect_report
from features.intake.language.mapping_file import open_mapping, parts_of, read_mapping
from features.intake.language.mapping_model import Mapping, Part
from features.intake.language.refusals import dotted
from features.intake.language.typed_sql import quoted
from features.intake.made_book import book_in_memory, check_book, columns_of_book, with_way
from features.intake.records.derived import convert_currencies, make_loops, mixed_currencies, tell_currencies
from features.intake.records.joined import Joining
from features.intake.records.parts_sql import run_part
from features.intake.records.shared_numbers import shared_numbers
from features.intake.records.stored_part import StoredPart
from features.intake.remembered import digest, remember
from features.intake.repeated_keys import broken_records, with_places
from features.tables import TABLES

#: How the files are written: by a seventh quicker than zstd's own level with filters for single keys, and 8 % larger.
WRITTEN = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, WRITE_BLOOM_FILTER false"
Step = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Imported:
    """A book that was made.

    Attributes
    ----------
    out : Path
        Its folder.
    report : ImportReport
    """

    out: Path
    report: ImportReport


def import_book(
    path: Path,
    out: Path,
    folder: Path | None = None,
    partial: bool = False,
    change_share: float = 0.05,
    step: Step | None = None,
) -> Imported:
    """Make a book as a mapping says.

    Parameters
    ----------
    path : Path
        The mapping file.
    out : Path
        The folder of the book. Its tables are replaced, and files of tables that are no longer made are removed.
    folder : Path, optional
        The folder of the exports, in place of the one that the mapping names.
    partial : bool
        Whether tables may be written that make no whole book, without accounts or invoices.
    change_share : float
        From which change of a month's records or revenue on it is warned of.
    step : callable, optional
        Called with what is being done, how many steps are done and how many there are.

    Raises
    ------
    InvalidTables
        With every problem of mapping, files, values and tables; nothing has been written.
    SourceGone
        When the server of a database goes away; nothing has been written.
    """
    mapping, problems = open_mapping(path)
    exports = folder or (path.parent / mapping.folder)
    if not exports.is_dir():
        raise InputError(f"{exports}: there is no such folder of exports")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=out.parent) as scratch:
        space = Workspace(connection_in(Path(scratch)), Path(scratch), exports)
        pool = ThreadPoolExecutor(2)
        try:
            return _import(space, pool, mapping, problems, path, out, partial, change_share, step or (lambda *_: None))
        finally:
            pool.shutdown(cancel_futures=True)
            space.databases.close()
            space.connection.close()


def confirm_pairs(path: Path, least: int) -> tuple[Path, int, int]:
    """Confirm the sure pairs in the crosswalk of a mapping; return its path, how many, and how many are left to people.

    Raises
    ------
    InvalidTables
        When mapping or crosswalk cannot be read.
    """
    crosswalk = path.parent / read_mapping(path).book.crosswalk
    return crosswalk, *confirm_from(crosswalk, least)


def _import(
    space: Workspace,
    pool: Executor,
    mapping: Mapping,
    unsound: Sequence[Problem],
    path: Path,
    out: Path,
    partial: bool,
    share: float,
    step: Step,
) -> Imported:
    crosswalk = path.parent / mapping.book.crosswalk
    links, torn = read_links(crosswalk)
    problems = [*unsound, *torn]
    parts = _run(space, mapping, problems, step)
    digests = {file: pool.submit(digest, file) for file in {file.path for part in parts for file in part.files}}
    joining = Joining(space.connection, mapping, parts)
    emptied = emptied_tables(space.connection, parts)
    joining.follow_merges()
    link_table(space.connection, links)
    if not partial:
        problems += [problem for problem in emptied if problem.table == "invoices"]
    if problems:
        raise InvalidTables([*problems, *_beside(joining, mapping, crosswalk, problems)])
    proposed = _proposals(space, mapping, parts, links)
    joining.link_accounts()
    if problems := convert_currencies(space.connection, mapping, parts):
        raise InvalidTables(problems)
    names = joining.make_tables()
    if not partial and (problems := _lost(joining, crosswalk, names)):
        if any(crosswalk.name in problem.rule for problem in problems):
            _write_pairs(crosswalk, links, proposed)
        raise InvalidTables(problems)
    if mapping.derived.loops is not None and "surveys" in names:
        make_loops(space.connection, mapping.derived.loops, parts)
        names = [*names, "loops"]
    made = space.scratch / "book"
    made.mkdir()
    # Checked while it is written: neither keeps both processors busy all the time, and nothing is in its place yet.
    ordered, mixed = joining.ordered(), mixed_currencies(space.connection, parts, names)
    book = book_in_memory(space.connection, mapping.known, names, ordered)
    checking = pool.submit(check_book, book, partial, mixed)
    for place, name in enumerate(names):
        step(f"writing {name}", place, len(names))
        _write(space.connection, name, made / f"{name}.parquet", name in ordered)
    memory = remember(space.connection, path, mapping, parts, names, out, digests)
    (made / "book.toml").write_text(memory.text, encoding="utf-8")
    lost = crosswalk_warnings(space.connection, parts, crosswalk, names)
    doubts = import_doubts(space.connection, mapping, parts, names)
    unread = unread_files(space, mapping, (path, crosswalk))
    loud = [str(each) for each in unread if each.preset is not None]
    try:
        checked = checking.result()
    except InvalidTables as error:
        raise InvalidTables(with_places(space.connection, parts, error.problems)) from error
    warnings = (*map(str, emptied), *loud, *doubts, *lost, *memory.warnings(share), *checked)
    report = collect_report(space.connection, mapping, parts, memory, warnings, proposed or (), crosswalk, unread)
    _write_pairs(crosswalk, links, proposed)
    _move(made, out)
    return Imported(out, report)


def _run(space: Workspace, mapping: Mapping, problems: list[Problem], step: Step) -> list[StoredPart]:
    """Run every part and return those that ran well; what is wrong in files and values is added to the problems."""
    opened: dict[str, list[OpenFile]] = {}
    parts, stored_parts, todo = [], [], list(parts_of(mapping))
    numbers: dict[str, int] = {}
    earlier: dict[str, list[str]] = {}
    unsound, spoilt = tuple(problem.column for problem in problems), set[str]()
    for place, (table, told, part) in enumerate(todo):
        step(f"reading {part.source}", place, len(todo))
        if part.source not in mapping.sources:
            continue
        if part.source not in opened:
            opened[part.source] = open_files(space, part.source, mapping.sources[part.source], problems)
        numbers[table] = numbers.get(table, -1) + 1
        told_wrong = any(each.startswith(f"{dotted(told)}.") for each in unsound)
        is_sound = not told_wrong and not _looks_into(part, spoilt)
        stored, wrong = run_part(space, table, numbers[table], part, opened[part.source], earlier, is_sound)
        earlier.setdefault(table, []).append(stored.stored)
        stored_parts += [stored] if stored.is_stored else []
        if opened[part.source] and is_sound and not wrong and table in TABLES:
            wrong = tell_currencies(space.connection, stored)
        problems += [problem for problem in dict.fromkeys(wrong) if problem not in problems]
        if opened[part.source] and is_sound and not wrong:
            parts.append(stored)
        else:
            spoilt.add(table)
    if problems and not mapping.rates:
        problems += map(with_way, mixed_currencies(space.connection, stored_parts, [*TABLES]))
    systems = {part.source: part.system for _, _, part in todo}
    apart = different_clients(mapping.sources, systems, opened)
    for doubt, is_merged in shared_numbers(space.connection, apart, stored_parts):
        (problems if is_merged or not parts else parts[0].doubts).append(doubt)
    return parts


def _looks_into(part: Part, tables: Collection[str]) -> bool:
    """Return whether a part looks accounts up in one of some tables."""
    told = part.model_dump_json(exclude_none=True)
    return any(f'"lookup":"{table}"' in told for table in tables)


def _lost(joining: Joining, crosswalk: Path, names: Sequence[str]) -> list[Problem]:
    """Return why a required table has no rows left once all is joined: for lack of pairs, or of customers."""
    problems = lost_tables(joining.connection, joining.parts, crosswalk, names)
    accounts = [part for part in joining.parts if part.table == "accounts"]
    emptied = emptied_tables(joining.connection, accounts) if "accounts" not in names else []
    return [*emptied, *(each for each in problems if not emptied or each.table != "accounts")]


def _beside(joining: Joining, mapping: Mapping, crosswalk: Path, known: Sequence[Problem]) -> list[Problem]:
    """Return what the crosswalk lacks, else what breaks the contract, as far as it can be told by now."""
    ran = [part.part for part in joining.parts]
    failed = {table for table, _, part in parts_of(mapping) if not any(part is each for each in ran)}
    if {"accounts", "invoices"} & failed or any(problem.table in ("invoices", crosswalk.name) for problem in known):
        return []
    joining.link_accounts()
    lost = [table for table in ("accounts", "invoices") if joining.is_lost(table)]
    # Accounts without a pair are made of invoices.
    made = [table for table in TABLES if table not in lost or (table == "accounts" and "invoices" not in lost)]
    if lacking := lost_tables(joining.connection, joining.parts, crosswalk, made):
        return lacking
    names = [name for name in joining.make_tables() if name not in failed]
    return [each for each in broken_records(joining, mapping, names) if each not in known]


def _proposals(space: Workspace, mapping: Mapping, parts: list[StoredPart], pairs: list[Pair]) -> list[Pair] | None:
    """Return new proposals for the crosswalk; None where all ids are the master's, so that none is needed."""
    master = mapping.book.master
    if master is None or all(part.part.system in (None, master) for part in parts):
        return None
    return propose(space.connection, master, parts, pairs)


def _write_pairs(crosswalk: Path, pairs: list[Pair], proposals: list[Pair] | None) -> None:
    """Write proposals into the crosswalk, beside what a person said.

    Only an import that succeeds, or that lacks nothing but pairs, may do so: one that fails writes nothing.
    """
    if proposals is None or (pairs and not proposals):
        return
    again = {(pair.system, pair.id, pair.account_id) for pair in proposals}
    kept = [pair for pair in pairs if pair.confirmed or (pair.system, pair.id, pair.account_id) not in again]
    write_crosswalk(crosswalk, [*kept, *proposals])


def _write(connection: duckdb.DuckDBPyConnection, name: str, target: Path, is_ordered: bool) -> None:
    columns = columns_of_book(connection, name)
    listed = ", ".join(f'"{column}"' for column in columns)
    # In the order of the key: the same exports give the same bytes.
    key = [column for column in TABLES[name].key if column in columns]
    rows = f"SELECT {listed} FROM book_{name}" + ("" if is_ordered else f" ORDER BY {', '.join(key) or 'ALL'}")
    connection.execute(f"COPY ({rows}) TO {quoted(str(target))} ({WRITTEN})")


def _move(made: Path, out: Path) -> None:
    """Put the files in the place of those that an import wrote before; other files stay."""
    out.mkdir(parents=True, exist_ok=True)
    new = sorted(path.name for path in made.iterdir())
    for name in new:
        shutil.move(made / name, out / f".{name}.new")
    for name in TABLES:
        for path in (out / f"{name}.parquet", out / f"{name}.csv"):
            path.unlink(missing_ok=True)
    for name in new:
        (out / f".{name}.new").replace(out / name)
