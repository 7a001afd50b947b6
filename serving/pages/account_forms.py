"""POST /accounts/{account_id}: a step, its change or end, or feedback; each stored once and whole, or not at all.

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
from serving.acting.step_changes import change_step, step_of_account
from serving.api.answers.stored import stored_for
from serving.database.engine import reading, writing
from serving.errors import Unauthenticated
from serving.pages.account_page import framed
from serving.pages.answering import account_address, redirect, trouble
from serving.pages.sign_in import sign_in_form
from serving.pages.visiting import TOKEN, Visit, demand, form_of, unsigned, visit_of
from serving.store import Stored
from serving.words.wording import screen_texts

#: What a form may hold that comes back after the sign-in.
KEPT = ("form", "kind", "what", "owner", "due_on", "verdict", "text", "once", "step_id", "version")
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
        with writing(engine) as connection:
            found = finish_step(connection, account_id, _number(form), by, at)
        return () if found is not None else (Wrong("step_id", "no_step"),)
    if which == "change":
        return _change(visit, stored, form, once)
    return (Wrong("form", "no_form"),)


def _change(visit: Visit, stored: Stored, form: Mapping[str, str], once: str) -> tuple[Wrong, ...]:
    """Change a step; one that is overdue may stay so, as when only somebody else does it now."""
    engine, step_id = visit.served.store.engine, _number(form)
    with reading(engine) as connection:
        old = step_of_account(connection, stored.score.account_id, step_id)
    if old is None:
        return (Wrong("step_id", "no_step"),)
    same_day = form.get("due_on", "").strip() == old["due_on"].isoformat()
    step, faults = step_of(form, None if same_day else visit.today)
    if step is None:
        return faults
    by, at, version = visit.reader.id, visit.served.access.now(), form.get("version", "")
    with writing(engine) as connection:
        refused = change_step(connection, stored.score, step_id, step, version, by, at, once)
    return (Wrong("step_id", refused),) if refused else ()


def _number(form: Mapping[str, str]) -> int:
    """Return the step that a form is about; 0, which no step has, where it names none."""
    number = form.get("step_id", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def _there(connection: Connection, which: sa.ColumnElement[bool]) -> bool:
    """Return whether the same is stored: the browser keeps what was typed, and sends it anew from the page before."""
    return bool(connection.execute(sa.select(which)).scalar_one())


def _again(visit: Visit, stored: Stored, form: Mapping[str, str], status: int, *faults: Wrong) -> Response:
    words = screen_texts(visit.lang)["trouble"]
    visit.request.scope.setdefault("state", {})["problem"] = faults[0].code.replace("_", "-")
    problems = [words[fault.code].format(**fault.quoted) for fault in faults]
    return framed(visit, stored, status, form, problems)
