"""Every exception that the service raises on purpose, in one hierarchy; `features.errors` has those of tables, models.

ChurnRiskError
├── InputError              the input cannot be used
│   ├── KeyUnknown          there is no API key with this id
│   ├── KeyRevoked          a revoked key gets no new secret
│   ├── KeyExpired          an expired key gets no new secret
│   ├── CursorInvalid       a cursor is damaged, or belongs to another list
│   ├── JobUnknown          there is no such job, or it belongs to somebody else
│   ├── BackupUnusable      a file is no sound backup, or cannot be written as one
│   ├── EndpointUnknown     there is no endpoint with this id
│   └── TooOpen             other machines could reach a service that lets everybody in
├── AccessRefused           the caller is not let in; only the HTTP edge turns it into a status
│   ├── Unauthenticated     the caller is unknown: no credential, or an invalid one      (401)
│   ├── Closed              there are no keys yet, and the caller is another machine     (403)
│   ├── ScopeMissing        the caller is known, but may not do this                     (403)
│   ├── LinkRefused         a link was changed, or its maker lost the right to see it    (403)
│   ├── LinkExpired         the time of a link is over                                   (410)
│   ├── TooOften            the caller asked, or failed, more often than the limit       (429)
│   ├── SignInFailed        nobody comes back from the issuer signed in
│   │   ├── SignInStale     what it answers belongs to no sign-in, or came late          (403)
│   │   └── SignInRefused   it has not signed in, or its answer does not hold            (403)
│   └── IssuerAway          the issuer of tokens does not answer                         (503)
├── IssuerWrong             the issuer's documents do not have the required form
├── StoreUnavailable        the database cannot be reached or written now
├── DatabaseTooNew          a newer version has migrated the database
├── Refusal                 a prediction cannot be made as requested; carries every fault
├── Overloaded              too many predictions wait already, or have waited too long
├── QuotaReached            a key has too many accounts or jobs waiting                (429)
├── RunLost                 a scoring run was removed while it was written
├── PageGone                the run of a cursor is no longer kept
├── ClaimLost               another worker has the chunk of a job
├── KeyReused               an Idempotency-Key came with another request
├── InProgress              the service still works on the first request with the key
├── TakenOver               a request outlived its lease, or its account was forgotten
├── NotConvertible          a schema says something that OpenAPI 3.0 cannot say
├── DemoFailed              a step of the demonstration failed
├── NotDelivered            a receiver did not take a webhook
├── MissingWords            a signal, theme or advice has no words in a language
├── PdfUnavailable          this machine lacks what a PDF is made with; the message says what, and how to get it
├── PdfFailed               a document could not be laid out as a PDF
├── AddressRefused          the service may not connect to a receiver's address
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
    """An expired key cannot be given a new secret: the service would refuse it from the start."""


class CursorInvalid(InputError):
    """The store did not issue this cursor, or the cursor belongs to a list with other filters."""


class JobUnknown(InputError):
    """There is no such job, or the caller may not see it."""


class BackupUnusable(InputError):
    """A file is no sound backup of a database of churn-risk, or none can be made there."""


class EndpointUnknown(InputError):
    """There is no endpoint with this id."""


class TooOpen(InputError):
    """Other machines could reach a service that lets everybody in."""


class AccessRefused(ChurnRiskError):
    """The caller is not let in; the message goes to the caller and tells nothing about others."""


class Unauthenticated(AccessRefused):
    """The caller sent no credential (`sent` is false), or an invalid one."""

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Closed(AccessRefused):
    """There are no keys and no issuer yet: the service answers only this machine."""


class ScopeMissing(AccessRefused):
    """The key or token does not hold the scope that the route demands."""


class LinkRefused(AccessRefused):
    """A link does not verify, or its maker may no longer see what it shows."""


class LinkExpired(AccessRefused):
    """The time of a link is over."""


class TooOften(AccessRefused):
    """A limit is reached; the caller should wait `seconds` before the next request."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class SignInFailed(AccessRefused):
    """Somebody who was sent to the issuer comes back without being signed in."""


class SignInStale(SignInFailed):
    """The issuer's answer belongs to no sign-in of this browser, or its code has expired or is used up."""


class SignInRefused(SignInFailed):
    """The issuer has not signed the person in, or what it answered does not hold; the log says which."""


class IssuerAway(AccessRefused):
    """The service cannot get the issuer's keys now; the caller should wait `seconds` before the next request."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class IssuerWrong(ChurnRiskError):
    """The issuer's documents do not have the required form."""


class StoreUnavailable(ChurnRiskError):
    """The database cannot be reached, or cannot be written; it kept nothing of the write. A later attempt may work."""


class DatabaseTooNew(ChurnRiskError):
    """A newer version of churn-risk has migrated the database."""


class QuotaReached(ChurnRiskError):
    """Too much of one key waits already; there will be room after about `seconds`."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class RunLost(ChurnRiskError):
    """The run was removed while it was written, because its writer had lost the database; nothing is stored."""


class PageGone(ChurnRiskError):
    """The run of the cursor is no longer kept; the caller has to read the list from its beginning."""


class ClaimLost(ChurnRiskError):
    """The lease ran out and another worker has the chunk, or its job was cancelled."""


class KeyReused(ChurnRiskError):
    """The key came before with another request."""


class InProgress(ChurnRiskError):
    """The service still works on the first request with the key; its claim ends after `seconds` at the latest."""

    def __init__(self, seconds: int) -> None:
        super().__init__("a request with this key is being worked on")
        self.seconds = seconds


class TakenOver(ChurnRiskError):
    """The request took longer than its lease and another one began, or an account that it names was forgotten."""


class NotConvertible(ChurnRiskError):
    """A schema says something that OpenAPI 3.0 cannot say; change the model."""


class DemoFailed(ChurnRiskError):
    """A step of the demonstration failed."""


class NotDelivered(ChurnRiskError):
    """A receiver did not take a webhook."""


class MissingWords(ChurnRiskError):
    """A signal, theme or advice has no words in a language."""


class PdfUnavailable(ChurnRiskError):
    """This machine lacks a library or a font that a PDF is made with; the message says which, and how to get it."""


class PdfFailed(ChurnRiskError):
    """A document could not be laid out as a PDF; nothing of it is written."""


class AddressRefused(ChurnRiskError):
    """A receiver's name leads to no address that the service may connect to."""


class PortTaken(ChurnRiskError):
    """Another process already listens on the port."""


class Refusal(ChurnRiskError):
    """A prediction cannot be made as requested; carries every fault."""

    def __init__(self, message: str, faults: Sequence[Fault]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class Overloaded(ChurnRiskError):
    """Too many predictions wait already, or they have waited too long: the service could not answer another in time."""
