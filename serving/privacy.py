"""The key that finds the rows of an account in tables that do not need the id itself."""

from __future__ import annotations

import hashlib


def account_key(account_id: str) -> str:
    """Return a digest of an account's id, so that an index can hold ids with any characters and any length.

    Examples
    --------
    >>> account_key("A1")[:12]
    '16a36e86f6fe'
    """
    return hashlib.sha256(account_id.encode("utf-8", "surrogatepass")).hexdigest()
