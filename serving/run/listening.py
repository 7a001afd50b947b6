"""Where the service may listen: only on loopback while callers need no credential, and only on a free port.

Addresses go in; an exception comes out if the service must not listen on them. `churn-risk serve` checks before it
starts anything. BentoML starts a Bento: the address is read from its command line before it starts its workers. There
are other ways to set the address, so each worker also checks the socket that it was given (`--fd`) and refuses to start
on a forbidden one.
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
    """Raise TooOpen for addresses that other machines can reach while callers need no credential.

    Parameters
    ----------
    addresses : iterable of str
        Names or numbers of the addresses that the service listens on.
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
    """Return the address of the running BentoML command's option `--host`; empty if the option is absent."""
    host = _asked("host")
    return [host] if isinstance(host, str) else []


def asked_port() -> int | None:
    """Return the running BentoML command's option `--port`; None if the option is absent."""
    port = _asked("port")
    return port if isinstance(port, int) else None


def _asked(option: str) -> object:
    context = click.get_current_context(silent=True)
    return None if context is None else context.params.get(option)


def bound_addresses(arguments: Sequence[str] | None = None) -> list[str]:
    """Return the addresses of the sockets that BentoML gave this process; empty if it is not a worker of BentoML.

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
    """Raise PortTaken if the port is not free; called before a model is loaded and a server starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno or 0)}): choose another --port"
        ) from error
