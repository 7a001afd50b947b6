"""The command `digest`: each account manager's accounts to call, by e-mail or as files.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from features.console import JsonOption, emit, say
from features.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from serving.digest.managers_file import Managers
    from serving.digest.rounds import AllMade, Sent
    from serving.settings import ServiceSettings


def digest(
    account_manager: Annotated[str | None, typer.Option(help="Only this account manager's.", metavar="NAME")] = None,
    lang: Annotated[
        Literal["de", "en"], typer.Option(help="Language of readers for whom the managers' file has none.")
    ] = "en",
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Write files here and send nothing: HTML and text.", metavar="DIR"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send even what was sent this week, or may have been.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send each account manager, once a week, whom to call, what changed and what is due.

    Who has nothing to read gets nothing. Run it daily: what could not be sent is tried again.
    """
    from serving.clock import utc_now
    from serving.database.engine import open_database
    from serving.digest.managers_file import Managers, read_managers
    from serving.digest.rounds import make_all
    from serving.settings import ServiceSettings

    settings = ServiceSettings()
    if settings.managers is None and out is None:
        raise InputError(
            "set CHURN_RISK_MANAGERS to a file with the account managers' addresses, or write files with --out DIR"
        )
    if again and out is not None:
        raise InputError("--again sends again; with --out nothing is sent")
    managers = Managers({}) if settings.managers is None else read_managers(settings.managers, settings.webhook_private)
    engine = open_database(settings.scores_url)
    try:
        made = make_all(engine, settings, managers, account_manager, lang, utc_now())
        if out is None:
            _send(engine, settings, managers, made, again, as_json)
        else:
            _write(made, out, as_json)
    finally:
        engine.dispose()


def _write(made: AllMade, out: Path, as_json: bool) -> None:
    from serving.digest.digest_files import write_all

    files = write_all(made, out)
    if as_json:
        emit(_about(made) | {"out": str(out), "files": {name: list(names) for name, names in files.items()}})
    else:
        _tell_nothing(made)
        say(f"digests of {len(files):,} account managers for {made.period} in {out}")


def _send(
    engine: Engine, settings: ServiceSettings, managers: Managers, made: AllMade, again: bool, as_json: bool
) -> None:
    from serving.clock import utc_now
    from serving.digest.rounds import Postman

    done = Postman(engine, settings, managers, utc_now).send(made, again)
    if as_json:
        emit(_about(made) | _summary(done))
    else:
        _tell_nothing(made)
        _tell(made, done)
    if done.not_sent or done.uncertain:
        raise typer.Exit(1)


def _about(made: AllMade) -> dict[str, Any]:
    return {"period": made.period, "nothing": list(made.nothing), "accounts_without_manager": made.unmanaged}


def _summary(done: Sent) -> dict[str, Any]:
    troubled = {"not_sent": done.not_sent, "uncertain": done.uncertain}
    return {
        "sent": [{"account_manager": name, "channel": channel} for name, channel in done.sent],
        "already_sent": [{"account_manager": name, "channel": channel} for name, channel in done.already],
    } | {
        key: [{"account_manager": name, "channel": channel, "why": why} for name, channel, why in entries]
        for key, entries in troubled.items()
    }


def _tell_nothing(made: AllMade) -> None:
    if made.nothing:
        say(f"nothing to tell, so no digest: {', '.join(made.nothing)}")
    if made.unmanaged:
        say(f"in no digest: {made.unmanaged:,} accounts without an account manager")


def _tell(made: AllMade, done: Sent) -> None:
    for name, channel in done.already:
        say(f"sent to {name} by {channel} in {made.period} already; --again sends it again")
    for name, by, why in done.uncertain:
        say(f"may have been sent to {name} by {by}: {why}; ask, and send it with --again if it is not there")
    for name, by, why in done.not_sent:
        say(f"not sent to {name}{f' by {by}' if by else ''}: {why}")
    say(f"digests sent for {made.period}: {len(done.sent):,}")


def add_to(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command()(digest)
