"""Where an OIDC issuer signs people in: its address goes in, its endpoints come out, read when they are first needed.

They are cached for a while; after a failure the next attempt waits. A sign-in begins with what the issuer says now: a
browser must not be sent to one that is away. The keys of the issuer are `serving.access.issuer`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

from serving.access.issuer import FAILED_SECONDS, FRESH_SECONDS, TIMEOUT_SECONDS, configuration, secure_address
from serving.errors import IssuerAway, IssuerWrong

#: How old the endpoints may be with which a sign-in begins.
NOW_SECONDS = 5.0
log = logging.getLogger("churn_risk.access")


@dataclass(frozen=True)
class Endpoints:
    """What an issuer says of its sign-in.

    Attributes
    ----------
    authorization, token : str
        Where a browser is sent, and where a code becomes tokens.
    end_session : str or None
        Where a browser is signed out; None where the issuer has no such place.
    basic : bool
        Whether the client's secret goes into the header Authorization; else it goes into the form.
    names_itself : bool
        Whether every answer to a browser names the issuer (RFC 9207).
    """

    authorization: str
    token: str
    end_session: str | None
    basic: bool
    names_itself: bool

    @classmethod
    def of(cls, document: dict[str, Any]) -> Endpoints:
        """Return those of a discovery document; raises IssuerWrong."""
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return cls(
            secure_address(document, "authorization_endpoint"),
            secure_address(document, "token_endpoint"),
            secure_address(document, "end_session_endpoint") if document.get("end_session_endpoint") else None,
            "client_secret_basic" in methods or "client_secret_post" not in methods,
            document.get("authorization_response_iss_parameter_supported") is True,
        )


class Discovery:
    """The endpoints of one issuer.

    Parameters
    ----------
    issuer : str
        Its address.
    tick : callable
        A clock that only goes forward, in seconds.
    """

    def __init__(self, issuer: str, tick: Callable[[], float] = monotonic) -> None:
        self.issuer, self._tick = issuer, tick
        self._lock = threading.Lock()
        self._endpoints: Endpoints | None = None
        self._read_at = self._failed_at = float("-inf")

    def endpoints(self) -> Endpoints:
        """Return the endpoints; those that are known go on while the issuer is away. Raises IssuerAway."""
        return self._younger(FRESH_SECONDS, must_answer=False)

    def endpoints_now(self) -> Endpoints:
        """Return the endpoints of an issuer that answers now; raises IssuerAway."""
        return self._younger(NOW_SECONDS, must_answer=True)

    def _younger(self, seconds: float, must_answer: bool) -> Endpoints:
        with self._lock:
            now = self._tick()
            if now - self._read_at >= seconds and now - self._failed_at >= FAILED_SECONDS:
                self._read(now)
            if self._endpoints is None or (must_answer and self._failed_at > self._read_at):
                raise IssuerAway("the issuer of tokens does not answer", int(FAILED_SECONDS))
            return self._endpoints

    def _read(self, now: float) -> None:
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
                self._endpoints = Endpoints.of(configuration(client, self.issuer))
            self._read_at = now
        except (httpx.HTTPError, IssuerWrong) as error:
            self._failed_at = now
            log.warning("issuer %s cannot sign anybody in: %s", self.issuer, error)
