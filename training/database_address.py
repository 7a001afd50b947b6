"""Addresses of databases: whether an address carries a password, and how people and logs see it.

An address goes in; a yes or no, or the address without its password, comes out. A password stands in front of the host
(`postgresql://user:password@host/name`) or in the query, where the driver reads it.
"""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url

#: Names of passwords in the query of an address: libpq's, the one of a client's key file, MySQL's.
PASSWORDS = frozenset({"password", "sslpassword", "passwd"})


def shown(address: str | URL) -> str:
    """Return an address without any password: stars in front of the host, nothing in the query.

    Raises
    ------
    ArgumentError, ValueError
        From SQLAlchemy, when the text is not an address.

    Examples
    --------
    >>> shown("postgresql://me:secret@host/db?password=secret&sslmode=require")
    'postgresql://me:***@host/db?sslmode=require'
    """
    if isinstance(address, str) and not carries_password(address):
        return address
    url = make_url(address)
    return url.difference_update_query(_named(url)).render_as_string(hide_password=True)


def carries_password(address: str | URL) -> bool:
    """Whether an address holds a password; raises the same errors as `shown`."""
    url = make_url(address)
    return bool(url.password or _named(url))


def _named(url: URL) -> list[str]:
    return [name for name in url.query if name.lower() in PASSWORDS]
