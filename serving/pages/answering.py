"""What every page shares: routes that may take forms, refusals in the reader's language, redirects."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from features.errors import AccountUnknown
from serving.api.edge.demands import STATUSES
from serving.api.edge.matching import QueryFault, matching, query_faults
from serving.api.edge.problems import RequestProblem, path_of
from serving.errors import AccessRefused, PdfUnavailable, StoreUnavailable, TooOften, Unauthenticated
from serving.pages.page_html import HEADERS, page
from serving.pages.visiting import Visit, language
from serving.portfolio.wanted import page_of
from serving.words.formats import LANGS
from serving.words.wording import screen_texts

STORE_AWAY_SECONDS = 5
#: Views of a page beside the usual one.
VIEWS = ("print", "pdf")
log = logging.getLogger("churn_risk.api")
T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


class PageRoute(Route):
    """A route of a page, for exactly these methods; one that takes POST reads a form.

    Parameters
    ----------
    takes, several : collection of str
        Names that may stand in its address beside `lang`, and those of them that may stand more than once. Any may
        where `takes` is None: an issuer sends people back with names of its own.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        methods: Collection[str] = ("GET",),
        *,
        takes: Collection[str] | None = (),
        several: Collection[str] = (),
    ) -> None:
        super().__init__(path, told(endpoint), methods=list(methods))
        self.takes, self.several = None if takes is None else ("lang", *takes), several
        self.methods = set(methods)  # Starlette adds HEAD, which no other route of the app takes.
        self.takes_form = "POST" in self.methods


def told(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose refusals are pages; who is not signed in is led to the sign-in."""

    @wraps(endpoint)
    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Unauthenticated:
            return to_sign_in(request)
        except AccountUnknown:
            return trouble(request, 404, "no_account")
        except AccessRefused as error:
            status, code = STATUSES[type(error)]
            seconds = error.seconds if isinstance(error, TooOften) else None
            return trouble(request, status, code.replace("-", "_"), seconds)
        except StoreUnavailable as error:
            log.error("no score store while answering a page", exc_info=error)
            return trouble(request, 503, "store_away", STORE_AWAY_SECONDS)
        except PdfUnavailable as error:
            log.error("no PDF for a page: %s", error)
            return trouble(request, HTTPStatus.CONFLICT, "no_pdf")
        except RequestProblem as error:
            return trouble(request, error.status, "not_ready", STORE_AWAY_SECONDS)

    return answering


def trouble(request: Request, status: int, code: str, seconds: int | None = None) -> Response:
    """Return a page that says what is wrong and what to do.

    Parameters
    ----------
    code : str
        Names a text of the section `trouble`.
    seconds : int, optional
        When it is worth asking again.
    """
    lang = language(request)
    request.scope.setdefault("state", {})["problem"] = code.replace("_", "-")
    text = screen_texts(lang)["trouble"][code].format(seconds=seconds)
    response = page("trouble.html.j2", lang, status, text=text, home=f"/?lang={lang}")
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in, and from there back to what was asked for."""
    asked = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return redirect("/login?" + urlencode({"next": asked, "lang": language(request)}))


def redirect(address: str) -> Response:
    """Return the answer to a form, or to who has to go elsewhere first: a page to be opened next."""
    return RedirectResponse(address, 303, dict(HEADERS))


def address_problems(visit: Visit) -> tuple[str, ...]:
    """Return what the address asks of this page in vain: a language, a view, names that it does not know or takes once.

    `answer` tells it above every page; a file or a report alone has no room for it.
    """
    words, query = screen_texts(visit.lang)["trouble"], visit.request.query_params
    asked, route = query.get("lang", ""), matching(visit.request.scope)
    problems: tuple[str, ...] = () if asked in (*LANGS, "") else (words["no_lang"].format(value=asked),)
    if isinstance(route, PageRoute) and route.takes is not None:
        view = query.get("view", "") if "view" in route.takes else ""
        problems += () if view in (*VIEWS, "") else (words["no_view"].format(value=view),)
        names = (name for name, _ in query.multi_items())
        problems += tuple(_told(fault, route.takes, words) for fault in query_faults(names, route.takes, route.several))
    return problems


def _told(fault: QueryFault, takes: Collection[str], words: Mapping[str, str]) -> str:
    if fault.repeated:
        return words["twice"].format(value=fault.name)
    meant = words["meant"].format(value=fault.meant) if fault.meant else ""
    return words["no_parameter"].format(value=fault.name, meant=meant, known=", ".join(takes))


@dataclass(frozen=True)
class Pager:
    """A page of a list: `counted` says which of how many; `before` and `after` are addresses, empty where none is."""

    page: int
    counted: str
    before: str
    after: str

    def of(self, rows: Sequence[T], size: int) -> Sequence[T]:
        """Return the rows of this page."""
        return rows[(self.page - 1) * size : self.page * size]


def paged(visit: Visit, total: int, size: int, field: str = "page") -> tuple[Pager, tuple[str, ...]]:
    """Return the page that the address asks for, and in words why it is another one.

    Parameters
    ----------
    total, size : int
        Rows of the list, and of a page.
    field : str
        Its name in the address, where a page has several lists.
    """
    words, query = screen_texts(visit.lang), dict(visit.request.query_params)
    pages = max(1, -(-total // size))
    page, problems = page_of(query.get(field, ""), visit.lang)
    if page > pages:
        problems += (words["trouble"]["no_page"].format(value=page, pages=pages),)
        page = pages

    def at(number: int) -> str:
        return "?" + urlencode(query | {field: number, "lang": visit.lang}) if 1 <= number <= pages else ""

    counted = words["portfolio"]["page_of"].format(page=page, pages=pages) if pages > 1 else ""
    return Pager(page, counted, at(page - 1), at(page + 1)), problems


def account_address(account_id: str, lang: str) -> str:
    """Return the address of an account's page."""
    return f"/accounts/{quote(account_id, safe='')}?lang={lang}"


def answer(visit: Visit, template: str, status: int = 200, **shown: Any) -> Response:
    """Return a page of a visit, with what the frame around every page needs and what its address asks in vain."""
    in_vain = address_problems(visit)
    frame = {
        "in_vain": in_vain,
        "token": visit.form_token,
        "signed_in": visit.session is not None,
        "home": f"/?lang={visit.lang}",
        "figures": f"/figures?lang={visit.lang}",
        "renewals": f"/renewals?lang={visit.lang}",
        "losses_page": f"/losses?lang={visit.lang}",
        "other_lang": visit.address("en" if visit.lang == "de" else "de"),
        "reader": visit.principal.reader if visit.principal else None,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if in_vain and status == HTTPStatus.OK else status
    return visit.keep_cookie(page(template, visit.lang, status, **(frame | shown)))
