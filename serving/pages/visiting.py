"""Who opens a page, in which language, and with which cookie: a request goes in, a `Visit` comes out, or a refusal.

A page takes no credential from a header: a browser sends none by itself. It takes the session's cookie, and while there
are no keys it lets this machine in, as the gate does. Cookies are HttpOnly and SameSite; over https they are Secure and
bound to the host by their name. Every form sends a token that belongs to the cookie, the session's or, before anybody
has signed in, one that only forms use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.access.page_sessions import LASTS, SessionStore, form_token, is_form_token, new_token
from serving.access.principal import Principal
from serving.api.edge.demands import caller
from serving.api.edge.runtime import Runtime, runtime
from serving.errors import ScopeMissing
from serving.words.formats import LANGS, Lang

SESSION, FORM = "churn_risk_session", "churn_risk_form"
#: What a sign-in at the issuer needs, and what was typed before it; for so long.
ATTEMPT, DRAFT = "churn_risk_attempt", "churn_risk_draft"
ATTEMPT_LASTS = timedelta(minutes=10)
#: Most bytes and fields of a form.
LONGEST_FORM, MOST_FIELDS = 65_536, 40
TOKEN = "token"


@dataclass(frozen=True)
class Visit:
    """One request of a page.

    Attributes
    ----------
    request : Request
    served : Runtime
    lang : 'de' or 'en'
    cookie : str
        The value that this visit's forms are bound to.
    principal : Principal or None
        None: nobody is signed in.
    session : str or None
        The session's token; None without one, and where this machine needs none.
    """

    request: Request
    served: Runtime
    lang: Lang
    cookie: str
    principal: Principal | None = None
    session: str | None = None

    @property
    def reader(self) -> Principal:
        """Who reads; only after `demand_reader`."""
        assert self.principal is not None
        return self.principal

    @property
    def form_token(self) -> str:
        """What a form of this visit sends along."""
        return form_token(self.cookie)

    @property
    def sessions(self) -> SessionStore:
        """The sessions."""
        return SessionStore(self.served.store.engine, self.served.access.now)

    @property
    def today(self) -> date:
        """The day that it is for readers, in the zone of the pages."""
        return self.served.today

    def sent_token(self, form: dict[str, str]) -> bool:
        """Whether a form comes from a page of ours that this browser was shown."""
        return is_form_token(form.get(TOKEN, ""), self.cookie)

    def address(self, lang: Lang) -> str:
        """Return this page's address in a language."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "lang"]
        return "?" + urlencode([*kept, ("lang", lang)])

    def keep_cookie(self, response: Response) -> Response:
        """Give the browser the cookie that the forms of this answer are bound to, where it has none yet."""
        if self.session is None and self.request.cookies.get(_name(self.request, FORM)) != self.cookie:
            set_cookie(self.request, response, FORM, self.cookie)
        return response


async def visit_of(request: Request) -> Visit:
    """Return the visit of a request; `principal` is None when nobody is signed in.

    Raises
    ------
    AccessRefused, StoreUnavailable, RequestProblem
        Closed for other machines while there are no keys; TooOften for a key beyond its rate.
    """
    served, lang = runtime(request), language(request)
    token = request.cookies.get(_name(request, SESSION))
    form = request.cookies.get(_name(request, FORM)) or new_token()
    visit = Visit(request, served, lang, form)
    whose = await run_in_threadpool(visit.sessions.session, token) if token else None
    principal = await served.access.resume(whose, caller(request))
    request.scope.setdefault("state", {})["principal_id"] = principal.id
    if whose is None:
        return Visit(request, served, lang, form, principal)
    return Visit(request, served, lang, str(token), principal, token)


def demand(principal: Principal, scope: str) -> None:
    """Raise ScopeMissing unless a principal has a scope."""
    if not principal.may(scope):  # type: ignore[arg-type]
        raise ScopeMissing(f"the scope {scope!r} is needed")


def unsigned(request: Request, lang: Lang | None = None) -> Visit:
    """Return a visit of somebody who is not signed in; in the language of the address where none is given."""
    form = request.cookies.get(_name(request, FORM)) or new_token()
    return Visit(request, runtime(request), lang or language(request), form)


def language(request: Request) -> Lang:
    """Return the reader's language: of the address, else the first of the browser's that there is, else English."""
    asked = request.query_params.get("lang", "")
    if asked in LANGS:
        return asked
    sent = request.headers.get("accept-language", "").lower().split(",")
    spoken = (part.strip()[:2] for part in sent)
    return cast(Lang, next((lang for lang in spoken if lang in LANGS), "en"))


async def form_of(request: Request) -> dict[str, str] | None:
    """Return the fields of a sent form, the last of each name; None when it is too large or no form at all."""
    body = await request.body()
    if len(body) > LONGEST_FORM:
        return None
    try:
        text = body.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS))
    except ValueError:
        return None


def set_cookie(request: Request, response: Response, name: str, value: str, lasts: timedelta = LASTS) -> None:
    """Set a cookie that no script reads and that comes with no request from another site but an opened link."""
    response.set_cookie(
        _name(request, name),
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="lax",
    )


def cookie_of(request: Request, name: str) -> str:
    """Return a cookie's value; empty where there is none."""
    return request.cookies.get(_name(request, name), "")


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Remove a cookie."""
    response.delete_cookie(_name(request, name), path="/", secure=_secure(request), httponly=True, samesite="lax")


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _name(request: Request, name: str) -> str:
    """Return a cookie's name; with this prefix no other host and no page without https can set it."""
    return f"__Host-{name}" if _secure(request) else name


def local_address(address: str) -> str:
    """Return an address of ours to go on to; anything that might lead elsewhere becomes the portfolio.

    Examples
    --------
    >>> local_address("/accounts/A1?lang=de"), local_address("//evil.example"), local_address("https://evil.example")
    ('/accounts/A1?lang=de', '/', '/')
    """
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if ours and address.isprintable() and len(address) < 4096 else "/"
