"""The cursor of a list of jobs: text that identifies the last job of a page. It grants no access."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

from serving.api.edge.problems import FieldError, RequestProblem
from serving.jobs.ledger import Job, Page

#: Maximum length; our cursors are much shorter.
CURSOR_LENGTH = 4096


def cursor_of(job: Job) -> str:
    """Return the cursor of the page that starts after a job."""
    text = json.dumps([job.created_at.isoformat(), job.job_id])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_at(cursor: str | None) -> Page | None:
    """Return the place that a cursor identifies, None for an empty one; raises RequestProblem for a damaged one."""
    if not cursor:
        return None
    try:
        at, job_id = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        created_at = datetime.fromisoformat(at)
        sound = created_at.tzinfo is not None
        # At the edges of the calendar, an instant may have no date in UTC.
        page = Page(created_at.astimezone(UTC), str(UUID(job_id)))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        sound = False
    if not sound:
        detail = "the cursor is damaged; send it as `next_cursor` gave it"
        raise RequestProblem(detail, [FieldError(pointer="/query/cursor", detail=detail)])
    return page
