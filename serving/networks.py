"""Facts about a network address: whether it belongs to this machine, and whether requests to it stay secret."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is this machine.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST.", "10.0.0.1", "a.b", "")]
    [True, True, True, True, True, False, False, False]
    """
    name = host.removeprefix("[").removesuffix("]").lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def host_of(authority: str) -> str:
    """Return the host of a `Host` header, without its port; empty when the header holds no valid host.

    Examples
    --------
    >>> [host_of(text) for text in ("localhost:3000", "[::1]:3000", "a@localhost", "a b")]
    ['localhost', '::1', '', '']
    """
    if any(sign in authority for sign in "@/?#\\ "):
        return ""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def is_secure(address: str) -> bool:
    """Whether an address is https, or http on this machine.

    Examples
    --------
    >>> [is_secure(a) for a in ("https://id.example", "http://127.0.0.1:80/x", "http://id.example", "file:///x")]
    [True, True, False, False]
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
