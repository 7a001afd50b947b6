"""Where the service may listen: on loopback as long as there are no API keys, and on a port that nobody else has."""

from __future__ import annotations

import os
import socket

from features.errors import ChurnRiskError, InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PortTaken(ChurnRiskError):
    """Another process listens on the port already."""


def demand_loopback(host: str) -> None:
    """Refuse an address that other machines can reach."""
    if host not in LOOPBACK:
        raise InputError(
            f"--host {host}: without API keys the service listens on loopback only ({', '.join(LOOPBACK)})"
        )


def demand_free_port(host: str, port: int) -> None:
    """Raise PortTaken when nothing can listen on the port; said before a model is loaded and a server started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno or 0)}): choose another --port"
        ) from error
