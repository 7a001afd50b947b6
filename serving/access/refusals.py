"""Why somebody is not let in; only the HTTP edge turns these into status codes.

AccessRefused
├── Unauthenticated      nobody knows who asks: no credential, or none that holds     (401)
├── Closed               there are no keys yet, and it is not this machine that asks  (403)
├── ScopeMissing         known, but may not do this                                   (403)
├── LinkRefused          a link that was changed, or whose maker may no longer        (403)
├── LinkExpired          a link whose time is over                                    (410)
├── TooOften             asked, or failed, more often than the limit                  (429)
└── IssuerAway           the issuer of tokens does not answer                         (503)
"""

from __future__ import annotations

from features.errors import ChurnRiskError


class AccessRefused(ChurnRiskError):
    """Somebody is not let in; the message is for whoever asks and tells nothing of others."""


class Unauthenticated(AccessRefused):
    """No credential was sent (`sent` is false), or one that does not hold."""

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Closed(AccessRefused):
    """There are no keys and no issuer yet: only this machine itself is answered."""


class ScopeMissing(AccessRefused):
    """The key or token does not hold the scope that is demanded."""


class LinkRefused(AccessRefused):
    """A link does not verify, or whoever made it may no longer see what it shows."""


class LinkExpired(AccessRefused):
    """A link's time is over."""


class TooOften(AccessRefused):
    """A limit is reached; `seconds` until it is worth asking again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class IssuerAway(AccessRefused):
    """The issuer's keys cannot be had just now; `seconds` until it is worth asking again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds
