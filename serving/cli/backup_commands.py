"""The commands `store backup`, `store restore` and `store audit`: copies of the database, and who read which account.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.console import DATE_OPTION, JsonOption, emit, say, table

if TYPE_CHECKING:
    from serving.run.backup import Copied

FileArgument = Annotated[Path, typer.Argument(help="The backup, one file.", dir_okay=False, metavar="FILE")]
LISTED = 1000


def backup(file: FileArgument, as_json: JsonOption = False) -> None:
    """Write all of the database into one file, while the service runs."""
    from serving.run.backup import back_up
    from serving.settings import ServiceSettings

    _tell(back_up(ServiceSettings().scores_url, file), file, f"backup in {file}", as_json)


def restore(file: FileArgument, as_json: JsonOption = False) -> None:
    """Replace all of the database by a backup; what was forgotten or revoked since is back."""
    from serving.run.backup import restore as put_back
    from serving.settings import ServiceSettings

    _tell(put_back(ServiceSettings().scores_url, file), file, f"the database holds {file} again", as_json)
    if not as_json:
        say("forget accounts and contacts, and revoke keys, again if that was done after this backup")


def audit(
    account: Annotated[str | None, typer.Option(help="Only who read this account.", metavar="ID")] = None,
    by: Annotated[str | None, typer.Option(help="Only this reader, such as key:ID.", metavar="READER")] = None,
    since: Annotated[date | None, typer.Option(**DATE_OPTION, help="Only from this day (UTC) on.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most lines, the newest.")] = LISTED,
    as_json: JsonOption = False,
) -> None:
    """List who read which account, newest first."""
    from serving.access.reads import list_reads
    from serving.database.engine import open_database, reading
    from serving.settings import ServiceSettings

    begins = None if since is None else datetime.combine(since, time(), UTC)
    engine = open_database(ServiceSettings().scores_url)
    try:
        with reading(engine) as connection:
            found = list_reads(connection, account, by, begins, limit + 1)
    finally:
        engine.dispose()
    reads = [row | {"at": row["at"].isoformat()} for row in found[:limit]]
    if as_json:
        emit({"reads": reads, "more": len(found) > limit})
        return
    header = ["when (UTC)", "reader", "what", "route", "account", "request"]
    table("Who read which account", header, [_line(row) for row in reads])
    if len(found) > limit:
        say(f"only the newest {limit:,} lines; --limit shows more")


def _line(row: dict[str, Any]) -> list[str]:
    account = "(forgotten)" if row["account_id"] is None else row["account_id"]
    return [row["at"][:19], row["principal"], row["what"], row["route"], account, row["request_id"]]


def _tell(copied: Copied, file: Path, message: str, as_json: bool) -> None:
    if as_json:
        emit({"file": str(file), "revision": copied.revision, "rows": copied.rows})
    else:
        counted = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in copied.rows.items() if count)
        say(f"{message}: migration {copied.revision}, {counted or 'no rows'}")
