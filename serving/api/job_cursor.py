"""The cursor of a list of jobs: text that stands for the last job of a page. It carries no right."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from uuid import UUID

from serving.api.problems import FieldError, RequestProblem
from serving.jobs.ledger import Job, Page


def cursor_of(job: Job) -> str:
    """Return the cursor that goes on after a job."""
    text = json.dumps([job.created_at.isoformat(), job.job_id])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_at(cursor: str | None) -> Page | None:
    """Return where a cursor goes on; raises RequestProblem for one that nobody gave."""
    if cursor is None:
        return None
    try:
        at, job_id = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        page = Page(datetime.fromisoformat(at), str(UUID(job_id)))
        sound = page.created_at.tzinfo is not None
    except (ValueError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        faults = [FieldError(pointer="/query/cursor", detail="damaged")]
        raise RequestProblem("the cursor is damaged; send it as next_cursor gave it", faults)
    return page
