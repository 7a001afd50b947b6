"""GET /v1/losses: a review of each account that left in the twelve months before the newest run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from serving.access.principal import Principal
from serving.api.answers.responses import REQUEST_ID
from serving.api.answers.shown import WARNINGS, LangQuery, ModelBrief, OffsetQuery, WarningOut
from serving.api.answers.stored import met_nobody, run_model, run_warnings
from serving.api.document.documented import errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.figure_routes import ManagerQuery
from serving.database.engine import reading
from serving.losses.kept_departures import Period, read_period
from serving.losses.loss_list import LossList, read_losses
from serving.losses.loss_report import as_plain
from serving.losses.verdicts import VERDICTS, Verdict
from serving.scoring.scoring import CENTS
from serving.words.formats import Lang

router = APIRouter(tags=["Figures"])
MOST_ROWS = 200


class LossSums(BaseModel):
    """How many losses have a verdict, and what they come to."""

    losses: int = Field(description="Number of losses")
    revenue_365d: float = Field(description="A year's invoicing before each end, summed")


class SeenRun(BaseModel):
    """What the last run until a day said of the account."""

    model_config = ConfigDict(protected_namespaces=())
    as_of: date = Field(description="Its as-of date")
    model_version: str = Field(description="Version of its model")
    scored_at: str = Field(description="When it was scored")
    scored_afterwards: bool = Field(description="Whether it was scored only after the account had left")
    churn_probability: float = Field(description="0-1")
    revenue_at_risk: float = Field(description="In `currency`")
    band: str = Field(description="at_risk, safe or unknown")
    rank: int = Field(description="Place by revenue at risk, from 1")
    of: int = Field(description="Accounts of the run")
    top: bool = Field(description="Whether it stood among those that can be contacted")
    seen: bool = Field(description="Whether it stood at risk or at the top")


class KnownOut(BaseModel):
    """What was known so many days before the end."""

    days: int = Field(description="180, 90 or 30 days before the end")
    on: date = Field(description="The day")
    run: SeenRun | None = Field(description="The last run until then that counts")
    why: str | None = Field(description="no_run, learnt_later or not_scored where there is none")
    facts: dict[str, float | None] | None = Field(
        description="Plain facts of the book by signal; null where the account was no customer"
    )


class LossOut(BaseModel):
    """One loss."""

    account_id: str = Field(description="The account's id as in the accounts table")
    name: str | None = Field(description="The account's name, where it is known")
    account_manager: str | None = Field(description="Whose account it was")
    ended_on: date = Field(description="First day without a valid relationship")
    returned: bool = Field(description="Whether it is a customer again at the as-of date")
    revenue_365d: float = Field(description="A year's invoicing before the end, in `currency`")
    cause: str | None = Field(description="Why it left; null where nobody says")
    cause_from: str | None = Field(description="churns or feedback")
    verdict: Verdict = Field(
        description="surprise: runs judged it and none had seen it; not_known; "
        "seen_afterwards: only runs that were scored after the end; seen"
    )
    seen_days_before: int | None = Field(description="Days before the end by which it had, or would have, been seen")
    known: list[KnownOut] = Field(description="180, 90 and 30 days before the end")


class LossesOut(BaseModel):
    """A page of the losses: surprises first, by falling revenue."""

    request_id: str = REQUEST_ID
    as_of: date | None = Field(description="The run's as-of date; null while no scores are stored")
    model: ModelBrief | None = Field(description="The model and its grade; null while no scores are stored")
    first: date | None = Field(description="First day of the period before it")
    currency: str | None = Field(description="Currency of all amounts, where it is known")
    reason: str | None = Field(description="Why no losses are known, as a sentence; null where they are")
    total: int = Field(description="Number of losses that the caller may see")
    verdicts: dict[str, LossSums] = Field(description="By verdict, over all of these")
    warnings: list[WarningOut] = WARNINGS
    losses: list[LossOut] = Field(description="Those from `offset` on")


@router.get(
    "/v1/losses",
    responses=errors(422),
    operation_id="listLosses",
    summary="A review of each account that left in the twelve months before the newest run",
)
def losses(
    request: Request,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    account_manager: ManagerQuery = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most losses of an answer")] = 50,
    offset: OffsetQuery = 0,
    lang: LangQuery = "en",
) -> LossesOut:
    """Return the losses of the accounts that the caller may see."""
    with reading(served.store.engine) as connection:
        period = read_period(connection)
        found = LossList({}, ())
        if period is not None and principal.may_ask_for(account_manager):
            found = read_losses(connection, period, principal.whose(account_manager), offset, limit)
    beside = met_nobody(served.store, principal, account_manager) if period is not None and not found.total else []
    note_read(request, served, principal.id, "list", [review.departure.account_id for review in found.listed])
    return LossesOut(
        request_id=request_id(request), **_period(period, lang), total=found.total, verdicts=_sums(found.revenues),
        model=None if period is None else run_model(period.model_version, period.model, lang),
        warnings=run_warnings(
            {} if period is None else period.model, None if period is None else period.as_of, lang, beside
        ),
        losses=[LossOut.model_validate(as_plain(review)) for review in found.listed],
    )  # fmt: skip


def _period(period: Period | None, lang: Lang) -> dict[str, Any]:
    if period is None:
        return dict.fromkeys(("as_of", "first", "currency", "reason"))
    reason = None if period.why is None else period.why.told(lang)
    return {"as_of": period.as_of, "first": period.first, "currency": period.currency, "reason": reason}


def _sums(revenues: Mapping[Verdict, Sequence[float]]) -> dict[str, LossSums]:
    each = {verdict: revenues.get(verdict, ()) for verdict in VERDICTS}
    return {name: LossSums(losses=len(of), revenue_365d=round(sum(of), CENTS)) for name, of in each.items()}
