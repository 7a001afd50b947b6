"""POST /accounts/{account_id}: a step, that a step is done, or feedback; each stored once and whole, or not at all.

After it the browser opens the account's page again, so that nothing is sent twice by going back. What is wrong comes
back with all that was typed. A form that comes after the session's end goes through the sign-in and comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.acting.acts import add_feedback, add_step, finish_step, once_of, same_last_feedback, same_open_step
from serving.acting.said import Wrong, feedback_of, step_of
from serving.api.answers.stored import stored_for
from serving.database.engine import writing
from serving.errors import Unauthenticated
from serving.pages.account_page import framed
from serving.pages.answering import account_address, redirect, trouble
from serving.pages.sign_in import sign_in_form
from serving.pages.visiting import TOKEN, Visit, demand, form_of, unsigned, visit_of
from serving.store import Stored
from serving.words.wording import screen_texts

#: What a form may hold that comes back after the sign-in.
KEPT = ("form", "kind", "what", "owner", "due_on", "verdict", "text", "once", "step_id")
LONGEST_ONCE = 200


async def account_form(request: Request) -> Response:
    """Store what a form says, or return the page with what is wrong and with what was typed."""
    form = await form_of(request)
    if form is None:
        return trouble(request, 413, "form_too_large")
    account_id = request.path_params["account_id"]
    try:
        visit = await visit_of(request)
    except Unauthenticated:
        visit = unsigned(request)
        draft = urlencode({name: form[name] for name in KEPT if name in form})
        return sign_in_form(visit, account_address(account_id, visit.lang), draft, "session_over", 401)
    demand(visit.reader, "read")
    return await run_in_threadpool(_answered, visit, account_id, form)


def _answered(visit: Visit, account_id: str, form: dict[str, str]) -> Response:
    stored = stored_for(visit.served.store, visit.reader, account_id)
    if not visit.sent_token(form):
        return _again(visit, stored, form, 403, Wrong(TOKEN, "form_stale"))
    if not visit.reader.may("feedback"):
        return _again(visit, stored, form, 403, Wrong("form", "scope_missing"))
    faults = _store(visit, stored, form)
    if faults:
        return _again(visit, stored, form, 422, *faults)
    return redirect(f"{account_address(account_id, visit.lang)}&done={form['form']}#acting")


def _store(visit: Visit, stored: Stored, form: Mapping[str, str]) -> tuple[Wrong, ...]:
    """Store what a form says; return what is wrong with it, and then nothing is stored."""
    account_id, by, at = stored.score.account_id, visit.reader.id, visit.served.access.now()
    engine, once = visit.served.store.engine, once_of(by, account_id, form.get("once", "")[:LONGEST_ONCE])
    which = form.get("form")
    if which == "step":
        step, faults = step_of(form, visit.today)
        if step is not None:
            with writing(engine) as connection:
                if not _there(connection, same_open_step(account_id, step)):
                    add_step(connection, account_id, step, by, at, once)
        return faults
    if which == "feedback":
        feedback, faults = feedback_of(form)
        if feedback is not None:
            with writing(engine) as connection:
                if not _there(connection, same_last_feedback(stored.score, feedback, by)):
                    add_feedback(connection, stored.score, feedback, by, at, once)
        return faults
    if which == "done":
        number = form.get("step_id", "")
        with writing(engine) as connection:
            known = number.isascii() and number.isdigit() and len(number) < 10
            found = finish_step(connection, account_id, int(number), by, at) if known else None
        return () if found is not None else (Wrong("step_id", "no_step"),)
    return (Wrong("form", "no_form"),)


def _there(connection: Connection, which: sa.ColumnElement[bool]) -> bool:
    """Return whether the same is stored: the browser keeps what was typed, and sends it anew from the page before."""
    return bool(connection.execute(sa.select(which)).scalar_one())


def _again(visit: Visit, stored: Stored, form: Mapping[str, str], status: int, *faults: Wrong) -> Response:
    words = screen_texts(visit.lang)["trouble"]
    visit.request.scope.setdefault("state", {})["problem"] = faults[0].code.replace("_", "-")
    problems = [words[fault.code].format(**fault.quoted) for fault in faults]
    return framed(visit, stored, status, form, problems)
