"""Response models, for validation of what goes out and for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from serving.scores import Score


class ReasonOut(BaseModel):
    """One signal's part in a score; `contribution` is a fraction: 0.08 is 8 points of probability."""

    code: str
    signal: str
    value: float | None
    value_text: str | None
    contribution: float
    actionable: bool


class ScoreOut(BaseModel):
    """One score; base_probability + all contributions = churn_probability."""

    model_config = ConfigDict(protected_namespaces=())
    account_id: str
    as_of: date
    model_version: str
    scored_at: datetime
    churn_probability: float
    revenue_365d: float
    value: float
    currency: str | None
    revenue_at_risk: float
    expected_profit: float
    band: Literal["unknown", "at_risk", "safe"]
    threat: bool
    base_probability: float
    reasons: list[ReasonOut]
    missing_tables: list[str]
    collect: list[str]

    @classmethod
    def of(cls, score: Score) -> ScoreOut:
        """Return the response of a score."""
        return cls.model_validate(score.as_dict())


class PredictionsOut(BaseModel):
    """Scores in the order of the request's accounts."""

    model_config = ConfigDict(protected_namespaces=())
    model_version: str
    request_id: str
    predictions: list[ScoreOut]


class PastScore(BaseModel):
    """An earlier score of the account, in short."""

    model_config = ConfigDict(protected_namespaces=())
    as_of: date
    model_version: str
    scored_at: datetime
    churn_probability: float
    revenue_at_risk: float
    band: str
    threat: bool


class RiskOut(ScoreOut):
    """The latest stored score with every stored one of the account, oldest first."""

    request_id: str
    history: list[PastScore]


class SignalOut(BaseModel):
    """One entry of the data dictionary."""

    name: str
    code: str
    unit: str
    label_en: str
    label_de: str
    riskier: str
    actionable: bool
    needs: list[str]


class ModelOut(BaseModel):
    """The served model."""

    version: str
    trained_at: datetime
    code_version: str
    data_fingerprint: str
    rule: dict[str, Any]
    slices: list[date]
    rows: int
    recorded_since: dict[str, date]
    missing_tables: list[str]
    currency: str | None
    economics: dict[str, float]
    grade: str
    judged_at: list[date]
    judged_how: str
    metrics: dict[str, float | None]
    intervals: dict[str, Any]
    reference: dict[str, Any]
    signals: list[SignalOut]
    request_id: str
