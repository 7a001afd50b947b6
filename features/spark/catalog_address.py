"""The address of a schema in Spark's catalog: `spark://CATALOG.SCHEMA?book=book.toml`.

In: a text. Out: an `Address`. The catalog may be left out: it is then the session's own. Which cluster is asked does
not stand here but in `CHURN_RISK_SPARK_MASTER`, so `spark://HOST:PORT`, which is how Spark writes the address of a
master, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

SCHEME = "spark://"
FORM = f"{SCHEME}CATALOG.SCHEMA"
MASTER = "CHURN_RISK_SPARK_MASTER"
_NAMES = re.compile(r"[^.:@/?#\s]+(\.[^.:@/?#\s]+)*")
_HOST = re.compile(r"[^:/?#]*:\d+/?")


@dataclass(frozen=True)
class Address:
    """Where a schema is.

    Attributes
    ----------
    shown : str
        The whole address.
    names : tuple of str
        Perhaps the catalog, then the schema.
    book : str or None
        The path of the `book.toml` that belongs to the tables.
    """

    shown: str
    names: tuple[str, ...]
    book: str | None = None

    @property
    def quoted(self) -> str:
        """The schema as Spark's SQL names it."""
        return ".".join(quoted(name) for name in self.names)


def is_spark(text: str) -> bool:
    """Whether a text is meant as the address of a schema in Spark's catalog."""
    return text.startswith(SCHEME)


def quoted(name: str) -> str:
    """Return a name as Spark's SQL writes one that may hold anything."""
    return "`" + name.replace("`", "``") + "`"


def read_address(text: str) -> Address:
    """Cut an address into its parts.

    Raises
    ------
    ValueError
        When it is none, with one line that says what is expected.

    Examples
    --------
    >>> read_address("spark://lake.crm?book=/data/book.toml").quoted
    '`lake`.`crm`'
    """
    place, _, query = text.removeprefix(SCHEME).partition("?")
    if _HOST.fullmatch(place):
        raise ValueError(f"{text}: this is the address of a master, which {MASTER} names; a source is {FORM}")
    said = dict(parse_qsl(query, keep_blank_values=True))
    if not _NAMES.fullmatch(place) or set(said) - {"book"} or said.get("book") == "":
        raise ValueError(f"{text}: it cannot be read as {FORM} or {FORM}?book=FILE")
    return Address(text, tuple(unquote(name) for name in place.split(".")), said.get("book"))
