"""How an answer is wanted: the language of its sentences, and how many reasons; and what stands beside every score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field

from serving.loose_texts import bare_choice
from serving.scoring.cautions import Code
from serving.scoring.scores import Reason
from serving.words.formats import Lang

Reasons = Literal["all", "top", "none"]
#: How many of the weightiest reasons `reasons=top` gives.
TOP = 10
MOST_REASONS: dict[Reasons, int | None] = {"all": None, "top": TOP, "none": 0}
LangQuery = Annotated[Lang, BeforeValidator(bare_choice), Query(description="Language of all sentences")]
ReasonsQuery = Annotated[
    Reasons,
    BeforeValidator(bare_choice),
    Query(description=f"Entries of `reasons`: all signals, the {TOP} weightiest, or none; sentences stay"),
]

OffsetQuery = Annotated[int, Query(ge=0, le=10_000_000, description="Entries that are left out at the front")]
FormatQuery = Annotated[Literal["html", "pdf"], BeforeValidator(bare_choice), Query(description="Format")]


class ModelBrief(BaseModel):
    """The model that scored, and what its grade means."""

    version: str = Field(description="Version of the model that scored")
    grade: str | None = Field(description="A to D, by what it is worth against plain rules; null when not graded")
    grade_meaning: str = Field(description="What the grade means, in a few words")


class WarningOut(BaseModel):
    """Something to know before a score is acted on."""

    code: Code = Field(
        description="grade: a model of grade D; leak: records told in training who left; "
        "amounts: far from those of the training book; currency: another one; "
        "stale: a table ended long before the as-of date; dates: timestamps in date columns, cut to their UTC day; "
        "names: keys that are not read and nearly those of absent tables or columns; "
        "endless: contracts that began one after the other, none with an end, whose values add up; "
        "categories: values that the model does not know; later: records that are left out, as they are not before the "
        "as-of date; early: invoices from long before customer_since; "
        "returned: departures that later records take back; left: the newest run has no score of the account; "
        "aged: stored estimates older than a month; filter: account_manager names nobody whose accounts are there"
    )
    detail: str = Field(description="The same as a sentence")


BAND: Any = Field(
    description="at_risk: the odds of leaving are at least twice the book's, or much would be lost; "
    "unknown: too little data"
)
CRM_URL: Any = Field(default=None, description="The account in the CRM; null where the service knows no address of it")
WARNINGS: Any = Field(description="What to know before a score is acted on; may be empty")


def chosen(reasons: Sequence[Reason], wanted: Reasons) -> Sequence[Reason]:
    """Return the reasons that are wanted; they come by falling absolute contribution."""
    return reasons[: MOST_REASONS[wanted]]
