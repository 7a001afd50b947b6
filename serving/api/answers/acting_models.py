"""Requests and answers of steps and feedback: what account managers plan, do and say."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from serving.acting.acting_tables import Kind, Verdict
from serving.acting.said import LONGEST
from serving.api.answers.shown import WARNINGS, WarningOut
from serving.loose_texts import bare_choice
from serving.predict.values import day

REQUEST_ID = Field(description="Id of this request in the service's logs")
KIND = Field(description="What sort of action it is, as the `kind` of a row of `actions`")

#: What a new step cannot do without, as its fields say it.
NEEDED = "needed without step_id"


class StepRequest(BaseModel):
    """A step to plan (kind, what, owner, due_on), the `step_id` of one that is done, or that and what changes of it."""

    # What is needed depends on what is asked, and a union of schemas is refused by CRMs: the descriptions say it.
    model_config = ConfigDict(extra="forbid")
    kind: Annotated[Kind, BeforeValidator(bare_choice)] = Field(
        default="other", description="What sort of action it is; `other` where a new step names none"
    )
    what: str | None = Field(default=None, max_length=LONGEST["what"], description=f"What is to be done; {NEEDED}")
    owner: str | None = Field(default=None, max_length=LONGEST["owner"], description=f"Who does it; {NEEDED}")
    due_on: Annotated[date | None, PlainValidator(day, json_schema_input_type=date | None)] = Field(
        default=None,
        description=f"By when: no day before today; a step that is overdue may keep its day; {NEEDED}",
    )
    step_id: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="A step of the account: alone it marks the step as done; with other fields it changes these of an "
        "open step and leaves the rest as it is",
    )

    @property
    def changes(self) -> dict[str, str]:
        """What was sent of a step besides its number; a null is as if it were not sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"step_id"}}
        return {name: str(value) for name, value in sent.items() if value is not None}


class FeedbackRequest(BaseModel):
    """What somebody thinks of the latest score."""

    model_config = ConfigDict(extra="forbid")
    verdict: Annotated[Verdict, BeforeValidator(bare_choice)] = Field(
        description="agree, wrong (the text says why), handled already, or only a note"
    )
    text: str | None = Field(default=None, max_length=LONGEST["text"], description="The reason, or a note")


class StepRow(BaseModel):
    """One step."""

    model_config = ConfigDict(from_attributes=True)
    step_id: int = Field(description="Its number")
    account_id: str = Field(description="The account's id as in the accounts table")
    kind: Kind = KIND
    what: str = Field(description="What is to be done")
    owner: str = Field(description="Who does it")
    due_on: date = Field(description="By when")
    created_at: datetime = Field(description="When it was planned (UTC)")
    created_by: str = Field(description="By whom: key:ID, oidc:HASH or local")
    done_at: datetime | None = Field(description="When it was marked as done (UTC); null while it is open")
    done_by: str | None = Field(description="By whom")


class StepOut(StepRow):
    """The step as it is stored now."""

    request_id: str = REQUEST_ID


class AfterStepsOut(BaseModel):
    """The risk before the first done step and now, beside comparable accounts left alone: no experiment."""

    model_config = ConfigDict(from_attributes=True)
    done_on: date = Field(description="When the first of the steps was done (UTC)")
    before_as_of: date | None = Field(description="Of the newest run that knows nothing of that day or later")
    before: float | None = Field(description="The account's probability then; null where there was no estimate")
    now_as_of: date | None = Field(description="Of the newest run after that day")
    now: float | None = Field(description="The account's probability now")
    comparable: int = Field(
        description="The caller's accounts without a step, with an estimate in both runs, in the same band then and "
        "with a probability within 0.1"
    )
    alone_before: float | None = Field(description="Their mean probability then; null of fewer than 5")
    alone_now: float | None = Field(description="Their mean probability now")
    missing: Literal["before", "since", "comparable"] | None = Field(description="What there is no estimate of")


class StepsOut(BaseModel):
    """The steps of an account: open ones by their due date, then those that are done, the latest first."""

    request_id: str = REQUEST_ID
    as_of: date = Field(description="As-of date of the account's latest score")
    warnings: list[WarningOut] = WARNINGS
    steps: list[StepRow] = Field(description="All of them")
    after: AfterStepsOut | None = Field(description="What came after; null while no step is done")


class FeedbackOut(BaseModel):
    """The feedback as it is stored, with the score that it is about."""

    model_config = ConfigDict(protected_namespaces=(), from_attributes=True)
    request_id: str = REQUEST_ID
    feedback_id: int = Field(description="Its number")
    account_id: str = Field(description="The account's id as in the accounts table")
    verdict: Literal["agree", "wrong", "handled", "note"] = Field(description="What was said")
    text: str | None = Field(description="The reason, or the note")
    as_of: date = Field(description="As-of date of the score that it is about")
    model_version: str = Field(description="Version of the model that scored")
    churn_probability: float = Field(description="The probability that was shown, 0 to 1")
    created_at: datetime = Field(description="When it was said (UTC)")
    created_by: str = Field(description="By whom: key:ID, oidc:HASH or local")
