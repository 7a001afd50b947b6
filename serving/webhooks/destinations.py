"""Which receivers the service may connect to: only public addresses, unless the settings allow private ones.

The check applies to addresses, not to names: the owner of a name can point it anywhere and change that at any moment.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from features.errors import InputError
from serving.errors import AddressRefused

Resolve = Callable[[str, int], list[str]]
URL_LENGTH = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
#: Blocks that Python calls global, but that have no hosts in the internet: protocol assignments, the relays of 6to4,
#: and the documentation block of RFC 9637.
SPECIAL = tuple(ip_network(block) for block in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))


def is_public(address: str) -> bool:
    """Whether an address belongs to a host in the internet.

    For an IPv6 address that carries an IPv4 address, the IPv4 address decides (mapped, NAT64), or the address does not
    count as public (6to4, Teredo).

    Examples
    --------
    >>> is_public("8.8.8.8"), is_public("10.0.0.1"), is_public("169.254.169.254"), is_public("100.64.0.1")
    (True, False, False, False)
    >>> is_public("2606:4700::1111"), is_public("::1"), is_public("::ffff:127.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False, False)
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        carried = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None)
        if carried is None:
            tunnelled = ip.sixtofour is not None or ip.teredo is not None
            return ip in GLOBAL_UNICAST and ip.is_global and not tunnelled and not _is_special(ip)
        ip = carried
    refused = ip.is_multicast or ip.is_reserved or _is_special(ip)
    return ip.is_global and not refused


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    return any(address in block for block in SPECIAL)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the order for connection attempts."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in entries))


def allowed_addresses(host: str, port: int, resolver: Resolve, private: bool) -> list[str]:
    """Return the addresses of a name that the service may connect to.

    Parameters
    ----------
    resolver : callable
        (host, port) -> addresses.
    private : bool
        Whether private addresses are allowed.

    Raises
    ------
    AddressRefused
        When none is allowed.
    """
    addresses = resolver(host, port)
    allowed = [address for address in addresses if private or is_public(address)]
    if not allowed:
        raise AddressRefused(
            f"{host} is at {', '.join(addresses) or 'no address'}, which is not in the internet: webhooks go to "
            "private addresses only with CHURN_RISK_WEBHOOK_PRIVATE=true"
        )
    return allowed


def checked_url(text: str, private: bool) -> str:
    """Return an endpoint's URL in the form for requests; raises InputError for an invalid one.

    It does not resolve the host's name; that happens with each request.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InputError(f"URL: {text!r} is no address: {error}") from error
    wrong = _wrong(url, private)
    if wrong or len(str(url)) > URL_LENGTH:
        raise InputError(f"URL: {wrong or f'an address has at most {URL_LENGTH:,} characters'}")
    port = None if url.port == DEFAULT_PORTS[url.scheme] else url.port
    return str(url.copy_with(port=port, raw_path=url.raw_path, fragment=None))


def _wrong(url: httpx.URL, private: bool) -> str | None:
    if url.scheme not in DEFAULT_PORTS or not url.host:
        return "must be https://HOST/PATH"
    if url.scheme == "http" and not private:
        return (
            f"http://{url.host} must be https, since what is sent is about customers; for a receiver within your own "
            "network, set CHURN_RISK_WEBHOOK_PRIVATE=true here and for the service, which allows http"
        )
    if url.port is not None and not 0 < url.port < 65_536:
        return f"{url.port} is no port"
    if url.userinfo or url.fragment:
        return "no name, password or #fragment may stand in it"
    try:
        literal = is_public(url.host)
    except ValueError:
        return None
    return None if literal or private else f"{url.host} is not in the internet (see CHURN_RISK_WEBHOOK_PRIVATE)"
