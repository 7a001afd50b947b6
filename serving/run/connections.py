"""Limits of a worker's connections: how many, how long until a request's headers are there, unread, and at the stop.

uvicorn closes a connection that is idle between two requests, but waits for ever for the headers of the first one, and
for a caller who reads nothing of the answer. A few hundred such connections from one machine would use up the
worker's file descriptors. `Limited` is uvicorn's protocol with clocks for both and a cap. uvicorn takes a protocol as
`Config(http=...)`; BentoML (1.4) passes none on, so that `install` puts ours in the place of uvicorn's "auto".
`tests/live/test_live_service.py` holds that a service that BentoML started keeps the limits.

A worker that is told to stop ends the requests that it has. BentoML would let it wait for them a day, while its own
process goes on listening and callers hang; so the first connection sets the limit of that on the server's config.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
import uvicorn.config
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
else:
    Protocol = AutoHTTPProtocol

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s"
)
FULL_BODY = (
    b'{"type":"urn:churn-risk:problem:overloaded","title":"Service Unavailable","status":503,'
    b'"detail":"too many connections are open; ask again","instance":"","request_id":"","errors":[]}'
)


@dataclass
class ConnectionLimits:
    """The limits of this worker's connections; see `serving.settings`."""

    connections: int = 1000
    header_seconds: float = 10.0
    unread_seconds: float = 60.0
    stop_seconds: float = 60.0


#: A worker sets them once, before its first connection.
LIMITS = ConnectionLimits()


class Limited(Protocol):
    """A connection within limits."""

    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None

    def __init__(self, config: uvicorn.Config, *args: Any, **options: Any) -> None:
        if config.timeout_graceful_shutdown is None:
            # asyncio takes fractions of a second too, though uvicorn's type does not say so.
            config.timeout_graceful_shutdown = LIMITS.stop_seconds  # type: ignore[assignment]
        super().__init__(config, *args, **options)

    def connection_made(self, transport: Any) -> None:
        """Begin, or close the connection at once when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > LIMITS.connections:
            transport.write(FULL % (len(FULL_BODY), FULL_BODY))
            transport.close()
            return
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, with all clocks."""
        self._stop("_headers_due")
        self._stop("_reading_due")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the clock for headers runs from the first byte of a request until they are complete."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_asked():
            self._stop("_headers_due")
        elif self._headers_due is None:
            self._expect_headers()

    def pause_writing(self) -> None:
        """Start the clock for a caller who takes nothing more."""
        super().pause_writing()
        self._stop("_reading_due")
        self._expect_reading()

    def resume_writing(self) -> None:
        """Stop that clock."""
        self._stop("_reading_due")
        super().resume_writing()

    def _is_asked(self) -> bool:
        """Whether a request is there with all its headers and has no complete answer yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_headers(self) -> None:
        self._headers_due = self.loop.call_later(LIMITS.header_seconds, self._give_up)

    def _expect_reading(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reading_due = self.loop.call_later(LIMITS.unread_seconds, self._demand_reading, unread)

    def _demand_reading(self, unread: int) -> None:
        """Cut a caller off who took nothing since; one who reads slowly gets as long again."""
        if self.transport.get_write_buffer_size() < unread:
            self._expect_reading()
        else:
            self.transport.abort()

    def _give_up(self) -> None:
        self._headers_due = None
        if not self._is_asked():
            self.transport.abort()

    def _stop(self, name: str) -> None:
        clock: asyncio.TimerHandle | None = getattr(self, name)
        if clock is not None:
            clock.cancel()
            setattr(self, name, None)


def install() -> None:
    """Make `Limited` what uvicorn takes when its caller names no protocol."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{Limited.__name__}"


def limit(connections: int, header_seconds: float, unread_seconds: float, stop_seconds: float) -> None:
    """Set the limits of this worker."""
    LIMITS.connections, LIMITS.header_seconds = connections, header_seconds
    LIMITS.unread_seconds, LIMITS.stop_seconds = unread_seconds, stop_seconds
