"""Every exception that the service raises on purpose, in one hierarchy; that of tables and models in `features.errors`.

ChurnRiskError
├── InputError              what somebody gave cannot be used
│   ├── KeyUnknown          there is no API key with this id
│   ├── KeyRevoked          a revoked key gets no new secret
│   ├── KeyExpired          an expired key gets no new secret
│   ├── CursorInvalid       a cursor is damaged, or of another list
│   ├── JobUnknown          there is no such job, or it is another's
│   ├── EndpointUnknown     there is no endpoint with this id
│   └── TooOpen             others could reach a service that lets everybody in
├── AccessRefused           somebody is not let in; only the HTTP edge makes a status of it
│   ├── Unauthenticated     nobody knows who asks: no credential, or none that holds     (401)
│   ├── Closed              there are no keys yet, and it is not this machine that asks  (403)
│   ├── ScopeMissing        known, but may not do this                                   (403)
│   ├── LinkRefused         a link that was changed, or whose maker may no longer        (403)
│   ├── LinkExpired         a link whose time is over                                    (410)
│   ├── TooOften            asked, or failed, more often than the limit                  (429)
│   └── IssuerAway          the issuer of tokens does not answer                         (503)
├── IssuerWrong             the issuer's documents are not what they must be
├── StoreUnavailable        the database cannot be reached or written now
├── DatabaseTooNew          a newer version has migrated the database
├── Refusal                 a prediction cannot be made as it was asked; carries every fault
├── Overloaded              too many predictions wait already, or have waited too long
├── RunLost                 a scoring run was removed while it was written
├── PageGone                the run of a cursor is no longer kept
├── ClaimLost               somebody else has the chunk of a job
├── KeyReused               an Idempotency-Key came with another request
├── InProgress              the first request with the key is being worked on
├── TakenOver               a request outlived its lease, or was forgotten
├── NotConvertible          a schema says what OpenAPI 3.0 cannot
├── DemoFailed              a step of the demonstration failed
├── NotDelivered            a receiver did not take a webhook
├── MissingWords            a signal, theme or advice has no words in a language
├── AddressRefused          a receiver's address may not be spoken to
└── PortTaken               another process listens on the port
"""

from __future__ import annotations

from collections.abc import Sequence

from features.errors import ChurnRiskError, InputError
from serving.faults import Fault


class KeyUnknown(InputError):
    """There is no key with this id."""


class KeyRevoked(InputError):
    """A revoked key cannot be given a new secret."""


class KeyExpired(InputError):
    """A key that has expired cannot be given a new secret: it would be refused from the start."""


class CursorInvalid(InputError):
    """The cursor is none that the store gave, or it belongs to a list with other filters."""


class JobUnknown(InputError):
    """There is no such job, or whoever asks may not see it."""


class EndpointUnknown(InputError):
    """There is no endpoint with this id."""


class TooOpen(InputError):
    """Other machines could reach a service that lets everybody in."""


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


class IssuerWrong(ChurnRiskError):
    """The issuer's documents are not what they must be."""


class StoreUnavailable(ChurnRiskError):
    """The database cannot be reached, or cannot take what is written; nothing of it was kept. It may work later."""


class DatabaseTooNew(ChurnRiskError):
    """The database was migrated by a newer version of churn-risk."""


class RunLost(ChurnRiskError):
    """The run was removed while it was being written, because its writer had lost the database; nothing is stored."""


class PageGone(ChurnRiskError):
    """The run that a cursor belongs to is no longer kept; the list has to be read from its beginning."""


class ClaimLost(ChurnRiskError):
    """The lease ran out and somebody else has the chunk, or its job was cancelled."""


class KeyReused(ChurnRiskError):
    """The key was sent before with another request."""


class InProgress(ChurnRiskError):
    """The first request with the key is still being worked on; `seconds` until its claim ends at the latest."""

    def __init__(self, seconds: int) -> None:
        super().__init__("a request with this key is being worked on")
        self.seconds = seconds


class TakenOver(ChurnRiskError):
    """The request took longer than its lease and another one was begun, or an account it names was forgotten."""


class NotConvertible(ChurnRiskError):
    """A schema says what OpenAPI 3.0 cannot; change the model."""


class DemoFailed(ChurnRiskError):
    """A step of the demonstration did not do what it should."""


class NotDelivered(ChurnRiskError):
    """A receiver did not take what was sent to it."""


class MissingWords(ChurnRiskError):
    """A signal, theme or advice has no words in a language."""


class AddressRefused(ChurnRiskError):
    """A receiver's name leads to no address that may be spoken to."""


class PortTaken(ChurnRiskError):
    """Another process listens on the port already."""


class Refusal(ChurnRiskError):
    """A prediction cannot be made as it was asked; carries every fault."""

    def __init__(self, message: str, faults: Sequence[Fault]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class Overloaded(ChurnRiskError):
    """So many predictions wait already, or have waited so long, that another would not be answered in time."""
