"""One POST to a receiver: to a checked address, within a time limit, without redirects; it reads little of the answer.

The input is a URL, headers and a body. The output is the status and the beginning of the answer, or why there was none.
The module resolves the name, checks the addresses and connects to exactly the checked address, so the name cannot point
elsewhere in between. TLS still verifies the name. The module uses no proxy, because a proxy would resolve the name
itself.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpcore

from serving.errors import AddressRefused
from serving.webhooks.destinations import Resolve, allowed_addresses, resolve

#: Maximum bytes that are read of an answer's body; only `webhooks test` shows them.
ANSWER_BYTES = 1024
FIXED = {"Content-Type": "application/json", "User-Agent": "churn-risk", "Connection": "close"}
#: Statuses besides 5xx after which the receiver may take the same delivery later.
LATER = (408, 425, 429)
_UNCONNECTED = (httpcore.ConnectError, httpcore.ConnectTimeout, socket.gaierror, UnicodeError)
_NO_ANSWER = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


@dataclass(frozen=True)
class Answer:
    """The answer of a receiver.

    Attributes
    ----------
    status : int or None
        The HTTP status; None when there was no answer.
    error : str or None
        Why there was no answer.
    retry_after : str or None
        The header Retry-After.
    text : str
        The beginning of the body.
    unmade : bool
        Whether nothing was sent, because the message could not be made.
    unsent : bool
        Whether nothing was sent, because no connection was made.
    """

    status: int | None
    error: str | None = None
    retry_after: str | None = None
    text: str = ""
    unmade: bool = False
    unsent: bool = False

    @property
    def taken(self) -> bool:
        """Whether the receiver took the delivery."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def trouble(self) -> bool:
        """Whether the receiver can take nothing at present; otherwise the answer concerns only this delivery."""
        if self.unmade:
            return False
        return self.status is None or self.status >= 500 or self.status in LATER


@dataclass(frozen=True)
class Sender:
    """Sends to receivers.

    Attributes
    ----------
    seconds : float
        Maximum time from the connection to the end of the answer, without the resolution of the name.
    private : bool
        Whether private addresses are allowed.
    resolver : callable
        (host, port) -> addresses.
    trusted : SSLContext
        The trusted authorities: the system's, or those of `SSL_CERT_FILE`.
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
            return Answer(None, str(error), unsent=True)
        except (*_NO_ANSWER, OSError, UnicodeError) as error:  # UnicodeError: an invalid name.
            return Answer(None, f"{type(error).__name__}: {error}".rstrip(": "), unsent=isinstance(error, _UNCONNECTED))


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _beginning(response: httpcore.Response) -> str:
    """Return the first bytes of the body as text; a failure to read the rest does not change the status."""
    read = b""
    with suppress(*_NO_ANSWER, OSError):
        for part in response.iter_stream():
            read += part
            if len(read) >= ANSWER_BYTES:
                break
    return read[:ANSWER_BYTES].decode("utf-8", "replace")


class _Checked(httpcore.SyncBackend):
    """Connects only to allowed addresses, and tries those of a name in turn."""

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
    """A connection that ends at a deadline, even if the other side sends slowly."""

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
