"""One POST to a receiver: to an address that has been checked, within a time, without redirects, reading little.

Goes in: a URL, headers, a body. Comes out: the status and the beginning of the answer, or why there was none. The name
is resolved here, the addresses are checked, and the connection is made to the very address that was checked, so that a
name cannot point elsewhere in between; TLS is still held against the name. No proxy is used: it would do the resolving.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpcore

from serving.errors import AddressRefused
from serving.webhooks.destinations import Resolve, allowed_addresses, resolve

#: What is read of an answer's body at most; only `webhooks test` shows it.
ANSWER_BYTES = 1024
FIXED = {"Content-Type": "application/json", "User-Agent": "churn-risk", "Connection": "close"}
#: Beside 5xx: answers after which the receiver may take the same later.
LATER = (408, 425, 429)
_NO_ANSWER = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


@dataclass(frozen=True)
class Answer:
    """What a receiver said.

    Attributes
    ----------
    status : int or None
        None when there was no answer.
    error : str or None
        Why there was none.
    retry_after : str or None
        The header of this name.
    text : str
        The beginning of the body.
    unmade : bool
        Whether nothing was sent, because what was to be sent could not be made.
    """

    status: int | None
    error: str | None = None
    retry_after: str | None = None
    text: str = ""
    unmade: bool = False

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def trouble(self) -> bool:
        """Whether the receiver can take nothing at present; else an answer is about this one delivery."""
        if self.unmade:
            return False
        return self.status is None or self.status >= 500 or self.status in LATER


@dataclass(frozen=True)
class Sender:
    """Sends to receivers.

    Attributes
    ----------
    seconds : float
        Longest from the connection to the end of the answer; the look-up of the name comes before.
    private : bool
        Whether private addresses are allowed.
    resolver : callable
        (host, port) -> addresses.
    trusted : SSLContext
        What is trusted: the system's or `SSL_CERT_FILE`'s authorities.
    """

    seconds: float
    private: bool
    resolver: Resolve = resolve
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body and return the answer; raises nothing."""
        sent = list((FIXED | dict(headers)).items())
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self.trusted, network_backend=_Checked(self)) as pool,
                pool.stream("POST", url, headers=sent, content=body) as response,
            ):
                return Answer(response.status, None, _header(response, b"retry-after"), _beginning(response))
        except AddressRefused as error:
            return Answer(None, str(error))
        except (*_NO_ANSWER, OSError, UnicodeError) as error:  # The last: a name that cannot be one.
            return Answer(None, f"{type(error).__name__}: {error}".rstrip(": "))


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _beginning(response: httpcore.Response) -> str:
    """Return the first bytes of the body as text; the status stands whatever becomes of the rest."""
    read = b""
    with suppress(*_NO_ANSWER, OSError):
        for part in response.iter_stream():
            read += part
            if len(read) >= ANSWER_BYTES:
                break
    return read[:ANSWER_BYTES].decode("utf-8", "replace")


class _Checked(httpcore.SyncBackend):
    """Connects to addresses that may be spoken to, each of a name's in turn, and to no other."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = allowed_addresses(host, port, self._sender.resolver, self._sender.private)
        deadline = monotonic() + self._sender.seconds
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                left = max(deadline - monotonic(), 0.001)
                return _Timed(super().connect_tcp(address, port, left, local_address, socket_options), deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _Timed(httpcore.NetworkStream):
    """A connection that ends at a time, however slowly the other side speaks."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, exceeded: type[Exception]) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise exceeded("the receiver took too long")
        return left
