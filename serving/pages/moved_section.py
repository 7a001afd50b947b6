"""Why an account's estimate moved, as a record that a template only has to print; between any two scores."""

from __future__ import annotations

from dataclasses import dataclass

from serving.api.answers.movements import Compared, Which, compared
from serving.api.edge.problems import RequestProblem
from serving.pages.portfolio import Choice
from serving.pages.visiting import Visit
from serving.scoring.scores import PastScore, Score
from serving.store import Stored
from serving.words.formats import Formats
from serving.words.movement_words import MovedRow, moved_told
from serving.words.wording import screen_texts


@dataclass(frozen=True)
class MovedSection:
    """The section: the last of `rows` is the total; `earlier` and `later` are what can be chosen, empty for two scores.

    Attributes
    ----------
    problem : str
        What of the address is not to be had.
    """

    lead: str
    rows: tuple[MovedRow, ...]
    earlier: tuple[Choice, ...]
    later: tuple[Choice, ...]
    problem: str


def moved_section(visit: Visit, stored: Stored) -> MovedSection:
    """Return the section of an account, between the scores that the address names or the last two dates."""
    words, query = screen_texts(visit.lang), visit.request.query_params
    problem = ""
    try:
        found = compared(visit.served, stored, query.get("from", ""), query.get("to", ""))
    except RequestProblem as error:
        found = compared(visit.served, stored)
        named = error.errors[0].pointer.rpartition("/")[2]
        problem = words["trouble"][error.code.replace("-", "_")].format(value=query.get(named, ""))
    if found is None:
        return MovedSection(words["moved"]["no_earlier"], (), (), (), problem)
    told = moved_told(found.moved, found.before.evidence, found.after.evidence, visit.lang)
    return MovedSection(told.lead, told.rows, *_choices(stored, found, visit), problem)


def _choices(stored: Stored, found: Compared, visit: Visit) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """Return the scores that can be the earlier one and the later one, newest first; none where there are two only."""
    if len(stored.history) <= 2:
        return (), ()
    newest_first = stored.history[::-1]
    earlier, later = (
        tuple(_choice(past, end.score, visit) for past in newest_first) for end in (found.before, found.after)
    )
    return earlier, later


def _choice(past: PastScore, chosen: Score, visit: Visit) -> Choice:
    words, which = screen_texts(visit.lang)["moved"], Which(past.as_of, past.model_version)
    text = words["entry"].format(day=Formats(visit.lang).day(past.as_of), version=past.model_version)
    return Choice(str(which), text, which == Which(chosen.as_of, chosen.model_version))
