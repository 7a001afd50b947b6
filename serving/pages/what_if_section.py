"""What the model would say if something were done, as a record that a template only has to print.

The form asks by its address, since nothing is stored. It is there where the service can read all records of an account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.api.answers.what_if import WhatIf, edit_day, history_of, of_the_source, what_if
from serving.api.edge.problems import RequestProblem
from serving.pages.portfolio import Choice
from serving.pages.visiting import Visit
from serving.predict.edits import MOST_EDITS, Edit
from serving.scoring.scores import Score
from serving.store import Stored
from serving.words.caution_words import told
from serving.words.formats import Formats, shown_change
from serving.words.wording import screen_texts

#: Most loops and most tickets that can be chosen, the oldest ones.
MOST_OFFERED = 5
CALL, ACTION = "call", "action_done"


@dataclass(frozen=True)
class Answered:
    """One line of the answer: what is done, the estimate and its change in points."""

    label: str
    estimate: str
    change: str
    kind: str


@dataclass(frozen=True)
class WhatIfSection:
    """The section: `choices` are empty where the service has no records; then `lead` says how to get them."""

    lead: str
    choices: tuple[Choice, ...]
    caption: str = ""
    lines: tuple[Answered, ...] = ()
    cautions: tuple[str, ...] = ()
    problem: str = ""
    status: int = 200


async def what_if_section(visit: Visit, stored: Stored) -> WhatIfSection | None:
    """Return the section of an account with what the address asks; None for one of which too little is known."""
    words, formats = screen_texts(visit.lang), Formats(visit.lang)
    if stored.score.band == "unknown":
        return None
    if visit.served.settings.source is None:
        return WhatIfSection(words["what_if"]["no_source"], ())
    day, asked = edit_day(stored.score.as_of), visit.request.query_params.getlist("edit")
    offered = _offered(stored, visit)
    choices = tuple(Choice(value, label, value in asked) for value, (label, _) in offered.items())
    lead = words["what_if"]["lead"].format(day=formats.day(day))
    chosen = [value for value in offered if value in asked][:MOST_EDITS]
    made_up = [value for value in asked if value not in offered]
    if made_up:
        problem = words["trouble"]["no_edit"].format(value=made_up[0])
        return WhatIfSection(lead, choices, problem=problem, status=422)
    if not chosen:
        return WhatIfSection(lead, choices)
    try:
        history = await history_of(visit.served, stored.score.account_id)
        edits = [offered[value][1] for value in chosen]
        found = await what_if(visit.served, history, edits, day, beside=of_the_source(stored))
    except RequestProblem as error:
        problem = words["trouble"][error.code.replace("-", "_")]
        return WhatIfSection(lead, choices, problem=problem, status=error.status)
    caption = words["what_if"]["caption"].format(day=formats.day(found.as_of))
    lines = _lines(found, [offered[value][0] for value in chosen], visit)
    sign = sign_of(lines, chosen, words["what_if"])
    cautions = (*sign, *(f"{told(each, visit.lang)}." for each in found.cautions))
    return WhatIfSection(lead, choices, caption, lines, cautions)


def _offered(stored: Stored, visit: Visit) -> dict[str, tuple[str, Edit]]:
    """Return what can be chosen: the value in the address, its label and the edit, by what the evidence knows of."""
    words, formats, evidence = screen_texts(visit.lang)["what_if"], Formats(visit.lang), stored.evidence
    found: dict[str, tuple[str, Edit]] = {}
    for table, kind, own in (("open_loops", "loop_closed", "loop_id"), ("open_tickets", "ticket_closed", "ticket_id")):
        for row in (evidence.get(table) or {"rows": ()})["rows"][:MOST_OFFERED]:
            label = words[kind].format(day=formats.day(row["opened_at"]), what=row[own])
            found[f"{kind}:{row[own]}"] = label, Edit.model_validate({"kind": kind, own: row[own]})
    if evidence.get("contacts") is not None:
        found["contact_named"] = words["contact_named"], Edit(kind="contact_named")
        decides = Edit(kind="contact_named", decision_maker=True)
        found["decision_maker_named"] = words["decision_maker_named"], decides
    if evidence.get("surveys") is not None:
        found["invitation_sent"] = words["invitation_sent"], Edit(kind="invitation_sent")
    if evidence.get("actions") is not None:
        call = screen_texts(visit.lang)["actions"][CALL]
        found[ACTION] = words["action_done"].format(what=call), Edit(kind="action_done", action=CALL)
    return found


def _lines(found: WhatIf, labels: Sequence[str], visit: Visit) -> tuple[Answered, ...]:
    words, formats = screen_texts(visit.lang)["what_if"], Formats(visit.lang)
    lines = [_line(words["without"].format(day=formats.day(found.as_of)), found.before, found.before, visit)]
    lines += [_line(label, score, found.before, visit) for label, score in zip(labels, found.alone, strict=True)]
    if len(labels) > 1:
        lines.append(_line(words["all"], found.after, found.before, visit))
    return tuple(lines)


def sign_of(lines: Sequence[Answered], chosen: Sequence[str], words: Mapping[str, str]) -> tuple[str, ...]:
    """Return why a step that raises the estimate is still one to take, where the answer has such a line."""
    raised = {value for value, line in zip(chosen, lines[1:], strict=False) if line.kind == "up"}
    called = (words["action_sign"],) if ACTION in raised else ()
    return (*called, words["step_sign"]) if raised - {ACTION} else called


def _line(label: str, score: Score, before: Score, visit: Visit) -> Answered:
    formats = Formats(visit.lang)
    if "unknown" in (score.band, before.band):
        return Answered(label, screen_texts(visit.lang)["portfolio"]["no_estimate"], "–", "same")
    change = shown_change(before.churn_probability, score.churn_probability)
    points = "–" if score is before else formats.points(change)
    kind = "same" if change == 0 else "up" if change > 0 else "down"
    return Answered(label, formats.percent(score.churn_probability, 1), points, kind)
