"""Which route answers a request, for the middleware in front of the routes, and what its address asks in vain.

A parameter that a route does not know changes nothing in its answer: a misspelt filter would show everything as if it
were filtered. So it is a fault, like a second value where a parameter has one. What mail programs and campaigns append
to links asks the service for nothing and is left alone (`TRACKERS`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

#: The key of the route in a request's state.
MATCHED = "matched_route"
TRACKER_PREFIX = "utm_"
TRACKERS = frozenset(
    {"gclid", "dclid", "fbclid", "msclkid", "yclid", "mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok", "vero_id"}
)
#: Most names that are told, and the longest one that is compared with those that are known.
MOST_TOLD, LONGEST_NAME = 20, 64


@dataclass(frozen=True)
class QueryFault:
    """A name in an address that asks in vain: `meant` is the known one that is like it; None for a repeated one."""

    name: str
    meant: str | None
    repeated: bool


def matching(scope: Scope) -> BaseRoute | None:
    """Return the route that answers, or would have answered, or None; the search runs once per request.

    HEAD is answered by the route of GET (`serving.api.edge.bodiless`).
    """
    if "app" not in scope:
        return None
    state = scope.setdefault("state", {})
    if MATCHED not in state:
        routes = scope["app"].router.routes
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        state[MATCHED] = next((route for route in routes if route.matches(asked)[0] is Match.FULL), None)
    route: BaseRoute | None = state[MATCHED]
    return route


def query_faults(names: Iterable[str], known: Collection[str], several: Collection[str] = ()) -> tuple[QueryFault, ...]:
    """Return the names that are not known, then those that stand more than once, the first `MOST_TOLD`.

    Parameters
    ----------
    names : iterable of str
        Names in the address, as often as they stand there.
    known, several : collection of str
        Those that the route knows, and those of them that may stand more than once.

    Examples
    --------
    >>> query_faults(["Limitt", "utm_source", "lang", "lang"], ["limit", "lang"])
    (QueryFault(name='Limitt', meant='limit', repeated=False), QueryFault(name='lang', meant=None, repeated=True))
    >>> query_faults(["manager"], ["unmanaged", "account_manager"])[0].meant
    'account_manager'
    """
    sent = [name for name in names if name not in TRACKERS and not name.startswith(TRACKER_PREFIX)]
    return tuple(_faults(sent, known, several))[:MOST_TOLD]


def _faults(sent: list[str], known: Collection[str], several: Collection[str]) -> Iterator[QueryFault]:
    different = dict.fromkeys(sent)
    for name in list(different)[: MOST_TOLD + len(known)]:
        if name not in known:
            yield QueryFault(name, _meant(name.lower(), known), False)
    yield from (QueryFault(name, None, True) for name in known if name not in several and sent.count(name) > 1)


def _meant(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is like another: the only one that has it as a word, else the nearest one."""
    if len(name) > LONGEST_NAME:
        return None
    having = [each for each in known if name in each.split("_")]
    return having[0] if len(having) == 1 else next(iter(get_close_matches(name, known, 1)), None)
