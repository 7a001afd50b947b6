"""The commands on API keys: `keys create`, `keys list`, `keys revoke`, `keys rotate`.

A new key is printed once, alone on standard output; all other text goes to standard error. A command imports what it
needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from features.console import DATE_OPTION, JsonOption, emit, put, say, table
from serving.access.principal import SCOPES

if TYPE_CHECKING:
    from serving.access.keys import ApiKey, KeyStore

OVERLAP_DAYS = 7
IdArgument = Annotated[str, typer.Argument(help="The key's id, the part between crk_ and the secret.", metavar="ID")]


def create(
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}; may be given again.", metavar="SCOPE")
    ],
    account_manager: Annotated[
        list[str] | None,
        typer.Option(help="Sees the accounts of this account manager only; may be given again.", metavar="NAME"),
    ] = None,
    expires: Annotated[
        date | None, typer.Option(**DATE_OPTION, help="The first day (UTC) on which it is refused.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is for.", metavar="LABEL")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key; it is shown this once."""
    ends = None if expires is None else datetime.combine(expires, time(), UTC)
    with _keys() as keys:
        warn_of_strangers(account_manager or ())
        _tell(*keys.create(scope, account_manager or None, ends, name), keys, as_json)


def warn_of_strangers(account_managers: Sequence[str]) -> None:
    """Say of whom no account of the newest scores is: a key would show, a webhook send nothing of them."""
    if not account_managers:
        return
    from difflib import get_close_matches

    from serving.store import ScoreStore
    from training.settings import Environment

    store = ScoreStore(Environment().scores_url)
    known = store.account_managers()
    store.close()
    for name in account_managers:
        if known and name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            say(f"warning: no account of the newest scores has the account manager {name!r}{meant}")


def list_keys(as_json: JsonOption = False) -> None:
    """List every key that was ever made, without its secret."""
    with _keys() as keys:
        rows = [key.as_dict(keys.now()) for key in keys.list()]
    if as_json:
        emit({"keys": rows})
        return
    header = ["id", "name", "scopes", "account manager", "made", "ends", "last used", "state"]
    names = ("id", "name", "scopes", "account_manager", "created_at", "expires_at", "last_used_on", "state")
    table("API keys", header, [[_text(name, key[name]) for name in names] for key in rows])


def revoke(identifier: IdArgument, as_json: JsonOption = False) -> None:
    """End a key for good; running services refuse it within a second."""
    with _keys() as keys:
        key = keys.revoke(identifier).as_dict(keys.now())
    if as_json:
        emit(key)
    else:
        say(f"key {identifier} is revoked; links made with it are dead too")


def rotate(
    identifier: IdArgument,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=365, help="Days for which the old secret is still good.")
    ] = OVERLAP_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Give a key a new secret with the same rights; the old one goes on for a while."""
    with _keys() as keys:
        _tell(*keys.rotate(identifier, timedelta(days=overlap_days)), keys, as_json)
        if not as_json:
            say(f"the old secret is good for {overlap_days} more days")


@contextmanager
def _keys() -> Iterator[KeyStore]:
    from serving.access.keys import KeyStore
    from serving.database.engine import open_database
    from training.settings import Environment

    engine = open_database(Environment().scores_url)
    try:
        yield KeyStore(engine)
    finally:
        engine.dispose()


def _tell(key: ApiKey, token: str, keys: KeyStore, as_json: bool) -> None:
    if as_json:
        emit(key.as_dict(keys.now()) | {"key": token})
        return
    put(token)
    ends = "does not expire" if key.expires_at is None else f"is refused from {key.expires_at:%Y-%m-%d} (UTC) on"
    named = key.principal.reader
    whose = "all accounts" if named is None else f"the accounts of {named}"
    say(f"key {key.id} may {', '.join(sorted(key.scopes))}, sees {whose} and {ends}; it is shown this once: keep it")


def _text(name: str, value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    told = "" if value is None else str(value)
    return told[:19] if name.endswith("_at") else told


def add_to(app: typer.Typer) -> None:
    """Add these commands to the root command, under `keys`."""
    keys = typer.Typer(help="API keys: who may call the service.", no_args_is_help=True)
    for name, command in (("create", create), ("list", list_keys), ("revoke", revoke), ("rotate", rotate)):
        keys.command(name)(command)
    app.add_typer(keys, name="keys")
