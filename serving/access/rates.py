"""Rate limits: a principal or an address goes in; an exception comes out if it has sent too much.

Each principal has a moving window of requests; each pair of address and key may fail a few times a minute. Each worker
counts in memory on its own: with two workers a caller may send twice as much. The service keeps only a hash of an
address, under a random key of this process, and no longer than the window.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import time

import limits
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from serving.errors import TooOften

FAILURES = "20/minute"


class Rates:
    """Limits of one worker.

    Parameters
    ----------
    rate : str
        Requests of one principal, in the notation of `limits`: "600/minute".
    """

    def __init__(self, rate: str) -> None:
        # Failures have a storage of their own, whose counters end with their window; a moving window keeps its name.
        self._requests = _Limit(MovingWindowRateLimiter(MemoryStorage()), rate)
        self._failures = _Limit(FixedWindowRateLimiter(MemoryStorage()), FAILURES)
        self._salt = secrets.token_bytes(16)

    def admit(self, principal_id: str) -> None:
        """Count one request; raises TooOften."""
        if not self._requests.hit(principal_id):
            wait = self._requests.wait(principal_id)
            raise TooOften(f"more than {self._requests.limit} by this key or token", wait)

    def demand_patience(self, address: str, key: str) -> None:
        """Raise TooOften after too many failures of an address with one key; `key` is the argument of `fail`."""
        name = self._name(address, key)
        if not self._failures.free(name):
            raise TooOften("too many failed attempts from this address", self._failures.wait(name))

    def fail(self, address: str, key: str) -> None:
        """Count a failure of an address with one key."""
        self._failures.hit(self._name(address, key))

    def _name(self, address: str, key: str) -> str:
        sent = f"{_network(address)} {key}".encode()
        return hashlib.blake2b(sent, key=self._salt, digest_size=16).hexdigest()


class _Limit:
    """One limit. It drops a counter from the future: the machine's clock was set back since."""

    def __init__(self, limiter: RateLimiter, rate: str) -> None:
        self._limiter, self.limit = limiter, limits.parse(rate)

    def hit(self, name: str) -> bool:
        return self._limiter.hit(self.limit, name) or (self._forget(name) and self._limiter.hit(self.limit, name))

    def free(self, name: str) -> bool:
        return self._limiter.test(self.limit, name) or self._forget(name)

    def wait(self, name: str) -> int:
        """Return the seconds until there is room again, 1 or more."""
        return max(1, math.ceil(self._left(name)))

    def _left(self, name: str) -> float:
        return self._limiter.get_window_stats(self.limit, name).reset_time - time.time()

    def _forget(self, name: str) -> bool:
        if self._left(name) <= self.limit.get_expiry() + 1:
            return False
        self._limiter.clear(self.limit, name)
        return True


def _network(address: str) -> str:
    """Return an address; for IPv6 its /64 network, which one caller usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
