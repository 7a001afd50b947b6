"""GET and POST /login, POST /logout: an API key becomes a session, and ends it.

A wrong key is counted like a wrong credential of any other route, under the same limit. Who was led here from a form
gets back what was typed there after signing in; nothing of it is stored before it is sent again.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.access.keys import PREFIX
from serving.api.answers.stored import stored_for
from serving.api.edge.demands import CHALLENGE, caller
from serving.errors import ScopeMissing, TooOften, Unauthenticated
from serving.pages.account_page import framed
from serving.pages.answering import answer, redirect, trouble
from serving.pages.visiting import (
    FORM,
    MOST_FIELDS,
    SESSION,
    TOKEN,
    Visit,
    demand,
    drop_cookie,
    form_of,
    local_address,
    set_cookie,
    unsigned,
    visit_of,
)
from serving.words.wording import screen_texts

#: The path under which accounts are.
ACCOUNTS = "/accounts/"


async def sign_in_page(request: Request) -> Response:
    """Show the form; who needs none, or is signed in already, goes on."""
    address = local_address(request.query_params.get("next", "/"))
    try:
        await visit_of(request)
    except Unauthenticated:
        return sign_in_form(unsigned(request), address)
    return redirect(address)


async def sign_in(request: Request) -> Response:
    """Begin a session for a key."""
    visit, form = unsigned(request), await form_of(request)
    if form is None:
        return trouble(request, 413, "form_too_large")
    address, draft = local_address(form.get("next", "/")), form.get("draft", "")
    if not visit.sent_token(form):
        return sign_in_form(visit, address, draft, "form_stale", 403)
    key = form.get("key", "").strip()
    if not key:
        return sign_in_form(visit, address, draft, "no_key", 422)
    asking = caller(request)
    try:
        # Anything but a key counts as a wrong one: a token of the issuer ends too soon to be worth a session.
        principal = await visit.served.access.identify(
            replace(asking, credential=key if key.startswith(PREFIX) else PREFIX)
        )
        demand(principal, "read")
    except Unauthenticated:
        return sign_in_form(visit, address, draft, "wrong_key", 401)
    except ScopeMissing:
        return sign_in_form(visit, address, draft, "key_may_not_read", 403)
    except TooOften as error:
        response = sign_in_form(visit, address, draft, "too_often", 429, error.seconds)
        response.headers["Retry-After"] = str(error.seconds)
        return response
    visit.served.access.note_use(principal)
    session = await run_in_threadpool(visit.sessions.begin, principal.id)
    signed_in = Visit(request, visit.served, visit.lang, session, principal, session)
    response = await run_in_threadpool(_after, signed_in, address, draft)
    set_cookie(request, response, SESSION, session)
    drop_cookie(request, response, FORM)
    return response


async def sign_out(request: Request) -> Response:
    """End the session, in the database too."""
    visit, form = await visit_of(request), await form_of(request)
    if form is None or not visit.sent_token(form):
        return trouble(request, 403, "form_stale")
    if visit.session is not None:
        await run_in_threadpool(visit.sessions.end, visit.session)
    response = redirect(f"/login?lang={visit.lang}")
    drop_cookie(request, response, SESSION)
    return response


def sign_in_form(
    visit: Visit, address: str, draft: str = "", problem: str = "", status: int = 200, seconds: int | None = None
) -> Response:
    """Return the form; `problem` names a text of the section `trouble`, `draft` is a form that is to be sent again."""
    said = screen_texts(visit.lang)["trouble"][problem].format(seconds=seconds) if problem else ""
    if problem:
        visit.request.scope.setdefault("state", {})["problem"] = problem.replace("_", "-")
    response = answer(visit, "login.html.j2", status, problem=said, next=address, draft=draft, token_name=TOKEN)
    if status == HTTPStatus.UNAUTHORIZED:  # HTTP demands it; a browser asks nobody because of this scheme.
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def _after(visit: Visit, address: str, draft: str) -> Response:
    """Go on to where the reader wanted to; with a form that is to be sent again, to that form."""
    path = urlsplit(address).path
    if draft and path.startswith(ACCOUNTS):
        stored = stored_for(visit.served.store, visit.reader, unquote(path.removeprefix(ACCOUNTS)))
        return framed(visit, stored, form=dict(parse_qsl(draft, errors="replace", max_num_fields=MOST_FIELDS)))
    return redirect(address if path != "/login" else "/")
