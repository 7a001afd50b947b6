"""/v1/jobs: bulk scoring; the route answers at once, and the workers score in the background."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import IO, Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BeforeValidator
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from serving.access.principal import Principal
from serving.api.answers.job_cursor import CURSOR_LENGTH, cursor_of, page_at
from serving.api.answers.job_models import JobFacts, JobOut, JobsOut
from serving.api.answers.job_submission import read_submission, refuse_media_type
from serving.api.answers.shown import MOST_REASONS, LangQuery, ReasonsQuery
from serving.api.document.documented import BODY_ERRORS, Responses, errors
from serving.api.document.example_history import HISTORY
from serving.api.edge.demands import demand
from serving.api.edge.handlers import says_json
from serving.api.edge.noted import note_read
from serving.api.edge.problems import FieldError, RequestProblem, account_problem
from serving.api.edge.repeats import JobRepeatDependency, RepeatableRoute
from serving.api.edge.runtime import Runtime, request_id, runtime
from serving.database.engine import writing
from serving.errors import JobUnknown, QuotaReached
from serving.jobs.ledger import Finished, Job, cancel_job, find_job, list_jobs, make_job, outcomes
from serving.jobs.quota import demand_room
from serving.jobs.results import ResultFormat, write_results
from serving.loose_texts import bare_choice
from serving.scoring.cautions import cut_dates
from serving.words.formats import Lang

router = APIRouter(tags=["Jobs"], route_class=RepeatableRoute)
JobId = Annotated[str, Path(description="Id of the job, as it was answered when it was made")]
Score = Annotated[Principal, Depends(demand("score"))]
Served = Annotated[Runtime, Depends(runtime)]
MEDIA_TYPES: dict[ResultFormat, str] = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}
PIECE = 2**16
#: The schema of the body. The route does not declare the body as a parameter, because FastAPI would then turn all of it
#: into objects at once.
BODY = {
    "type": "object",
    "required": ["accounts"],
    "properties": {
        "as_of": {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
            "description": "The as-of date; by default the day the job is made (UTC)",
        },
        "accounts": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object"},
            "description": "Accounts as for predictions (AccountHistory), up to 10,000 unless the service is set "
            "otherwise. Each is validated and scored on its own: what is wrong with one stands in its result",
            "example": [HISTORY],
        },
    },
}
FILE = {"schema": {"type": "string", "format": "binary"}}
FILES = {"application/vnd.apache.parquet": FILE, "text/csv": FILE}
RESULTS: Responses = {200: {"description": "The file", "content": FILES}}


@router.post(
    "/v1/jobs",
    status_code=202,
    responses={
        **BODY_ERRORS,
        **errors(409),
        202: {"headers": {"Location": {"description": "Where the job is", "schema": {"type": "string"}}}},
    },
    response_model=JobOut,
    operation_id="createJob",
    summary="Score many accounts from raw history",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}}},
)
async def make(
    request: Request, principal: Score, served: Served, repeat: JobRepeatDependency, lang: LangQuery = "en"
) -> Response:
    """Make a job of up to 10,000 accounts (a setting). It is worked on at once, beside predictions; its results say of
    each account its score or its problem.
    """
    body = await request.body()
    if body and not says_json(request):
        refuse_media_type()

    def submit() -> Response:
        now = served.access.now()
        submission = read_submission(body, served.settings.job_accounts)
        as_of = _not_later(submission.as_of, now.date())
        with writing(served.store.engine) as connection:
            _demand_room(connection, served, principal, len(submission.accounts), now)
            warned = cut_dates([submission.cut])
            job = make_job(connection, submission.accounts, principal.id, as_of, now, warned)
            answer = _accepted(job, request_id(request), lang)
            if repeat is not None:
                repeat.keep_within(connection, answer)
        return answer

    return await run_in_threadpool(submit)


@router.get("/v1/jobs", responses=errors(422), operation_id="listJobs", summary="The jobs one has made, newest first")
def list_all(
    request: Request,
    principal: Score,
    served: Served,
    limit: Annotated[int, Query(ge=1, le=100, description="Most jobs of a page")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=CURSOR_LENGTH, description="`next_cursor` of the page before")
    ] = None,
    lang: LangQuery = "en",
) -> JobsOut:
    """Return jobs, newest first; with the scope admin, everybody's."""
    jobs = list_jobs(served.store.engine, _of(principal), served.access.now(), limit + 1, page_at(cursor))
    more = cursor_of(jobs[limit - 1]) if len(jobs) > limit else None
    facts = [JobFacts.of(job, lang) for job in jobs[:limit]]
    return JobsOut(jobs=facts, next_cursor=more, request_id=request_id(request))


@router.get("/v1/jobs/{job_id}", responses=errors(404, 422), operation_id="getJob", summary="How far a job is")
def job(request: Request, job_id: JobId, principal: Score, served: Served, lang: LangQuery = "en") -> JobOut:
    """Return a job's status and counts."""
    return JobOut.answering(_job(served, principal, job_id), request_id(request), lang)


@router.get(
    "/v1/jobs/{job_id}/results",
    responses={**RESULTS, **errors(404, 409, 422)},
    response_class=Response,
    operation_id="getJobResults",
    summary="What came of a job's accounts, as a file",
)
async def results(
    request: Request,
    job_id: JobId,
    principal: Score,
    served: Served,
    format: Annotated[
        ResultFormat, BeforeValidator(bare_choice), Query(description="Of the file; reasons are JSON text in CSV")
    ] = "parquet",
    lang: LangQuery = "en",
    reasons: ReasonsQuery = "all",
    raw_csv: Annotated[
        bool, Query(description="Leave texts in CSV as they are; otherwise one that begins like a formula gets a '")
    ] = False,
) -> StreamingResponse:
    """Return one row an account, in the order of the request: the columns of a score, `model_grade`, `reason_1` to
    `reason_3`, `status`, and `problem`.
    """
    async with served.files:
        write = partial(
            write_results,
            form=format,
            problem_of=account_problem,
            lang=lang,
            most_reasons=MOST_REASONS[reasons],
            raw_csv=raw_csv,
        )
        return await run_in_threadpool(_file_of, request, served, principal, job_id, format, write)


def _file_of(
    request: Request,
    served: Runtime,
    principal: Principal,
    job_id: str,
    format: ResultFormat,
    write: Callable[[Iterable[list[Finished]], IO[bytes]], None],
) -> StreamingResponse:
    stored_job = _job(served, principal, job_id)
    if not stored_job.finished:
        raise RequestProblem(
            f"the job is {stored_job.status}: results are there once it is finished", (), 409, "conflict"
        )
    shown: list[str] = []
    # The file has no name, so the system removes it with its last reader, even one that crashes.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        write(_listing(outcomes(served.store.engine, stored_job.job_id), shown), file)
        _job(served, principal, job_id)  # If the job was deleted during the reading, the file is incomplete.
    except BaseException:
        file.close()
        raise
    note_read(request, served, principal.id, "job result", shown)
    headers = {
        "Content-Length": str(file.seek(0, os.SEEK_END)),
        "Content-Disposition": f'attachment; filename="{stored_job.job_id}.{format}"',
    }
    return StreamingResponse(_pieces(file), headers=headers, media_type=MEDIA_TYPES[format])


@router.post("/v1/jobs/{job_id}/cancel", responses=errors(404, 422), operation_id="cancelJob", summary="Cancel a job")
def cancel(request: Request, job_id: JobId, principal: Score, served: Served, lang: LangQuery = "en") -> JobOut:
    """Cancel a job that is not finished; the accounts that are done stay. A finished one stays as it is."""
    keep = timedelta(days=served.settings.job_keep_days)
    try:
        cancelled = cancel_job(served.store.engine, job_id, _of(principal), served.access.now(), keep)
    except JobUnknown as error:
        raise _unknown(error) from error
    return JobOut.answering(cancelled, request_id(request), lang)


def _demand_room(connection: Connection, served: Runtime, principal: Principal, accounts: int, now: datetime) -> None:
    most_accounts, most_jobs = served.settings.jobs_waiting_accounts, served.settings.jobs_waiting
    try:
        demand_room(connection, principal.id, accounts, most_accounts, most_jobs, now)
    except QuotaReached as error:
        headers = {"Retry-After": str(error.seconds)}
        raise RequestProblem(str(error), status=429, code="quota-reached", headers=headers) from error


def _accepted(job: Job, request: str, lang: Lang) -> Response:
    answer = JobOut.answering(job, request, lang).model_dump_json()
    return Response(answer, 202, {"Location": f"/v1/jobs/{job.job_id}"}, "application/json")


def _not_later(as_of: date | None, today: date) -> date:
    if as_of is not None and as_of > today:
        faults = [FieldError(pointer="/as_of", detail=f"later than today, {today} (UTC)")]
        raise RequestProblem("as_of lies in the future", faults)
    return as_of or today


def _of(principal: Principal) -> str | None:
    """Return the id of the principal whose jobs the caller sees; None: all jobs."""
    return None if principal.may("admin") else principal.id


def _job(served: Runtime, principal: Principal, job_id: str) -> Job:
    try:
        return find_job(served.store.engine, job_id, _of(principal), served.access.now())
    except JobUnknown as error:
        raise _unknown(error) from error


def _unknown(error: JobUnknown) -> RequestProblem:
    return RequestProblem(str(error), [FieldError(pointer="/path/job_id", detail=str(error))], 404, "job-unknown")


def _listing(chunks: Iterable[list[Finished]], shown: list[str]) -> Iterator[list[Finished]]:
    """Pass outcomes on, and list the accounts in `shown`."""
    for chunk in chunks:
        shown += [account.account_id for account in chunk if account.account_id is not None]
        yield chunk


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
