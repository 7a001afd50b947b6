"""GET /v1/renewals: contracts that end soon or are overdue, the account manager's call beside the model's."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serving.access.principal import Principal
from serving.api.answers.figure_models import rounded_number
from serving.api.answers.responses import REQUEST_ID
from serving.api.answers.shown import WARNINGS, LangQuery, ModelBrief, OffsetQuery, WarningOut
from serving.api.answers.stored import met_nobody, run_model, run_warnings
from serving.api.document.documented import errors
from serving.api.edge.demands import demand
from serving.api.edge.noted import note_read
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.api.routes.figure_routes import ManagerQuery
from serving.database.engine import reading
from serving.loose_texts import bare_choice
from serving.renewals.calls import Outcome, OwnCall, Renewal
from serving.renewals.to_renew import read_renewals
from serving.scoring.scoring import CENTS

router = APIRouter(tags=["Figures"])
MOST_ROWS = 200
KINDS = (
    "soon: the signed end lies within 180 days from `as_of` on; overdue: it was 2 to 90 days before, and no contract "
    "of the account runs. A contract that ended the day before `as_of` is in neither: one that follows without a gap "
    "begins at `as_of` and is known a day later, so score month-end terms on the 2nd"
)


class CallOut(BaseModel):
    """Both calls on a contract at one stage."""

    model_config = ConfigDict(protected_namespaces=())
    days_before: int = Field(description="180 or 90 days before the end; 0: the newest run")
    as_of: date = Field(description="As-of date of the newest run until then")
    model_version: str = Field(description="Version of the model that scored")
    churn_probability: float = Field(description="Of that run, 0-1")
    band: str = Field(description="Of that run")
    model: Outcome | None = Field(description="The band; null: too little was known")
    manager: OwnCall | None = Field(
        description="What somebody said of that score; wrong: too high or too low is not said; null: nobody said"
    )


class RenewalOut(BaseModel):
    """One contract."""

    account_id: str = Field(description="The account's id as in the accounts table")
    name: str | None = Field(description="The account's name, where it is known")
    account_manager: str | None = Field(description="Whose account it was when it was scored")
    contract_id: str = Field(description="As in the contracts table")
    ends_on: date = Field(description="Its signed end")
    annual_value: float = Field(description="In `currency`")
    overdue: bool = Field(description="Whether it ended 2 to 90 days before `as_of` and no other one runs")
    stays_probability: float | None = Field(
        description="That the customer is there 30 days after the end; null where it is overdue or not estimated"
    )
    expected: float | None = Field(description="annual_value x stays_probability")
    disagreed: bool = Field(description="Whether the newest call of a manager is another one than the model's")
    calls: list[CallOut] = Field(description="The earliest first; a stage is absent where no run had scored by then")

    @classmethod
    def of(cls, renewal: Renewal) -> RenewalOut:
        """Return a contract as an answer has it."""
        names = ("account_id", "name", "account_manager", "contract_id", "ends_on", "overdue", "disagreed")
        calls = [
            CallOut(
                days_before=stage, as_of=call.as_of, model_version=call.model_version,
                churn_probability=call.churn_probability, band=call.band, model=call.model, manager=call.manager,
            )
            for stage, call in sorted(renewal.calls.items(), reverse=True)
        ]  # fmt: skip
        own = {name: getattr(renewal, name) for name in names}
        stays, expected = rounded_number(renewal.stays, "share"), rounded_number(renewal.expected, "currency")
        value = round(renewal.value, CENTS) + 0.0
        return cls(**own, annual_value=value, stays_probability=stays, expected=expected, calls=calls)


class RenewalsOut(BaseModel):
    """A page of the contracts of the newest run: disagreements first, then by value x probability of being lost."""

    model_config = ConfigDict(protected_namespaces=())
    request_id: str = REQUEST_ID
    as_of: date | None = Field(description="The run's as-of date; null while no scores are stored")
    model_version: str | None = Field(description="Version of the model that scored; null while none has")
    model: ModelBrief | None = Field(description="The model and its grade; null while no scores are stored")
    stored: bool = Field(description="Whether the run keeps contracts: one without figures keeps none")
    currency: str | None = Field(description="Currency of all amounts, where it is known")
    total: int = Field(description="Number of contracts of this kind that the caller may see")
    warnings: list[WarningOut] = WARNINGS
    renewals: list[RenewalOut] = Field(description="Those from `offset` on")


@router.get(
    "/v1/renewals",
    responses=errors(422),
    operation_id="listRenewals",
    summary="Contracts to renew, the account manager's call beside the model's",
)
def renewals(
    request: Request,
    principal: Annotated[Principal, Depends(demand("read"))],
    served: Annotated[Runtime, Depends(runtime)],
    account_manager: ManagerQuery = None,
    kind: Annotated[Literal["soon", "overdue"], BeforeValidator(bare_choice), Query(description=KINDS)] = "soon",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most contracts of an answer")] = 50,
    offset: OffsetQuery = 0,
    lang: LangQuery = "en",
) -> RenewalsOut:
    """Return the contracts of the accounts that the caller may see."""
    with reading(served.store.engine) as connection:
        found = read_renewals(connection, principal.whose(account_manager))
        rows = None if found is None else found.soon if kind == "soon" else found.overdue
        total, listed = 0, list[Renewal]()
        if rows is not None and principal.may_ask_for(account_manager):
            total, listed = rows.total, list(rows.of(offset, limit))
    note_read(request, served, principal.id, "list", [row.account_id for row in listed])
    run = {} if found is None else found.run
    beside = met_nobody(served.store, principal, account_manager) if found is not None and not total else []
    return RenewalsOut(
        request_id=request_id(request), as_of=run.get("as_of"), model_version=run.get("model_version"),
        stored=found is not None and found.stored, currency=None if found is None else found.currency,
        model=run_model(run.get("model_version"), run.get("model", {}), lang),
        warnings=run_warnings(run.get("model", {}), run.get("as_of"), lang, beside),
        total=total, renewals=[RenewalOut.of(row) for row in listed],
    )  # fmt: skip
