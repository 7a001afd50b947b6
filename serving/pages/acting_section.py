"""Next steps and feedback of an account as a record that a template only has to print, with what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from serving.access.page_sessions import new_token
from serving.acting.acts import feedback_on, steps_of
from serving.acting.after_steps import LEAST, AfterSteps, after_steps
from serving.acting.said import KINDS, VERDICTS
from serving.acting.step_changes import Change, changes_of, version_of
from serving.database.engine import reading
from serving.pages.answering import account_address
from serving.pages.portfolio import Choice
from serving.pages.visiting import Visit
from serving.store import Stored
from serving.words.formats import Formats
from serving.words.wording import screen_texts

#: What the address after a form says, so that its page can say it.
DONE = {
    "step": ("steps", "stored"),
    "change": ("steps", "changed"),
    "done": ("steps", "ticked"),
    "feedback": ("feedback", "stored"),
}
TYPED = ("what", "owner", "due_on", "text")


@dataclass(frozen=True)
class StepForm:
    """The form that changes a step, with what was typed or how it is; `unstored`: what was typed is not stored."""

    kinds: tuple[Choice, ...]
    what: str
    owner: str
    due_on: str
    first_day: str
    version: str
    unstored: bool


@dataclass(frozen=True)
class StepLine:
    """A step in words; `state` is open, overdue or finished, `was` what it was before each change, the latest first."""

    step_id: int
    what: str
    kind: str
    note: str
    state: str
    was: tuple[str, ...]
    form: StepForm


@dataclass(frozen=True)
class SaidLine:
    """One feedback in words."""

    verdict: str
    text: str
    note: str


@dataclass(frozen=True)
class ActingSection:
    """The section: `may` says whether the reader may store anything, `typed` has the fields as they were sent.

    `today` is the first day that a step may be due on, in ISO form; `after` says what came after the done steps.
    """

    address: str
    may: bool
    today: str
    once: str
    steps: tuple[StepLine, ...]
    after: tuple[str, ...]
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
    words, account_id = screen_texts(visit.lang), stored.score.account_id
    changing = form if form and form.get("form") == "change" else {}
    sent = {} if changing else form or {}
    with reading(visit.served.store.engine) as connection:
        steps, said = steps_of(connection, account_id), feedback_on(connection, account_id)
        changes = changes_of(connection, account_id)
        after = after_steps(connection, account_id, visit.reader.account_managers)
    section, text = DONE.get(visit.request.query_params.get("done", ""), ("", ""))
    typed = {name: sent.get(name, "") for name in TYPED}
    if not sent:
        typed["owner"] = visit.reader.sees_one or stored.account_manager or ""
    return ActingSection(
        address=account_address(account_id, visit.lang),
        may=visit.reader.may("feedback"),
        today=visit.today.isoformat(),
        once=sent.get("once") or new_token(),
        steps=tuple(_step(step, changes.get(step["step_id"], ()), changing, visit, words) for step in steps),
        after=() if after is None else tuple(_after(after, Formats(visit.lang), words["after"])),
        said=tuple(_said(entry, visit, words) for entry in said),
        kinds=_kinds(sent.get("kind", ""), words),
        verdicts=tuple(Choice(each, words["verdicts"][each], each == sent.get("verdict")) for each in VERDICTS),
        typed=typed,
        problems=tuple(problems),
        done=words[section][text] if section and not problems else "",
    )


def _step(
    step: Mapping[str, Any],
    changes: Sequence[Change],
    changing: Mapping[str, str],
    visit: Visit,
    words: Mapping[str, Any],
) -> StepLine:
    formats, done = Formats(visit.lang), step["done_at"]
    state = "finished" if done else "overdue" if step["due_on"] < visit.today else "open"
    day = done.astimezone(_zone(visit)).date() if done else step["due_on"]
    note = words["steps"]["finished" if done else "of"].format(owner=step["owner"], day=formats.day(day))
    if state == "overdue":
        note = f"{words['steps']['overdue']} {note}"
    was = tuple(_was(change, visit, words) for change in changes)
    kind, form = words["kinds"][step["kind"]], _form(step, changing, visit, words)
    return StepLine(step["step_id"], step["what"], kind, note, state, was, form)


def _after(after: AfterSteps, formats: Formats, words: Mapping[str, str]) -> Iterator[str]:
    """Yield what came after the done steps, and what it does not prove."""
    if after.before is None or after.before_as_of is None:
        yield words["no_before"].format(day=formats.day(after.done_on))
        return
    before = {"before": formats.probability(after.before), "before_day": formats.day(after.before_as_of)}
    if after.now is None or after.now_as_of is None:
        yield words["no_since"].format(**before, day=formats.day(after.done_on))
        return
    now = {"now": formats.probability(after.now), "now_day": formats.day(after.now_as_of)}
    yield words["moved"].format(**before, **now, day=formats.day(after.done_on))
    if after.alone_before is None or after.alone_now is None:
        yield words["few"].format(least=LEAST)
        return
    means = {"before": formats.probability(after.alone_before), "now": formats.probability(after.alone_now)}
    yield words["alone"].format(**means, n=formats.number(after.comparable))
    yield words["no_experiment"]


def _form(step: Mapping[str, Any], changing: Mapping[str, str], visit: Visit, words: Mapping[str, Any]) -> StepForm:
    unstored = changing.get("step_id") == str(step["step_id"])
    shown = {name: str(step[name]) for name in ("kind", "what", "owner", "due_on")}
    if unstored:
        shown |= {name: changing[name] for name in shown if name in changing}
    first_day = min(visit.today, step["due_on"]).isoformat()
    kinds = _kinds(shown.pop("kind"), words)
    return StepForm(kinds, **shown, first_day=first_day, version=version_of(step), unstored=unstored)


def _was(change: Change, visit: Visit, words: Mapping[str, Any]) -> str:
    formats, was = Formats(visit.lang), change.was
    return str(
        words["steps"]["was"].format(
            day=formats.day(change.at.astimezone(_zone(visit)).date()),
            by=visit.served.access.called(change.by),
            kind=words["kinds"][was.kind],
            what=was.what,
            of=words["steps"]["of"].format(owner=was.owner, day=formats.day(was.due_on)),
        )
    )


def _kinds(chosen: str, words: Mapping[str, Any]) -> tuple[Choice, ...]:
    return tuple(Choice(kind, words["kinds"][kind], kind == chosen) for kind in KINDS)


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
