"""Next steps and feedback of an account as a record that a template only has to print, with what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from serving.access.page_sessions import new_token
from serving.acting.acts import feedback_on, steps_of
from serving.acting.said import KINDS, VERDICTS
from serving.database.engine import reading
from serving.pages.answering import account_address
from serving.pages.portfolio import Choice
from serving.pages.visiting import Visit
from serving.store import Stored
from serving.words.formats import Formats
from serving.words.wording import screen_texts

#: What the address after a form says, so that its page can say it.
DONE = {"step": ("steps", "stored"), "done": ("steps", "ticked"), "feedback": ("feedback", "stored")}
TYPED = ("what", "owner", "due_on", "text")


@dataclass(frozen=True)
class StepLine:
    """A step in words; `state` is open, overdue or finished."""

    step_id: int
    what: str
    kind: str
    note: str
    state: str


@dataclass(frozen=True)
class SaidLine:
    """One feedback in words."""

    verdict: str
    text: str
    note: str


@dataclass(frozen=True)
class ActingSection:
    """The section: `may` says whether the reader may store anything, `typed` has the fields as they were sent.

    `today` is the first day that a step may be due on, in ISO form.
    """

    address: str
    may: bool
    today: str
    once: str
    steps: tuple[StepLine, ...]
    said: tuple[SaidLine, ...]
    kinds: tuple[Choice, ...]
    verdicts: tuple[Choice, ...]
    typed: Mapping[str, str]
    problems: tuple[str, ...]
    done: str


def acting_section(
    visit: Visit, stored: Stored, form: Mapping[str, str] | None = None, problems: Sequence[str] = ()
) -> ActingSection:
    """Return the section of an account.

    Parameters
    ----------
    form : mapping, optional
        What was typed into one of the forms and is not stored.
    problems : sequence of str
        Why it is not, in words.
    """
    words, sent, account_id = screen_texts(visit.lang), form or {}, stored.score.account_id
    with reading(visit.served.store.engine) as connection:
        steps, said = steps_of(connection, account_id), feedback_on(connection, account_id)
    section, text = DONE.get(visit.request.query_params.get("done", ""), ("", ""))
    typed = {name: sent.get(name, "") for name in TYPED}
    if not form:
        typed["owner"] = visit.reader.account_manager or stored.account_manager or ""
    return ActingSection(
        address=account_address(account_id, visit.lang),
        may=visit.reader.may("feedback"),
        today=visit.today.isoformat(),
        once=sent.get("once") or new_token(),
        steps=tuple(_step(step, visit, words) for step in steps),
        said=tuple(_said(entry, visit, words) for entry in said),
        kinds=tuple(Choice(kind, words["kinds"][kind], kind == sent.get("kind")) for kind in KINDS),
        verdicts=tuple(Choice(each, words["verdicts"][each], each == sent.get("verdict")) for each in VERDICTS),
        typed=typed,
        problems=tuple(problems),
        done=words[section][text] if section and not problems else "",
    )


def _step(step: Mapping[str, Any], visit: Visit, words: Mapping[str, Any]) -> StepLine:
    formats, done = Formats(visit.lang), step["done_at"]
    state = "finished" if done else "overdue" if step["due_on"] < visit.today else "open"
    day = done.astimezone(_zone(visit)).date() if done else step["due_on"]
    note = words["steps"]["finished" if done else "of"].format(owner=step["owner"], day=formats.day(day))
    if state == "overdue":
        note = f"{words['steps']['overdue']} {note}"
    return StepLine(step["step_id"], step["what"], words["kinds"][step["kind"]], note, state)


def _said(entry: Mapping[str, Any], visit: Visit, words: Mapping[str, Any]) -> SaidLine:
    formats = Formats(visit.lang)
    note = words["feedback"]["note"].format(
        by=visit.served.access.called(entry["created_by"]),
        day=formats.day(entry["created_at"].astimezone(_zone(visit)).date()),
        probability=formats.probability(entry["churn_probability"]),
    )
    return SaidLine(words["said"][entry["verdict"]], entry["text"] or "", note)


def _zone(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.served.settings.timezone)
