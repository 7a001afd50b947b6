"""GET /v1/figures and GET /v1/figures/{name}: the programme's figures of the newest run, with series and definition.

A caller who may see only one account manager's accounts gets the figures of these accounts, and the accounts behind a
figure from among them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from features.figures.asking import no_such_figure
from features.figures.figure import all_figures, figure_names
from serving.access.principal import Principal
from serving.api.answers.figure_models import FiguresOut, OneFigureOut, figures_for, figures_out, one_figure_out
from serving.api.answers.shown import LangQuery
from serving.api.answers.stored import met_nobody
from serving.api.document.documented import errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.scoring.cautions import Caution
from serving.store import Behind, StoredFigures
from serving.store.whose import Whose

router = APIRouter(tags=["Figures"])
MOST_ACCOUNTS = 200
LONGEST_NAME = 100
ManagerQuery = Annotated[str | None, Query(description="Only of this account manager's accounts")]


@router.get(
    "/v1/figures",
    responses=errors(422),
    operation_id="listFigures",
    summary="The programme's figures of the newest stored run, with series and definition",
)
def figures(
    request: Request,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    account_manager: ManagerQuery = None,
    lang: LangQuery = "en",
) -> FiguresOut:
    """Return every figure; one that is not known has no value and a reason."""
    stored = figures_for(served.store, principal, account_manager)
    beside = _beside(served, stored, principal, account_manager)
    return figures_out(stored, _sees_all(principal, account_manager), request_id(request), lang, beside)


@router.get(
    "/v1/figures/{name}",
    responses=errors(404, 422),
    operation_id="getFigure",
    summary="One figure with series, definition and the accounts behind it",
)
def figure(
    request: Request,
    name: Annotated[str, Path(max_length=LONGEST_NAME, description="Name of the figure, as in listFigures")],
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    account_manager: ManagerQuery = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ACCOUNTS, description="Most accounts that are listed")] = 50,
    lang: LangQuery = "en",
) -> OneFigureOut:
    """Return one figure; the accounts are those of the run's own date."""
    if name not in figure_names():
        raise _unknown(name)
    stored = figures_for(served.store, principal, account_manager)
    behind = _behind(served, stored, name, principal.whose(account_manager), limit)
    if behind is not None:
        note_read(request, served, principal.id, "list", [row["account_id"] for row in behind.accounts])
    sees_all = _sees_all(principal, account_manager)
    beside = _beside(served, stored, principal, account_manager)
    return one_figure_out(stored, sees_all, name, behind, request_id(request), lang, beside)


def _beside(
    served: Runtime, stored: StoredFigures | None, principal: Principal, account_manager: str | None
) -> list[Caution]:
    """Return that there are no figures since the account manager is nobody."""
    nothing = stored is not None and stored.record is None
    return met_nobody(served.store, principal, account_manager) if nothing else []


def _behind(served: Runtime, stored: StoredFigures | None, name: str, whose: Whose, limit: int) -> Behind | None:
    """Return the accounts behind a figure that adds up and is known."""
    if stored is None or stored.record is None or name not in stored.record["figures"]:
        return None
    adds_up = next(found.adds_up for found in all_figures() if found.name == name)
    if not adds_up or stored.record["figures"][name]["value"][-1] is None:
        return None
    return served.store.behind(stored.run["run_id"], name, whose, limit)


def _sees_all(principal: Principal, account_manager: str | None) -> bool:
    return principal.account_managers is None and account_manager is None


def _unknown(name: str) -> RequestProblem:
    detail = f"{name!r}: {no_such_figure(name)}"
    return RequestProblem(detail, [FieldError(pointer="/path/name", detail=detail)], 404, "figure-unknown")
