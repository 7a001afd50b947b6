"""Where the service may listen: on this machine only while nobody needs a credential, and on a port that is free.

`churn-risk serve` asks before it starts anything. A Bento is started by BentoML: its command is asked where it is to
listen before it starts its workers; and as there are other ways to say so, each worker looks at the socket that it was
given (`--fd`) and refuses to start.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

import click

from serving.errors import PortTaken, TooOpen
from serving.networks import is_loopback


def demand_closed(addresses: Iterable[str], has_credentials: bool) -> None:
    """Raise TooOpen for addresses that other machines can reach while nobody needs a credential.

    Parameters
    ----------
    addresses : iterable of str
        Names or numbers of what is listened on.
    has_credentials : bool
        See `serving.access.gate.has_credentials`.
    """
    reachable = [address for address in addresses if not is_loopback(address)]
    if reachable and not has_credentials:
        raise TooOpen(
            f"refused to listen on {', '.join(reachable)}: without API keys the service listens on loopback only "
            "(127.0.0.1, localhost, ::1). Make a key with `churn-risk keys create --scope read --scope score`, "
            "or set CHURN_RISK_OIDC_ISSUER and CHURN_RISK_OIDC_AUDIENCE"
        )


def asked_addresses() -> list[str]:
    """Return where the command of BentoML that runs was asked to listen (`--host`); empty where it was not said."""
    context = click.get_current_context(silent=True)
    host = context.params.get("host") if context is not None else None
    return [host] if isinstance(host, str) else []


def bound_addresses(arguments: Sequence[str] | None = None) -> list[str]:
    """Return the addresses that this process was given to listen on; empty where it is no worker of BentoML.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words of the command line; None: this process's.
    """
    words = sys.argv if arguments is None else arguments
    numbers = [after for word, after in pairwise(words) if word == "--fd"]
    numbers += [word.removeprefix("--fd=") for word in words if word.startswith("--fd=")]
    addresses = []
    for number in numbers:
        with socket.socket(fileno=os.dup(int(number))) as copy:
            if copy.family in (socket.AF_INET, socket.AF_INET6):
                addresses.append(str(copy.getsockname()[0]))
    return addresses


def demand_free_port(host: str, port: int) -> None:
    """Raise PortTaken when nothing can listen on the port; said before a model is loaded and a server started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno or 0)}): choose another --port"
        ) from error
