"""The answer that says why a score moved."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.api.answers.movements import Compared
from serving.api.answers.shown import BAND, WARNINGS, WarningOut
from serving.words.formats import Lang
from serving.words.movement_words import Speakers, moved_told, theme_label


class EndOut(BaseModel):
    """One of the two scores, in short."""

    model_config = ConfigDict(protected_namespaces=(), from_attributes=True)
    as_of: date = Field(description="What was known before this day was used")
    model_version: str = Field(description="Version of the model that scored")
    scored_at: datetime = Field(description="When it was scored (UTC)")
    churn_probability: float = Field(description="Calibrated probability of leaving, 0 to 1")
    band: Literal["unknown", "at_risk", "safe"] = BAND


class ThemeMoved(BaseModel):
    """What one theme moved."""

    code: str = Field(description="Theme of the signals: nps, silence, revenue, ...")
    label: str = Field(description="What people call it")
    contribution: float = Field(description="Points of probability as a fraction: 0.08 is 8 points")
    then: str = Field(description="What was known of it at the earlier score; empty where that is the same")
    now: str = Field(description="What was known of it at the later score; empty where there are no words for it")


class MovementOut(BaseModel):
    """The change between two scores; account + model = change, and the themes sum to account."""

    request_id: str = Field(description="Id of this request in the service's logs")
    account_id: str = Field(description="The account's id as in the accounts table")
    before: EndOut = Field(description="The earlier score")
    after: EndOut = Field(description="The later score")
    change: float = Field(description="Of churn_probability, as a fraction: 0.08 is 8 points")
    account: float | None = Field(
        description="What is known of the account moved so much of it: the mean of both orders, the account first and "
        "the model first; null where it cannot be told"
    )
    model: float | None = Field(description="A change of the model moved so much of it; null where it cannot be told")
    whole_only: Literal["model_away", "signals_differ", "not_reproduced"] | None = Field(
        description="Why the parts cannot be told. model_away: the bundle of one of the models is not at hand; "
        "signals_differ: the scores hold other signals than the models know; not_reproduced: what is stored does not "
        "give the stored score"
    )
    sentence: str = Field(description="The same in words; no cause is claimed")
    themes: list[ThemeMoved] = Field(description="The account's part by theme, by falling size")
    warnings: list[WarningOut] = WARNINGS

    @classmethod
    def of(cls, compared: Compared, request_id: str, lang: Lang, warnings: list[WarningOut]) -> MovementOut:
        """Return the answer; `warnings` are those of the latest score."""
        moved = compared.moved
        evidence = compared.before.evidence, compared.after.evidence
        speakers, told = Speakers(moved, *evidence, lang), moved_told(moved, *evidence, lang)
        themes = [
            ThemeMoved(
                code=code, label=theme_label(code, lang), contribution=part,
                **dict(zip(("then", "now"), speakers.of(code), strict=True)),
            )
            for code, part in moved.themes.items()
        ]  # fmt: skip
        return cls(
            request_id=request_id,
            account_id=moved.after.account_id,
            before=EndOut.model_validate(moved.before),
            after=EndOut.model_validate(moved.after),
            change=moved.change,
            account=moved.account,
            model=moved.model,
            whole_only=moved.whole_only,
            sentence=told.lead,
            themes=themes,
            warnings=warnings,
        )
