"""The keys of a running service: a caller's token goes in, its key comes out. All keys are held in memory.

The keys are read again after one second. So a key that another process makes, revokes or rotates counts within that
second, and an unknown key never causes a query. Every check looks at the expiry. If the database is away, an old state
admits nobody, and for one second after a failure the database is not asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic

from serving.access.keys import ApiKey, KeyStore, matching
from serving.errors import StoreUnavailable, Unauthenticated

SECONDS = 1.0
WHY = {"revoked": "the API key has been revoked", "expired": "the API key has expired"}
log = logging.getLogger("churn_risk.access")


@dataclass(frozen=True)
class Snapshot:
    """The keys by id, and when they were read (by a clock that only goes forward)."""

    keys: dict[str, ApiKey]
    read_at: float


class KeyRing:
    """Checks tokens against the keys of a store.

    Parameters
    ----------
    store : KeyStore
    tick : callable
        A clock that only goes forward, in seconds: setting the machine's clock must not keep a revoked key alive.
    """

    def __init__(self, store: KeyStore, tick: Callable[[], float] = monotonic) -> None:
        self._store, self._tick = store, tick
        self._snapshot: Snapshot | None = None
        self._failure: tuple[StoreUnavailable, float] | None = None
        # For each key the day on which its use was noted last. Never iterate over it: other threads change it.
        self._noted: dict[str, date] = {}

    def due(self) -> bool:
        """Whether the keys must be read again before they are used."""
        snapshot = self._snapshot
        return snapshot is None or self._tick() - snapshot.read_at >= SECONDS

    def refresh(self) -> None:
        """Read the keys if they are due, and drop a result that a later read has overtaken; raises StoreUnavailable."""
        if not self.due():
            return
        self.demand_reachable()
        began = self._tick()
        try:
            keys = {key.id: key for key in self._store.list()}
        except StoreUnavailable as error:
            self._failure = error, self._tick()
            raise
        if self._snapshot is None or self._snapshot.read_at <= began:
            self._snapshot = Snapshot(keys, began)

    def demand_reachable(self) -> None:
        """Raise StoreUnavailable if reading the keys failed within the last second."""
        if self._failure is not None and self._tick() - self._failure[1] < SECONDS:
            raise StoreUnavailable(str(self._failure[0])) from self._failure[0]

    @property
    def keys(self) -> dict[str, ApiKey]:
        """All keys by id, as they were last read."""
        return {} if self._snapshot is None else self._snapshot.keys

    def check(self, token: str) -> ApiKey:
        """Return the usable key that a token opens; raises Unauthenticated."""
        at = self._store.now()
        key = matching(self.keys, token, at)
        if key is None:
            raise Unauthenticated("there is no such API key")
        state = key.state(at)
        if state != "usable":
            raise Unauthenticated(WHY[state])
        return key

    def usable(self, identifier: str) -> ApiKey | None:
        """Return a key by its id if it can be used now."""
        key = self.keys.get(identifier)
        return key if key is not None and key.state(self.now()) == "usable" else None

    def now(self) -> datetime:
        """Return the present instant, of the store's clock."""
        return self._store.now()

    def due_note(self, key: ApiKey) -> date | None:
        """Return today once for each key and day, else None; the caller that gets it records it by `note_use`."""
        today = self.now().date()
        if key.last_used_on == today or self._noted.get(key.id) == today:
            return None
        self._noted[key.id] = today
        return today

    def note_use(self, identifier: str, day: date) -> None:
        """Record that a key was used; if the database is busy or away, log it and refuse nobody."""
        try:
            self._store.note_use(identifier, day)
        except StoreUnavailable as error:
            if self._noted.get(identifier) == day:
                self._noted.pop(identifier, None)
            log.warning("that key %s was used could not be written down: %s", identifier, error)
