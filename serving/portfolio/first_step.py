"""What to do first about a listed account: a score with its evidence goes in, one step in words comes out.

It is one of the steps on the account's page, and names contacts by role: a list and a mail are read in more places than
a report. What must not wait goes before what moves the estimate most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.reports.steps_to_take import ADVISED_FROM, Pressing, steps_of
from serving.scoring.scores import Score
from serving.words.formats import NBSP, Formats, Lang
from serving.words.short_reasons import raising_sentences


@dataclass(frozen=True)
class FirstStep:
    """What to do first, whom it means, and why it must not wait; all empty where nothing is advised.

    A list has room for `text` alone, and a mail for all that is `told`.
    """

    text: str = ""
    who: str = ""
    pressing: Pressing = ""

    @property
    def told(self) -> str:
        """The step with whom it means."""
        return f"{self.text} ({self.who})" if self.who else self.text


def first_step(score: Score, evidence: Mapping[str, Any], lang: Lang) -> FirstStep:
    """Return the first step that the account's report advises, one that must not wait before all others."""
    if score.band == "unknown":
        return FirstStep()
    formats = Formats(lang, score.currency)
    sentences = raising_sentences(score, evidence, lang, ADVISED_FROM)
    steps = steps_of(score, evidence, sentences, formats, named=False)
    if not steps:
        return FirstStep()
    first = next((step for step in steps if step.pressing), steps[0])
    return FirstStep(first.text.replace(NBSP, " "), "; ".join(first.who).replace(NBSP, " "), first.pressing)
