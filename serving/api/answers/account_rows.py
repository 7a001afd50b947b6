"""The list of accounts that GET /v1/accounts returns: short rows, with the weightiest reasons in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.api.answers.shown import BAND, CRM_URL, WARNINGS, ModelBrief, WarningOut
from serving.api.answers.stored import run_model, run_warnings
from serving.scoring.cautions import Caution
from serving.store import Listed, Page
from serving.words.crm_link import crm_link
from serving.words.formats import Lang


class AccountRow(BaseModel):
    """One account of the list: its score in short; `getRisk` gives all reasons and the history."""

    model_config = ConfigDict(protected_namespaces=(), from_attributes=True)
    account_id: str = Field(description="The account's id as in the accounts table")
    name: str | None = Field(description="The account's name, where it is known")
    account_manager: str | None = Field(description="Whose account it was when it was scored")
    as_of: date = Field(description="What was known before this day was used")
    model_version: str = Field(description="Version of the model that scored")
    scored_at: datetime = Field(description="When it was scored (UTC)")
    churn_probability: float = Field(description="Calibrated probability of leaving, 0 to 1")
    revenue_365d: float = Field(description="A year's invoicing before as_of, in currency")
    value: float = Field(description="The account's yearly value, in currency")
    currency: str | None = Field(description="Currency of all sums, where it is known")
    revenue_at_risk: float = Field(
        description="churn_probability times revenue_365d, not below 0; the list's usual order"
    )
    expected_profit: float = Field(description="What the best action is expected to bring less its cost, in currency")
    best_action: str | None = Field(description="That action; null unless at risk and the profit is above 0")
    band: Literal["unknown", "at_risk", "safe"] = BAND
    threat: bool = Field(description="At risk and among the accounts that held 80 % of the book's value")
    base_probability: float = Field(description="The probability to which the reasons' contributions add up the score")
    reason_1: str | None = Field(description="The weightiest reason in words, with its effect on the estimate")
    reason_2: str | None = Field(description="The second reason")
    reason_3: str | None = Field(description="The third reason")
    unheard_180d: bool | None = Field(description="Whether no answer came in 180 days; null where it is not known")
    renewals_due_90d: float | None = Field(
        description="Annual value of its contracts that end in 90 days, in currency; null where it is not known"
    )
    contract_ends_on: date | None = Field(
        description="The next signed end of its running contracts; null where none is known"
    )
    crm_url: str | None = CRM_URL

    @classmethod
    def of(cls, listed: Listed) -> AccountRow:
        """Return the row of a listed score."""
        return cls.model_validate(listed).model_copy(update={"crm_url": crm_link(listed.account_id) or None})


class AccountsOut(BaseModel):
    """Scores of the newest run in the order that was asked for; all pages of one list are of the same run."""

    model_config = ConfigDict(protected_namespaces=())
    request_id: str = Field(description="Id of this request in the service's logs")
    as_of: date | None = Field(description="The run's as-of date; null while no scores are stored")
    model_version: str | None = Field(description="Version of the model that scored; null while no scores are stored")
    model: ModelBrief | None = Field(description="The model and its grade; null while no scores are stored")
    warnings: list[WarningOut] = WARNINGS
    accounts: list[AccountRow] = Field(description="The page")
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last")

    @classmethod
    def of(cls, page: Page, request_id: str, lang: Lang = "en", beside: Iterable[Caution] = ()) -> AccountsOut:
        """Return the answer for a page of the store; `beside` is what else to warn of."""
        version, facts = page.model_version, page.model
        return cls(
            request_id=request_id,
            as_of=page.as_of,
            model_version=version,
            model=run_model(version, facts, lang),
            warnings=run_warnings(facts, page.as_of, lang, beside),
            accounts=[AccountRow.of(listed) for listed in page.rows],
            next_cursor=page.next,
        )
