"""`Idempotency-Key`: a request that is sent again with its key gets the answer of the first, and a header says so.

A route takes part with `RepeatableRoute` as its router's class and `RepeatDependency` as its last dependency, after the
one that identifies the caller. Where the answer holds no data of accounts, it takes `JobRepeatDependency` instead. The
service does not keep refusals and failures: their key may be used again, also by a corrected request. Without the
header, nothing changes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.runtime import Runtime, runtime
from serving.database.engine import writing
from serving.errors import InProgress, KeyReused, StoreUnavailable, TakenOver
from serving.predict.fault_words import VISIBLE
from serving.predict.plain_request import PlainRequest
from serving.repeats.idempotency import Answer, Asked, Claimed, begin, finish, give_up

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
#: Seconds until the next request while the service works on the first; its claim lasts longer, in case its worker died.
SOON_SECONDS = 2
#: Headers that belong to the kept answer; all others belong to a single request.
KEPT_HEADERS = ("content-type", "location", "cache-control")
POINTER = f"/header/{HEADER}"
TEXT = (
    "Makes it safe to send the request again: with the same key and the same body it gets the answer of the first, "
    f"kept for 24 hours, with the header {REPLAYED}. Another body with the key is a 422; while the first request is "
    "worked on, it is a 409. A request that was refused or failed frees its key. 1 to 255 visible ASCII characters."
)
log = logging.getLogger("churn_risk.api")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Named = Callable[[Request], Coroutine[Any, Any, Collection[str]]]
Key = Annotated[str | None, Header(alias=HEADER, description=TEXT, min_length=1, max_length=255, pattern=VISIBLE)]


class Replayed(Exception):
    """The request was answered before; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer

    def response(self) -> Response:
        """Return the answer again."""
        return Response(self.answer.body, self.answer.status, {**self.answer.headers, REPLAYED: "true"})


class Repeatable:
    """The first request with a key, while the service works on it."""

    def __init__(self, served: Runtime, claimed: Claimed) -> None:
        self._served, self._claimed = served, claimed
        self._kept = False

    def keep_within(self, connection: Connection, response: Response) -> None:
        """Keep an answer in the transaction that writes what the answer describes; raises RequestProblem."""
        try:
            finish(connection, self._claimed, _answer(response), self._served.access.now())
        except TakenOver as error:
            raise in_progress(1) from error
        self._kept = True

    def keep(self, response: Response) -> None:
        """Keep an answer unless it is kept already; if it is not a success, free the key instead."""
        if self._kept:
            return
        if not 200 <= response.status_code < 300:
            self.free()
            return
        engine, now = self._served.store.engine, self._served.access.now()
        try:
            with writing(engine) as connection:
                finish(connection, self._claimed, _answer(response), now)
        except (StoreUnavailable, TakenOver) as error:
            log.warning("an answer could not be kept for repeated requests: %s", error)

    def free(self) -> None:
        """Free the key; if the database cannot be written, the lease of the key runs out later."""
        if not self._kept:
            try:
                give_up(self._served.store.engine, self._claimed)
            except StoreUnavailable as error:
                log.warning("an Idempotency-Key could not be freed: %s", error)


class RepeatableRoute(APIRoute):
    """A route that keeps its answers for repeated requests."""

    def get_route_handler(self) -> Handler:
        """Return the route's handler, which keeps its answer when the request has the header."""
        handler = super().get_route_handler()

        async def kept(request: Request) -> Response:
            if HEADER not in request.headers:
                return await handler(request)
            try:
                response = await handler(request)
            except Replayed as replayed:
                return replayed.response()
            except BaseException:
                first = _first(request)
                if first is not None:
                    await run_in_threadpool(first.free)
                raise
            first = _first(request)
            if first is not None:
                await run_in_threadpool(first.keep, response)
            return response

        return kept


def repeating(named: Named) -> Callable[..., Coroutine[Any, Any, Repeatable | None]]:
    """Return the dependency that claims a request; `named` reads the ids of the answer's accounts from its body."""

    async def repeatable(
        request: Request, served: Annotated[Runtime, Depends(runtime)], key: Key = None
    ) -> Repeatable | None:
        """Claim a request that has a key; returns None without a key. Raises Replayed, RequestProblem."""
        if key is None:
            return None
        body = await request.body()
        accounts = await named(request)
        first = await run_in_threadpool(_begin, request, served, key, body, accounts)
        request.scope["state"]["repeatable"] = first
        return first

    return repeatable


async def accounts_in(request: Request) -> set[str]:
    """Return the ids of the accounts that a request names, and therefore its answer; the route validates the body."""
    try:
        return accounts_of(await request.json())  # The request keeps the parsed body for the route.
    except (ValueError, RecursionError):
        return set()


def accounts_of(body: Any) -> set[str]:
    """Return the ids of the accounts that a parsed body names."""
    if isinstance(body, PlainRequest):
        return {history.account.account_id for history in body.accounts}
    if not isinstance(body, dict):
        return set()
    accounts = body.get("accounts")
    entries = accounts if isinstance(accounts, list) else []
    inner = [entry.get("account") for entry in entries if isinstance(entry, dict)]
    ids = [record.get("account_id") for record in (body, *inner) if isinstance(record, dict)]
    return {account_id for account_id in ids if isinstance(account_id, str)}


async def nobody(request: Request) -> Collection[str]:
    """Return no ids, because the answer holds no data of accounts."""
    return ()


RepeatDependency = Annotated[Repeatable | None, Depends(repeating(accounts_in))]
JobRepeatDependency = Annotated[Repeatable | None, Depends(repeating(nobody))]


def in_progress(seconds: int) -> RequestProblem:
    """Return the 409 of a repeated request while the service still works on the first one."""
    faults = [FieldError(pointer=POINTER, detail="the first request with this key is still being worked on")]
    headers = {"Retry-After": str(seconds)}
    return RequestProblem("the request is still being worked on; ask again", faults, 409, "in-progress", headers)


def _begin(request: Request, served: Runtime, key: str, body: bytes, accounts: Collection[str]) -> Repeatable:
    principal: str = request.scope["state"]["principal_id"]
    operation = f"{request.method} {request.scope['route'].path}"
    query = f"?{request.url.query}" if request.url.query else ""
    asked_for = f"{request.method} {request.scope['path']}{query}\n"
    fingerprint = hashlib.sha256(asked_for.encode("utf-8", "replace") + body)
    asked = Asked(principal, operation, key, fingerprint.hexdigest())
    now: datetime = served.access.now()
    # A request that exceeds the permitted time is dead: its caller got a 503, or its worker was killed.
    lease = timedelta(seconds=2 * served.settings.answer_seconds)
    try:
        claimed_or_answer = begin(served.store.engine, asked, now, lease, accounts)
    except InProgress as error:
        raise in_progress(min(error.seconds, SOON_SECONDS)) from error
    except KeyReused as error:
        faults = [FieldError(pointer=POINTER, detail="was sent before with another request")]
        raise RequestProblem(str(error), faults, 422, "key-reused") from error
    if isinstance(claimed_or_answer, Answer):
        raise Replayed(claimed_or_answer)
    return Repeatable(served, claimed_or_answer)


def _first(request: Request) -> Repeatable | None:
    first: Repeatable | None = request.scope.get("state", {}).get("repeatable")
    return first


def _answer(response: Response) -> Answer:
    headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
    return Answer(response.status_code, headers, bytes(response.body))
