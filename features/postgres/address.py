"""The address of a PostgreSQL schema: what libpq reads of it, what is ours, and how people and logs see it.

In: `postgresql://user@host:port/database?schema=sales&book=book.toml&sslmode=verify-full`. Out: an `Address`. `schema`
and `book` are ours, all else is libpq's, also what it takes from the environment and its files (`PGPASSWORD`,
`~/.pgpass`, `service`). An address that could be cut in two ways is refused and not shown: a part of a password with
an `@` or `/` would end up in the name of the host, and so in a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

#: Parameters of libpq, unless the address sets them: the client gives up a server that has vanished silently after half
#: a minute, while Linux alone would wait for a quarter of an hour.
PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
SCHEMES = ("postgresql", "postgres")
SECRETS = frozenset({"password", "sslpassword", "passwd", "oauth_client_secret"})
OURS = ("schema", "book")
FORM = "postgresql://USER@HOST:PORT/DATABASE?schema=NAME"
ADVICE = (
    f"it cannot be read as {FORM}; in a password @ is written as %40, / as %2F and % as %25, "
    "or it stands in PGPASSWORD or ~/.pgpass"
)
HIDDEN = "***"
_HOST = r"(?:\[[^\]@/?]*\]|[^:,@/?\[\]]*)(?::[0-9]*)?"
_FORM = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^:@/?]*)(?P<password>:[^@/]*)?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:(?P<path>/[^@?]*)(?:\?(?P<query>.*))?|\?(?P<bare>[^@]*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Address:
    """Where a schema is.

    Attributes
    ----------
    conninfo : str
        What libpq reads; it may hold a password.
    shown : str
        The whole address without any password.
    schema : str or None
        The schema that the address names; None: the first of the search path.
    book : str or None
        The path of the `book.toml` that belongs to the tables.
    """

    conninfo: str
    shown: str
    schema: str | None = None
    book: str | None = None


def is_postgres(text: str) -> bool:
    """Whether a text is meant as the address of a PostgreSQL database."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def read_address(text: str) -> Address:
    """Cut an address into libpq's part and ours.

    Raises
    ------
    ValueError
        When it is none that libpq reads, with one line that holds no password.

    Examples
    --------
    >>> found = read_address("postgresql://me@host/crm?schema=sales&sslmode=require")
    >>> found.conninfo, found.schema
    ('postgresql://me@host/crm?sslmode=require', 'sales')
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    found = _parts(text) if is_postgres(text) else None
    if found is None:
        raise ValueError(f"{shown(text)}: {ADVICE}")
    query = _query(found)
    kept, ours = [], {}
    for pair in (query or "").split("&"):
        name, _, value = pair.partition("=")
        if unquote(name) in OURS:
            ours[unquote(name)] = unquote(value)
        elif pair:
            kept.append(pair)
    if empty := [name for name, value in ours.items() if not value]:
        raise ValueError(f"{shown(text)}: {empty[0]}= has no value")
    start = text if query is None else text[: -len(query) - 1]
    conninfo = start + ("?" if kept else "") + "&".join(kept)
    try:
        conninfo_to_dict(conninfo)
    except ProgrammingError as error:
        # Where a password stands, what libpq stumbles over may be a part of it.
        told = ADVICE if hides_password(text) else " ".join(str(error).split())
        raise ValueError(f"{shown(text)}: {told}") from None
    return Address(conninfo, shown(text), **ours)


def shown(text: str) -> str:
    """Return an address without its passwords, and of one that could be cut in two ways its scheme alone.

    Examples
    --------
    >>> shown("postgresql://me:secret@host/crm?sslpassword=secret&schema=sales")
    'postgresql://me:***@host/crm?sslpassword=***&schema=sales'
    >>> shown("postgresql://me:se/cret@host/crm")
    'postgresql://***'
    >>> shown("exports/crm")
    'exports/crm'
    """
    scheme, mark, _ = text.partition("://")
    if not mark or scheme == "duckdb":
        return text
    found = _parts(text)
    if found is None:
        return f"{scheme}://{HIDDEN}"
    query = _query(found)
    password = f":{HIDDEN}" if len(found["password"] or "") > 1 else ""
    user = "" if found["user"] is None else f"{found['user']}{password}@"
    asked = "" if query is None else "?" + "&".join(map(_without_secret, query.split("&")))
    return f"{scheme}://{user}{found['hosts']}{found['path'] or ''}{asked}"


def hides_password(text: str) -> bool:
    """Whether an address holds a password, or may hold one."""
    return shown(text) != text and HIDDEN in shown(text)


def _parts(text: str) -> re.Match[str] | None:
    """Return the parts of an address that can be cut in one way only, else None."""
    found = _FORM.fullmatch(text)
    query = None if found is None else _query(found)
    return found if not query or all("=" in pair for pair in query.split("&")) else None


def _query(found: re.Match[str]) -> str | None:
    return found["bare"] if found["query"] is None else found["query"]


def _without_secret(pair: str) -> str:
    name, _, _ = pair.partition("=")
    return f"{name}={HIDDEN}" if unquote(name).lower() in SECRETS else pair
