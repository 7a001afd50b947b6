"""By what rows are found that belong to an account, where its id itself is not needed."""

from __future__ import annotations

import hashlib


def account_key(account_id: str) -> str:
    """Return a digest of an account's id: any text of any length then has its place in an index.

    Examples
    --------
    >>> account_key("A1")[:12]
    '16a36e86f6fe'
    """
    return hashlib.sha256(account_id.encode("utf-8", "surrogatepass")).hexdigest()
