"""Response models, for the validation of answers and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.api.answers.shown import BAND, CRM_URL, WARNINGS, ModelBrief, Reasons, WarningOut, chosen
from serving.api.answers.stored import stored_warnings
from serving.scoring.scores import Score
from serving.store import Stored
from serving.words.caution_words import model_brief
from serving.words.crm_link import crm_link
from serving.words.formats import Lang
from serving.words.short_reasons import short_reasons

REQUEST_ID = Field(description="Id of this request in the service's logs")
MODEL_VERSION = Field(description="Version of the model that scored")


class ReasonOut(BaseModel):
    """One signal's part in a score."""

    model_config = ConfigDict(from_attributes=True)
    code: str = Field(description="Theme of the signal: nps, silence, revenue, ...")
    signal: str = Field(description="Name of the signal, as in getModel")
    value: float | None = Field(description="The signal's value in its unit; null when not known or when it is text")
    value_text: str | None = Field(description="The value of a text signal")
    contribution: float = Field(description="Points of probability as a fraction: 0.08 is 8 points")
    actionable: bool = Field(description="Whether an account manager can change it")


class ScoreOut(BaseModel):
    """One score; base_probability + all contributions = churn_probability."""

    model_config = ConfigDict(protected_namespaces=())
    account_id: str = Field(description="The account's id as in the accounts table")
    as_of: date = Field(description="What was known before this day was used")
    model_version: str = MODEL_VERSION
    scored_at: datetime = Field(description="When it was scored (UTC)")
    churn_probability: float = Field(description="Calibrated probability of leaving, 0 to 1")
    revenue_365d: float = Field(description="A year's invoicing before as_of, in currency")
    value: float = Field(description="The account's yearly value, in currency")
    currency: str | None = Field(description="Currency of all sums as it was sent; null when it was not")
    revenue_at_risk: float = Field(description="churn_probability times revenue_365d, not below 0")
    expected_profit: float = Field(description="What the best action is expected to bring less its cost, in currency")
    best_action: str | None = Field(description="That action; null unless at risk and the profit is above 0")
    band: Literal["unknown", "at_risk", "safe"] = BAND
    threat: bool = Field(description="At risk and among the accounts that held 80 % of the book's value")
    base_probability: float = Field(description="What the contributions start from; not the mean churn rate")
    reason_1: str | None = Field(description="The weightiest reason in words, summed by theme, with its effect")
    reason_2: str | None = Field(description="The second reason")
    reason_3: str | None = Field(description="The third reason")
    reasons: list[ReasonOut] = Field(
        description="One entry a signal by falling absolute contribution, all of them unless fewer were asked for"
    )
    missing_tables: list[str] = Field(description="Tables that were not known")
    collect: list[str] = Field(description="What would make an unknown account known")

    @classmethod
    def of(cls, score: Score, evidence: Mapping[str, Any] | None = None) -> ScoreOut:
        """Return the response of a score; sentences tell of its evidence."""
        return cls.model_validate(score.by_name() | short_reasons(score, evidence))


class PredictionsOut(BaseModel):
    """Scores in the order of the request's accounts."""

    model_config = ConfigDict(protected_namespaces=())
    model_version: str = MODEL_VERSION
    model: ModelBrief
    warnings: list[WarningOut] = WARNINGS
    request_id: str = REQUEST_ID
    predictions: list[ScoreOut] = Field(description="One score an account")


class PastScore(BaseModel):
    """An earlier score of the account, in short."""

    model_config = ConfigDict(protected_namespaces=(), from_attributes=True)
    as_of: date = Field(description="What was known before this day was used")
    model_version: str = MODEL_VERSION
    scored_at: datetime = Field(description="When it was scored (UTC)")
    churn_probability: float = Field(description="Calibrated probability of leaving, 0 to 1")
    revenue_at_risk: float = Field(description="churn_probability times revenue_365d, not below 0")
    band: Literal["unknown", "at_risk", "safe"] = BAND
    threat: bool = Field(description="At risk and among the accounts that held 80 % of the book's value")


class RiskOut(ScoreOut):
    """The latest stored score with every stored one of the account, oldest first."""

    request_id: str = REQUEST_ID
    model: ModelBrief
    warnings: list[WarningOut] = WARNINGS
    history: list[PastScore] = Field(description="Every stored score of the account, oldest first")
    crm_url: str | None = CRM_URL

    @classmethod
    def answering(cls, stored: Stored, request_id: str, lang: Lang = "en", reasons: Reasons = "all") -> RiskOut:
        """Return the answer with a stored score; its evidence supplies the roles and names in the sentences."""
        score = stored.score
        beside = {
            "reasons": chosen(score.reasons, reasons),
            "model": model_brief(score.model_version, stored.model.get("grade"), lang),
            "warnings": stored_warnings(stored, lang),
            "history": stored.history,
            "crm_url": crm_link(score.account_id) or None,
            "request_id": request_id,
        }
        return cls.model_validate(score.by_name() | short_reasons(score, stored.evidence, lang) | beside)


class SignalOut(BaseModel):
    """One entry of the data dictionary."""

    name: str = Field(description="Name of the signal")
    code: str = Field(description="Its theme")
    unit: str = Field(description="What it is measured in")
    label_en: str = Field(description="What people call it, in English")
    label_de: str = Field(description="What people call it, in German")
    riskier: str = Field(description="Whether the risk rises as it is rising or falling")
    actionable: bool = Field(description="Whether an account manager can change it")
    needs: list[str] = Field(description="The tables it is made of")


class ModelOut(BaseModel):
    """The served model."""

    model_config = ConfigDict(protected_namespaces=())
    version: str = Field(description="The same as model_version")
    model_version: str = Field(description="Version of the served model")
    trained_at: datetime = Field(description="When it was trained (UTC)")
    code_version: str = Field(description="Version of the code that trained it")
    data_fingerprint: str = Field(description="Fingerprint of the tables it was trained on")
    rule: dict[str, Any] = Field(description="The rule of churn: horizon_days, lead_days, silence_days")
    slices: list[date] = Field(description="The as-of dates it was trained on")
    rows: int = Field(description="Accounts times as-of dates it was trained on")
    recorded_since: dict[str, date] = Field(description="First day of each table's records")
    missing_tables: list[str] = Field(description="Tables that the training book lacked")
    currency: str | None = Field(description="Currency of the training book, where it is known")
    economics: dict[str, Any] = Field(description="The actions, what each costs and brings, and the capacity")
    grade: str = Field(description="A to D, by what it is worth against plain rules")
    grade_meaning: str = Field(description="What the grade means, in a few words")
    judged_at: list[date] = Field(description="The as-of dates it was judged on")
    judged_how: str = Field(description="How it was judged")
    metrics: dict[str, float | None] = Field(description="Its metrics by name")
    intervals: dict[str, Any] = Field(description="Intervals of its metrics, and of the differences to rivals")
    reference: dict[str, Any] | None = Field(
        description="Reference figures of the training book; null for callers who do not see the whole book"
    )
    signals: list[SignalOut] = Field(description="The data dictionary of its signals")
    request_id: str = REQUEST_ID
