"""The models of answers about jobs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.api.answers.shown import WARNINGS, ModelBrief, WarningOut
from serving.jobs.ledger import Job
from serving.words.caution_words import kept_cautions, model_brief, warnings_of
from serving.words.formats import Lang


class JobFacts(BaseModel):
    """A job of bulk scoring."""

    model_config = ConfigDict(protected_namespaces=())
    job_id: str = Field(description="Id of the job")
    status: Literal["queued", "running", "done", "cancelled", "failed"] = Field(
        description="queued and running change; failed: accounts were given up after failures of the service"
    )
    as_of: date = Field(description="What was known at its beginning counts; by default the day the job was made (UTC)")
    accounts: int = Field(description="Accounts of the job")
    done: int = Field(description="Accounts that have a score")
    failed: int = Field(description="Accounts that have a problem instead")
    model_versions: list[str] = Field(description="Versions that scored some of it, in the order of their first use")
    models: list[ModelBrief] = Field(description="The same versions, with their grades")
    warnings: list[WarningOut] = WARNINGS
    created_at: datetime = Field(description="When it was made")
    started_at: datetime | None = Field(description="When its first accounts were taken up")
    finished_at: datetime | None = Field(description="When it was done, cancelled or failed")
    expires_at: datetime | None = Field(description="When it and its results are deleted; null while not finished")

    @classmethod
    def of(cls, job: Job, lang: Lang = "en") -> JobFacts:
        """Return the facts about a job."""
        return cls(**_facts(job, lang))


class JobOut(JobFacts):
    """A job of bulk scoring, and the id of the request."""

    request_id: str = Field(description="Id of this request in the service's logs")

    @classmethod
    def answering(cls, job: Job, request_id: str, lang: Lang = "en") -> JobOut:
        """Return the answer about a job."""
        return cls(**_facts(job, lang), request_id=request_id)


class JobsOut(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobFacts] = Field(description="Jobs, newest first")
    next_cursor: str | None = Field(description="Send it as cursor for the jobs before these; null after the oldest")
    request_id: str = Field(description="Id of this request in the service's logs")


def _facts(job: Job, lang: Lang) -> dict[str, Any]:
    grades = job.notes.get("grades", {})
    told = {
        "models": [model_brief(version, grades.get(version), lang) for version in job.model_versions],
        "warnings": warnings_of(kept_cautions({"cautions": job.notes.get("cautions", [])}), lang),
    }
    return {name: getattr(job, name) for name in JobFacts.model_fields if name not in told} | told
