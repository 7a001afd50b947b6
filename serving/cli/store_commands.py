"""The commands `store ...`: migrate the tables, remove what is no longer needed, forget an account or a contact.

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
from serving.cli.acting_commands import actions
from serving.cli.backup_commands import audit, backup, restore

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from serving.run.forgetting import Forgotten
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
    """Remove scoring runs that were replaced (a day ago by default) or abandoned, and with --keep-days old ones.

    Lines of the audit of reads that are older than CHURN_RISK_AUDIT_DAYS go too.
    """
    with _opened() as store:
        removed = store.purge(None if keep_days is None else timedelta(days=keep_days))
        reads = _purge_audit(store.engine)
    if as_json:
        emit(asdict(removed) | {"reads": reads})
    else:
        say(
            f"scoring runs removed: {removed.old:,} old, {removed.replaced:,} replaced, {removed.abandoned:,} "
            f"abandoned; lines of the audit: {reads:,}"
        )


def forget(
    account_id: Annotated[str | None, typer.Argument(help="The account.", metavar="ACCOUNT_ID")] = None,
    contact: Annotated[
        str | None, typer.Option(help="A contact, whose name, e-mail and phone go.", metavar="CONTACT_ID")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Remove everything that is kept of an account or of a contact (privacy request); remove it from the source first.

    The audit of reads keeps its lines about the account, with a digest in the place of its id.
    """
    from serving.database.engine import open_database
    from serving.run import forgetting
    from serving.settings import ServiceSettings

    if (account_id is None) == (contact is None):
        raise typer.BadParameter("name one ACCOUNT_ID, or one contact with --contact")
    engine = open_database(ServiceSettings().scores_url)
    try:
        if account_id is not None:
            forgotten = forgetting.forget(engine, account_id)
        else:
            forgotten = forgetting.forget_contact(engine, str(contact))
    finally:
        engine.dispose()
    _tell_forgotten(forgotten, account_id, contact, as_json)


def _tell_forgotten(forgotten: Forgotten, account_id: str | None, contact: str | None, as_json: bool) -> None:
    whose = f"account {account_id}" if contact is None else f"contact {contact}"
    if as_json:
        named = {"account_id": account_id} if contact is None else {"contact_id": contact}
        emit(named | asdict(forgotten))
    elif any(forgotten.removed.values()):
        counted = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in forgotten.removed.items() if count)
        say(f"{whose} is forgotten; {'removed' if contact is None else 'cleaned or removed'}: {counted}")
    else:
        say(f"nothing was kept of {whose}")
    if forgotten.reads_pseudonymised:
        say(f"{forgotten.reads_pseudonymised:,} lines of the audit of reads have a digest in the place of the id now")
    if not forgotten.log_emptied:
        say("the database's log, which somebody reads, still holds what was removed: run this command again")
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the root command, under `store`."""
    store = typer.Typer(name="store", help="The database of scores, jobs and events.", no_args_is_help=True)
    for command in (migrate, purge, forget, backup, restore, audit, actions):
        store.command()(command)
    app.add_typer(store)


def _revision(engine: Engine) -> str | None:
    from serving.database.engine import reading
    from serving.database.migrate import current

    with reading(engine) as connection:
        revision = current(connection)
    engine.dispose()
    return revision


def _purge_audit(engine: Engine) -> int:
    from serving.access.reads import purge_reads
    from serving.clock import utc_now
    from serving.database.engine import writing
    from serving.settings import ServiceSettings

    with writing(engine) as connection:
        return purge_reads(connection, utc_now() - timedelta(days=ServiceSettings().audit_days))


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
