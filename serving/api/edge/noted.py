"""Takes note in the audit that an answer shows accounts to a caller."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from serving.access.reads import What
from serving.api.edge.observed import route_of
from serving.api.edge.runtime import Runtime, request_id


def note_read(request: Request, served: Runtime, principal: str, what: What, account_ids: Sequence[str]) -> None:
    """Take note of an answer, right before it is given; nothing where the audit is switched off.

    Parameters
    ----------
    principal : str
        Id of who reads.
    what : str
        What of the accounts the answer shows.
    account_ids : sequence of str
    """
    if served.reads is not None:
        served.reads.note(principal, route_of(request.scope), what, account_ids, request_id(request))
