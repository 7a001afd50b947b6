"""GET and POST /login, POST /logout, GET /login/oidc, /login/callback and /login/leave: how sessions begin and end.

A key begins one by the form. A wrong key is counted like a wrong credential of any other route, under the same limit.
Where an issuer is set, the form leads there too, and the browser comes back with a code (`serving.access.code_flow`).
What such an attempt needs stands in a cookie of this browser, for some minutes and one answer. Whatever goes wrong is
told above the form, where a key still opens the pages. Who was led here from a form gets back what was typed there
after signing in; nothing of it is stored before it is sent again.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.access.keys import PREFIX
from serving.access.page_sessions import new_token
from serving.access.principal import Principal
from serving.api.answers.stored import stored_for
from serving.api.edge.demands import CHALLENGE, STATUSES, caller
from serving.errors import AccessRefused, IssuerAway, ScopeMissing, TooOften, Unauthenticated
from serving.pages.account_page import framed
from serving.pages.answering import answer, redirect, trouble
from serving.pages.visiting import (
    ATTEMPT,
    ATTEMPT_LASTS,
    DRAFT,
    FORM,
    MOST_FIELDS,
    SESSION,
    TOKEN,
    Visit,
    cookie_of,
    demand,
    drop_cookie,
    form_of,
    local_address,
    set_cookie,
    unsigned,
    visit_of,
)
from serving.words.formats import LANGS, Lang
from serving.words.wording import screen_texts

#: The path under which accounts are.
ACCOUNTS = "/accounts/"
#: What is wrong with what was typed into the field of the key.
KEY_WRONG = ("no_key", "wrong_key", "key_may_not_read")
CALLBACK = "/login/callback"
#: Longest address that an attempt leads back to: browsers keep cookies of 4,096 bytes.
LONGEST_ADDRESS = 2000
#: Most bytes of a form that a cookie keeps: browsers take 4,096, encoded and with all that is around it.
LONGEST_DRAFT = 2700


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
    return await begun(visit, principal, None, address, draft)


async def begun(visit: Visit, principal: Principal, issuer: str | None, address: str, draft: str) -> Response:
    """Begin a session and go on to an address.

    Parameters
    ----------
    issuer : str or None
        Who gave the principal its rights; None: its key has them.
    draft : str
        A form that is to be sent again.
    """
    request, session = visit.request, await run_in_threadpool(visit.sessions.begin, principal, issuer)
    signed_in = Visit(request, visit.served, visit.lang, session, principal, session)
    response = await run_in_threadpool(_after, signed_in, address, draft)
    set_cookie(request, response, SESSION, session)
    for name in (FORM, ATTEMPT, DRAFT):
        drop_cookie(request, response, name)
    return response


async def sign_out(request: Request) -> Response:
    """End the session, in the database too; who signed in at the issuer is told that he still is there."""
    visit, form = await visit_of(request), await form_of(request)
    if form is None or not visit.sent_token(form):
        return trouble(request, 403, "form_stale")
    if visit.session is not None:
        await run_in_threadpool(visit.sessions.end, visit.session)
    by_issuer = visit.reader.id.startswith("oidc:") and await issuer_sign_out(visit)
    response = redirect(f"/login?lang={visit.lang}" + ("&left=yes" if by_issuer else ""))
    drop_cookie(request, response, SESSION)
    return response


async def issuer_sign_out(visit: Visit) -> str | None:
    """Return where the issuer signs people out, and leads back from; None where there is none, or it is away."""
    gate = visit.served.access
    if gate.flow is None:
        return None
    try:
        return await gate.at_issuer(gate.flow.end_session, own_address(visit, "/login"))
    except IssuerAway:
        return None


async def to_issuer(request: Request) -> Response:
    """Send the browser to the issuer."""
    visit, address = unsigned(request), local_address(request.query_params.get("next", "/"))
    gate, secret = visit.served.access, new_token()
    if gate.flow is None:
        return redirect(f"/login?lang={visit.lang}")
    try:
        issuer = await gate.at_issuer(gate.flow.address, secret, own_address(visit, CALLBACK))
    except IssuerAway as error:
        return _told(visit, address, error)
    response = redirect(issuer)
    kept = address if len(address) <= LONGEST_ADDRESS else "/"
    told = urlsafe_b64encode(f"{visit.lang}{kept}".encode()).decode()
    set_cookie(request, response, ATTEMPT, f"{secret}.{told}", ATTEMPT_LASTS)
    return response


async def from_issuer(request: Request) -> Response:
    """Begin a session for who comes back from the issuer."""
    secret, lang, address = _attempt(cookie_of(request, ATTEMPT))
    visit = unsigned(request, lang)
    gate = visit.served.access
    if gate.flow is None:
        return redirect(f"/login?lang={visit.lang}")
    try:
        answer = dict(request.query_params)
        principal = await gate.signed_in(secret, own_address(visit, CALLBACK), answer, caller(request))
        demand(principal, "read")
    except AccessRefused as error:
        return _told(visit, address, error)
    return await begun(visit, principal, gate.flow.issuer, address, kept_draft(request, address))


async def leave_issuer(request: Request) -> Response:
    """Send the browser to where the issuer signs people out; where there is no such place, to our sign-in."""
    visit = unsigned(request)
    return redirect(await issuer_sign_out(visit) or f"/login?lang={visit.lang}")


def own_address(visit: Visit, path: str) -> str:
    """Return the whole address of a path of ours, as the issuer knows it."""
    base = visit.served.settings.public_url or str(visit.request.base_url)
    return base.rstrip("/") + path


def sign_in_form(
    visit: Visit, address: str, draft: str = "", problem: str = "", status: int = 200, seconds: int | None = None
) -> Response:
    """Return the form; `problem` names a text of the section `trouble`, `draft` is a form that is to be sent again."""
    said = screen_texts(visit.lang)["trouble"][problem].format(seconds=seconds) if problem else ""
    if problem:
        visit.request.scope.setdefault("state", {})["problem"] = problem.replace("_", "-")
    by_issuer, kept = visit.served.access.flow is not None, _draft_cookie(address, draft)
    shown = {
        "problem": said,
        "key_wrong": problem in KEY_WRONG,
        "next": address,
        "draft": draft,
        "token_name": TOKEN,
        "issuer": f"/login/oidc?{urlencode({'next': address, 'lang': visit.lang})}" if by_issuer else "",
        "too_long": by_issuer and draft and not kept,
        "leave": f"/login/leave?lang={visit.lang}" if by_issuer and visit.request.query_params.get("left") else "",
    }
    response = answer(visit, "login.html.j2", status, **shown)
    if by_issuer and kept:
        set_cookie(visit.request, response, DRAFT, kept, ATTEMPT_LASTS)
    elif cookie_of(visit.request, DRAFT):
        drop_cookie(visit.request, response, DRAFT)
    if status == HTTPStatus.UNAUTHORIZED:  # HTTP demands it; a browser asks nobody because of this scheme.
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def kept_draft(request: Request, address: str) -> str:
    """Return the form that was kept for an address while somebody signed in at the issuer; empty without one."""
    try:
        of, _, draft = urlsafe_b64decode(cookie_of(request, DRAFT).encode()).decode().partition("\n")
    except ValueError:
        return ""
    return draft if of == address else ""


def _draft_cookie(address: str, draft: str) -> str:
    """Return a form as the value of a cookie; empty without one, and where it is too long for a browser to keep."""
    text = f"{address}\n{draft}".encode()
    return urlsafe_b64encode(text).decode() if draft and len(text) <= LONGEST_DRAFT else ""


def _after(visit: Visit, address: str, draft: str) -> Response:
    """Go on to where the reader wanted to; with a form that is to be sent again, to that form."""
    path = urlsplit(address).path
    if draft and path.startswith(ACCOUNTS):
        stored = stored_for(visit.served.store, visit.reader, unquote(path.removeprefix(ACCOUNTS)))
        return framed(visit, stored, form=dict(parse_qsl(draft, errors="replace", max_num_fields=MOST_FIELDS)))
    return redirect(address if path != "/login" else "/")


def _attempt(cookie: str) -> tuple[str, Lang | None, str]:
    """Return secret, language and address of an attempt; all of it comes from the browser, and may be anything."""
    secret, _, told = cookie.partition(".")
    try:
        text = urlsafe_b64decode(told.encode()).decode()
    except ValueError:
        text = ""
    return secret, cast(Lang, text[:2]) if text[:2] in LANGS else None, local_address(text[2:])


def _told(visit: Visit, address: str, error: AccessRefused) -> Response:
    """Return the form of the sign-in with what is wrong above it; the attempt is over."""
    status, code = STATUSES[type(error)]
    problem = "account_may_not_read" if isinstance(error, ScopeMissing) else code.replace("-", "_")
    seconds = error.seconds if isinstance(error, IssuerAway | TooOften) else None
    response = sign_in_form(visit, address, kept_draft(visit.request, address), problem, status, seconds)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    drop_cookie(visit.request, response, ATTEMPT)
    return response
