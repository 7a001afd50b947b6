"""Links to one account's report that need no other credential: signed, expiring, and dying with whoever made them.

A link's token can be read by whoever has it: it holds the account's id, the language, the maker's id (never the key),
when it ends, and of the account manager whose accounts the maker sees a keyed digest only: names can be guessed, so a
plain one would tell. It is signed with HMAC-SHA256.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer

from serving.access.principal import Principal
from serving.errors import LinkExpired, LinkRefused

SALT = "churn-risk report link 1"
#: Makes the key of managers' digests another one than that which signs.
MANAGER_SALT = b"churn-risk account manager 1"
REFUSED = "the link is not valid, or no longer"


@dataclass(frozen=True)
class Link:
    """What a link shows, and by whose leave.

    Attributes
    ----------
    account_id, lang : str
    maker : str
        `Principal.id` of whoever made it.
    manager : str or None
        A keyed digest of whose accounts the maker sees; None: all.
    expires_at : int
        Seconds since 1970 (UTC); from then on it is over.
    """

    account_id: str
    lang: Literal["de", "en"]
    maker: str
    manager: str | None
    expires_at: int


class LinkSigner:
    """Makes tokens of links and reads them.

    Parameters
    ----------
    secrets : sequence of str
        The first signs, all verify; not empty.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        settings = {"digest_method": sha256, "key_derivation": "hmac"}
        self._manager_keys = [hmac.digest(secret.encode(), MANAGER_SALT, "sha256") for secret in secrets]
        # itsdangerous signs with the last.
        self._serializer = URLSafeSerializer(list(reversed(secrets)), salt=SALT, signer_kwargs=settings)

    def link(self, maker: Principal, account_id: str, lang: Literal["de", "en"], expires_at: datetime) -> Link:
        """Return the link that somebody makes."""
        manager = None if maker.account_manager is None else _digest(self._manager_keys[0], maker.account_manager)
        return Link(account_id, lang, maker.id, manager, int(expires_at.timestamp()))

    def shows(self, link: Link, account_manager: str | None) -> bool:
        """Whether a link's maker sees the accounts of an account manager."""
        if link.manager is None or account_manager is None:
            return link.manager is None
        return any(hmac.compare_digest(link.manager, _digest(key, account_manager)) for key in self._manager_keys)

    def sign(self, link: Link) -> str:
        """Return a link's token: letters, digits, `-`, `_` and `.`."""
        return self._serializer.dumps(asdict(link))

    def read(self, token: str, now: datetime) -> Link:
        """Return what a token was made of; raises LinkRefused and LinkExpired."""
        try:
            link = Link(**self._serializer.loads(token))
        except (BadData, TypeError) as error:
            raise LinkRefused(REFUSED) from error
        if now.timestamp() >= link.expires_at:
            raise LinkExpired("the link has expired")
        return link


def _digest(key: bytes, account_manager: str) -> str:
    """Return what a link holds of an account manager: enough to compare, not to guess."""
    return hmac.digest(key, account_manager.encode(), "sha256").hex()[:32]
