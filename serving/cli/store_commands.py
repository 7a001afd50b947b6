"""The commands `store ...`: migrate the tables, remove runs that are no longer needed, forget an account.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from features.console import JsonOption, emit, say

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from serving.store import ScoreStore

MOST_DAYS = 36_500


def migrate(as_json: JsonOption = False) -> None:
    """Bring the database's tables up to date; every command that opens it does so too."""
    from serving.database.engine import connect, open_database
    from serving.settings import ServiceSettings

    url = ServiceSettings().scores_url
    before = _revision(connect(url))
    after = _revision(open_database(url))
    if as_json:
        emit({"before": before, "revision": after})
    elif before == after:
        say(f"the database stands at migration {after} already")
    else:
        say(f"the database stands at migration {after} now, {before or 'empty'} before")


def purge(
    keep_days: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_DAYS, help="Remove runs that were scored longer ago too, but not the newest."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Remove scoring runs that were replaced (a day ago by default) or abandoned, and with --keep-days old ones."""
    with _opened() as store:
        removed = store.purge(None if keep_days is None else timedelta(days=keep_days))
    if as_json:
        emit(asdict(removed))
    else:
        say(
            f"scoring runs removed: {removed.old:,} old, {removed.replaced:,} replaced, {removed.abandoned:,} abandoned"
        )


def forget(
    account_id: Annotated[str, typer.Argument(help="The account.", metavar="ACCOUNT_ID")], as_json: JsonOption = False
) -> None:
    """Remove everything that is kept of an account (privacy request); remove it from the source first."""
    from serving.database.engine import open_database
    from serving.run.forgetting import forget as forget_account
    from serving.settings import ServiceSettings

    engine = open_database(ServiceSettings().scores_url)
    try:
        forgotten = forget_account(engine, account_id)
    finally:
        engine.dispose()
    if as_json:
        emit({"account_id": account_id, "removed": forgotten.removed, "log_emptied": forgotten.log_emptied})
    elif any(forgotten.removed.values()):
        counted = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in forgotten.removed.items() if count)
        say(f"account {account_id} is forgotten: {counted} removed")
    else:
        say(f"nothing was kept of account {account_id}")
    if not forgotten.log_emptied:
        say("the database's log, which somebody reads, still holds what was removed: run this command again")
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the root command, under `store`."""
    store = typer.Typer(name="store", help="The database of scores, jobs and events.", no_args_is_help=True)
    for command in (migrate, purge, forget):
        store.command()(command)
    app.add_typer(store)


def _revision(engine: Engine) -> str | None:
    from serving.database.engine import reading
    from serving.database.migrate import current

    with reading(engine) as connection:
        revision = current(connection)
    engine.dispose()
    return revision


@contextmanager
def _opened() -> Iterator[ScoreStore]:
    from serving.settings import ServiceSettings
    from serving.store import ScoreStore

    settings = ServiceSettings()
    store = ScoreStore(settings.scores_url, keep_replaced=timedelta(hours=settings.replaced_hours))
    try:
        yield store
    finally:
        store.close()
