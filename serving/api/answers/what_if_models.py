"""Request and answer of what the model would say."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WrapValidator

from serving.api.answers.movement_models import ThemeMoved
from serving.api.answers.shown import BAND, WARNINGS, ModelBrief, WarningOut
from serving.api.answers.what_if import WhatIf
from serving.predict.cut_days import Counted
from serving.predict.edits import MOST_EDITS, Edit, Kind
from serving.predict.history import OneHistory, told_in_full
from serving.predict.values import day
from serving.scoring.movement import movement
from serving.scoring.scores import Score
from serving.words.caution_words import model_brief, warnings_of
from serving.words.formats import Lang
from serving.words.movement_words import Speakers, theme_label
from serving.words.wording import screen_texts


class WhatIfRequest(Counted):
    """Edits, and the account's records unless the service reads them itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    edits: list[Edit] = Field(min_length=1, max_length=MOST_EDITS, description="What is done on the day")
    as_of: Annotated[date | None, PlainValidator(day, json_schema_input_type=date | None)] = Field(
        None,
        description="The day on which it is done, not later than today (UTC). Left out, it is today, or the day of "
        "the last score where that is more than 31 days ago",
    )
    records: Annotated[OneHistory | None, WrapValidator(told_in_full)] = Field(
        None, description="The account's records as `predict` takes them; null: the service reads its own source"
    )


class EstimateOut(BaseModel):
    """What the model says of the day after."""

    model_config = ConfigDict(from_attributes=True)
    churn_probability: float = Field(description="Calibrated probability of leaving, 0 to 1")
    revenue_at_risk: float = Field(description="churn_probability times revenue_365d, not below 0")
    band: Literal["unknown", "at_risk", "safe"] = BAND


class EditOut(BaseModel):
    """One edit alone."""

    kind: Kind = Field(description="What is done")
    churn_probability: float = Field(description="The probability with this edit alone")
    change: float = Field(description="Against `before`, as a fraction; it may rise")


class WhatIfOut(BaseModel):
    """Both sides at the day after the edits: the model's answer to another history, no effect of what is done."""

    model_config = ConfigDict(protected_namespaces=())
    request_id: str = Field(description="Id of this request in the service's logs")
    account_id: str = Field(description="The account's id as in the accounts table")
    model: ModelBrief
    edited_on: date = Field(description="The day on which the edits are made")
    as_of: date = Field(description="The next day, at which both sides are scored")
    before: EstimateOut = Field(description="Without the edits")
    after: EstimateOut = Field(description="With all of them")
    change: float = Field(description="after - before of churn_probability, as a fraction: 0.08 is 8 points")
    themes: list[ThemeMoved] = Field(description="What moved it, by theme; sums to change")
    each: list[EditOut] = Field(description="Each edit alone, in the order of the request")
    note: str = Field(description="That this is no cause, in words")
    warnings: list[WarningOut] = WARNINGS

    @classmethod
    def of(cls, found: WhatIf, grade: str | None, request_id: str, lang: Lang) -> WhatIfOut:
        """Return the answer."""
        before, after = found.before, found.after
        each = [
            EditOut(kind=edit.kind, churn_probability=score.churn_probability, change=_change(before, score))
            for edit, score in zip(found.edits, found.alone, strict=True)
        ]
        return cls(
            request_id=request_id,
            account_id=before.account_id,
            model=ModelBrief.model_validate(model_brief(before.model_version, grade, lang)),
            edited_on=found.edited_on,
            as_of=found.as_of,
            before=EstimateOut.model_validate(before),
            after=EstimateOut.model_validate(after),
            change=_change(before, after),
            themes=_themes(found, lang),
            each=each,
            note=screen_texts(lang)["what_if"]["note"],
            warnings=[WarningOut.model_validate(warning) for warning in warnings_of(found.cautions, lang)],
        )


def _change(before: Score, after: Score) -> float:
    return round(after.churn_probability - before.churn_probability, 6) + 0.0


def _themes(found: WhatIf, lang: Lang) -> list[ThemeMoved]:
    def none(version: str) -> Any:  # One model scored both.
        return None

    moved = movement(found.before, found.after, none)
    speakers = Speakers(moved, found.told_before, found.told_after, lang)
    return [
        ThemeMoved(
            code=code,
            label=theme_label(code, lang),
            contribution=round(part, 6) + 0.0,
            **dict(zip(("then", "now"), speakers.of(code), strict=True)),
        )
        for code, part in moved.themes.items()
        if round(part, 6)
    ]
