"""Addresses of databases that may carry a password: whether one does, and how it is shown to people and in logs.

A password stands in front of the host (`postgresql://user:password@host/name`) or in the query, for the driver.
"""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url

#: What drivers call a password in the query of an address: libpq's, that of a client's key file, MySQL's.
PASSWORDS = frozenset({"password", "sslpassword", "passwd"})


def shown(address: str | URL) -> str:
    """Return an address without any password: stars in front of the host, nothing in the query.

    Raises what SQLAlchemy raises of a text that is no address: ArgumentError, ValueError.

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
    """Whether an address holds a password; raises as `shown` does."""
    url = make_url(address)
    return bool(url.password or _named(url))


def _named(url: URL) -> list[str]:
    return [name for name in url.query if name.lower() in PASSWORDS]
