"""The commands `webhooks ...`: endpoints that receive events about accounts, their secrets, and their deliveries.

A signing secret is printed once, alone on standard output, as a key is; all other text goes to standard error. A
command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import uuid4

import typer

from features.console import JsonOption, emit, put, say, table
from features.errors import InputError
from serving.cli.key_commands import warn_of_strangers
from serving.clock import utc_now
from serving.errors import NotDelivered
from serving.webhooks.changes import SUBSCRIBED, TYPES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from serving.settings import ServiceSettings
    from serving.webhooks.endpoints import Endpoint

IdArgument = Annotated[str, typer.Argument(help="The endpoint's id.", metavar="ID")]

Changed = TypeVar("Changed")


def add(
    url: Annotated[str, typer.Argument(help="Address to send to.", metavar="URL")],
    event: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this type; may come again: {', '.join(SUBSCRIBED)}.", metavar="TYPE"),
    ] = None,
    account_manager: Annotated[str | None, typer.Option(help="Only accounts of this account manager.")] = None,
    style: Annotated[Literal["standard", "slack"], typer.Option("--format", help="Form of a message.")] = "standard",
    lang: Annotated[Literal["de", "en"], typer.Option(help="Language of reasons and messages.")] = "en",
    signature: Annotated[Literal["standard", "hubspot-v3"], typer.Option(help="How it is signed.")] = "standard",
    as_json: JsonOption = False,
) -> None:
    """Send events to an address from now on; shows the signing secret, this once."""
    from serving.database.engine import writing
    from serving.webhooks.delivery.signatures import demand_secret_of
    from serving.webhooks.destinations import checked_url
    from serving.webhooks.endpoints import add_endpoint, new_endpoint

    with _opened() as (engine, settings):
        checked = checked_url(url, settings.webhook_private)
        endpoint = new_endpoint(checked, event or TYPES, utc_now(), account_manager, style, lang, signature)
        demand_secret_of(endpoint, settings)
        warn_of_strangers([] if account_manager is None else [account_manager])
        with writing(engine) as connection:
            add_endpoint(connection, endpoint)
        _show_secret(endpoint, settings, as_json, f"endpoint {endpoint.endpoint_id} added: {endpoint.masked_url}")


def show(as_json: JsonOption = False) -> None:
    """List the endpoints, with how many deliveries are pending or failed; addresses are masked."""
    from serving.database.engine import reading
    from serving.webhooks.deliveries import standing_of
    from serving.webhooks.endpoints import all_endpoints

    with _opened() as (engine, _), reading(engine) as connection:
        rows = [
            _plain(endpoint) | standing_of(connection, endpoint.endpoint_id) for endpoint in all_endpoints(connection)
        ]
    if as_json:
        emit({"endpoints": rows})
        return
    header = ["endpoint", "address", "events", "account manager", "format", "pending", "failed", "last", "state"]
    table("Webhooks", header, [_row(endpoint) for endpoint in rows])


def remove(endpoint_id: IdArgument, as_json: JsonOption = False) -> None:
    """Forget an endpoint and all that was to be delivered to it."""
    from serving.webhooks.endpoints import remove_endpoint

    _change(lambda connection: remove_endpoint(connection, endpoint_id))
    _done({"endpoint_id": endpoint_id, "removed": True}, f"endpoint {endpoint_id} removed", as_json)


def enable(endpoint_id: IdArgument, as_json: JsonOption = False) -> None:
    """Send to an endpoint again that was disabled, because it answered 410 Gone."""
    from serving.webhooks.endpoints import enable_endpoint

    _change(lambda connection: enable_endpoint(connection, endpoint_id))
    hint = f"`churn-risk webhooks redeliver {endpoint_id}` sends what it missed"
    _done({"endpoint_id": endpoint_id, "enabled": True}, f"endpoint {endpoint_id} enabled; {hint}", as_json)


def rotate(endpoint_id: IdArgument, as_json: JsonOption = False) -> None:
    """Give an endpoint a new signing secret; for 24 hours the one before signs too."""
    from serving.database.engine import writing
    from serving.webhooks.delivery.signatures import receiver_secret
    from serving.webhooks.endpoints import rotate_endpoint

    with _opened() as (engine, settings):
        with writing(engine) as connection:
            endpoint = rotate_endpoint(connection, endpoint_id, utc_now())
            if receiver_secret(endpoint, settings) is None:
                raise InputError(f"endpoint {endpoint_id}: its deliveries are not signed with a secret of churn-risk's")
        until = f"until {endpoint.previous_until:%Y-%m-%d %H:%M} UTC the secret before signs too"
        _show_secret(endpoint, settings, as_json, f"endpoint {endpoint_id} has a new secret; {until}")


def test(endpoint_id: IdArgument, as_json: JsonOption = False) -> None:
    """Send a `webhook.ping` to an endpoint now, and show what it answers."""
    from serving.database.engine import reading
    from serving.webhooks.delivery.delivery import ping
    from serving.webhooks.delivery.sending import Sender
    from serving.webhooks.endpoints import endpoint_of

    event_id = f"evt_{uuid4().hex}"
    with _opened() as (engine, settings):
        with reading(engine) as connection:
            endpoint = endpoint_of(connection, endpoint_id)
        answer = ping(
            Sender(settings.webhook_seconds, settings.webhook_private), settings, endpoint, event_id, utc_now()
        )
    result = {"endpoint_id": endpoint_id, "webhook_id": event_id, "status": answer.status, "error": answer.error}
    _done(result | {"answer": answer.text}, f"{answer.status or answer.error} {answer.text}".rstrip(), as_json)
    if not answer.taken:
        raise NotDelivered(f"{endpoint.masked_url} did not take it: {answer.error or answer.status}")


def deliver(as_json: JsonOption = False) -> None:
    """Send everything that is due, once: for a cron job where no service runs."""
    from dataclasses import asdict

    from serving.webhooks.delivery.delivery import DeliveryWorker

    with _opened() as (engine, settings):
        done = DeliveryWorker(engine, settings).run_once()
    counts = {name: count for name, count in asdict(done).items() if name != "problems"}
    _done(asdict(done), ", ".join(f"{count:,} {name}" for name, count in counts.items()), as_json)
    if done.problems:
        raise NotDelivered("; ".join(sorted(set(done.problems))))


def redeliver(
    identifier: Annotated[str, typer.Argument(help="An event, or an endpoint: all it missed.", metavar="ID")],
    as_json: JsonOption = False,
) -> None:
    """Send an event again, or all that an endpoint has not got; the service or `deliver` does it."""
    from serving.webhooks.deliveries import EVENT_PREFIX
    from serving.webhooks.deliveries import redeliver as again
    from serving.webhooks.endpoints import endpoint_of

    def change(connection: Connection) -> tuple[int, datetime | None]:
        count = again(connection, identifier, now)
        is_event = identifier.startswith(EVENT_PREFIX)
        return count, None if is_event else endpoint_of(connection, identifier).paused_until

    now = utc_now()
    count, paused = _change(change)
    said = f"{count:,} {'delivery is' if count == 1 else 'deliveries are'} due again"
    if count:
        said += ": the running service sends what is due, or `churn-risk webhooks deliver`"
    if count and paused is not None and paused > now:
        said += f", from {paused:%Y-%m-%d %H:%M} UTC on, as the receiver asked"
    _done({"id": identifier, "deliveries": count}, said if count else f"{said}: nothing waits or was given up", as_json)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the root command, under `webhooks`."""
    webhooks = typer.Typer(help="Webhooks: who hears of events about accounts.", no_args_is_help=True)
    for command in (add, remove, enable, rotate, test, deliver, redeliver):
        webhooks.command()(command)
    webhooks.command("list")(show)
    app.add_typer(webhooks, name="webhooks")


@contextmanager
def _opened() -> Iterator[tuple[Engine, ServiceSettings]]:
    from serving.database.engine import open_database
    from serving.settings import ServiceSettings

    settings = ServiceSettings()
    engine = open_database(settings.scores_url)
    try:
        yield engine, settings
    finally:
        engine.dispose()


def _change(change: Callable[[Connection], Changed]) -> Changed:
    from serving.database.engine import writing

    with _opened() as (engine, _), writing(engine) as connection:
        return change(connection)


def _done(result: dict[str, Any], message: str, as_json: bool) -> None:
    if as_json:
        emit(result)
    else:
        say(message)


def _show_secret(endpoint: Endpoint, settings: ServiceSettings, as_json: bool, message: str) -> None:
    """Print an endpoint's signing secret, which is None for Slack and for HubSpot's signatures, and what was done."""
    from serving.webhooks.delivery.signatures import receiver_secret

    secret = receiver_secret(endpoint, settings)
    shown = "\nits signing secret is shown this once: keep it" if secret else ""
    _done(_plain(endpoint) | {"secret": secret}, message + shown, as_json)
    if secret and not as_json:
        put(secret)


def _plain(endpoint: Endpoint) -> dict[str, Any]:
    names = ("endpoint_id", "account_manager", "format", "lang", "signature", "disabled_at", "disabled_because")
    shown = {name: getattr(endpoint, name) for name in names}
    return {"url": endpoint.masked_url, "events": list(endpoint.events)} | shown


def _row(row: dict[str, Any]) -> list[str]:
    counts, last = row["deliveries"], row["last_status"] or row["last_error"] or "-"
    who = row["account_manager"] or "all"
    held = f", holds {counts['disabled']:,}" if counts["disabled"] else ""
    state = f"disabled{held}" if row["disabled_at"] else "enabled"
    events = ", ".join(name.removeprefix("account.") for name in row["events"])
    numbers = [str(counts["pending"]), str(counts["failed"]), str(last), state]
    return [row["endpoint_id"], row["url"], events, who, row["format"], *numbers]
