"""Links to one account's report that need no other credential: a link goes in, a signed token comes out, and back.

A link expires. If a key made it, it is refused as soon as that key is not usable any more. Anybody who has a token can
read its content: the account's id, the language, the maker's id (never the key), and the end of its validity. If the
maker sees some account managers' accounts only, the token also holds a keyed digest of each. Names can be
guessed, so a plain digest would reveal the name. The token is signed with HMAC-SHA256.
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
#: Makes the key of managers' digests differ from the key that signs.
MANAGER_SALT = b"churn-risk account manager 1"
REFUSED = "the link is not valid, or no longer"


@dataclass(frozen=True)
class Link:
    """What a link shows, and who made it.

    Attributes
    ----------
    account_id, lang : str
    maker : str
        `Principal.id` of its maker.
    manager : str or None
        A keyed digest of each account manager whose accounts the maker sees, joined by dots; None: all.
    expires_at : int
        Seconds since 1970 (UTC); from then on the link is refused.
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
        The first secret signs, all of them verify; not empty.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        settings = {"digest_method": sha256, "key_derivation": "hmac"}
        self._manager_keys = [hmac.digest(secret.encode(), MANAGER_SALT, "sha256") for secret in secrets]
        # itsdangerous signs with the last secret.
        self._serializer = URLSafeSerializer(list(reversed(secrets)), salt=SALT, signer_kwargs=settings)

    def link(self, maker: Principal, account_id: str, lang: Literal["de", "en"], expires_at: datetime) -> Link:
        """Return a new link.

        Parameters
        ----------
        maker : Principal
            The principal that makes the link; the link shows no more than it may see.
        account_id : str
        lang : 'de' or 'en'
            Language of the report.
        expires_at : datetime
        """
        managers, key = maker.account_managers, self._manager_keys[0]
        manager = None if managers is None else ".".join(_digest(key, each) for each in managers)
        return Link(account_id, lang, maker.id, manager, int(expires_at.timestamp()))

    def shows(self, link: Link, account_manager: str | None) -> bool:
        """Whether a link's maker sees the accounts of an account manager."""
        if link.manager is None or account_manager is None:
            return link.manager is None
        own = [_digest(key, account_manager) for key in self._manager_keys]
        return any(hmac.compare_digest(seen, each) for seen in link.manager.split(".") for each in own)

    def sign(self, link: Link) -> str:
        """Return a link's token: letters, digits, `-`, `_` and `.`."""
        return self._serializer.dumps(asdict(link))

    def read(self, token: str, now: datetime) -> Link:
        """Return the link of a token; raises LinkRefused and LinkExpired."""
        try:
            link = Link(**self._serializer.loads(token))
        except (BadData, TypeError) as error:
            raise LinkRefused(REFUSED) from error
        if now.timestamp() >= link.expires_at:
            raise LinkExpired("the link has expired")
        return link


def _digest(key: bytes, account_manager: str) -> str:
    """Return the keyed digest of an account manager: it allows a comparison, but no guess of the name."""
    return hmac.digest(key, account_manager.encode(), "sha256").hex()[:32]
