"""The weightiest reasons of a score as three plain texts, for callers that read no lists; in English unless told.

Goes in: a score, and its evidence where it is at hand. Comes out: `reason_1` to `reason_3`, by falling weight, each a
theme's fact with what it does to the estimate. The words are those of reports (`serving.words.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from serving.errors import MissingWords
from serving.scoring.scores import Score
from serving.words.formats import NBSP, Lang
from serving.words.reasons import ReasonSentence, Speaker
from serving.words.theme_reasons import ThemeReason, themes

NAMES = ("reason_1", "reason_2", "reason_3")


def short_reasons(score: Score, evidence: Mapping[str, Any] | None = None, lang: Lang = "en") -> dict[str, str | None]:
    """Return the texts by name; null where a score has fewer themes that this version has words for."""
    texts = islice(_texts(Speaker(score, evidence, lang), themes(score.reasons)), len(NAMES))
    return dict.fromkeys(NAMES) | dict(zip(NAMES, texts, strict=False))


def main_reason(score: Score, evidence: Mapping[str, Any] | None = None, lang: Lang = "en") -> str:
    """Return the weightiest reason that raises the estimate of an account at risk, else the weightiest; or nothing.

    What protects an account at risk may weigh more than what threatens it, and is no reason to call.
    """
    weightiest_first = themes(score.reasons)
    raising = [theme for theme in weightiest_first if score.band == "at_risk" and theme.contribution > 0]
    return next(_texts(Speaker(score, evidence or {}, lang), [*raising, *weightiest_first]), "")


def raising_sentences(score: Score, evidence: Mapping[str, Any], lang: Lang, least: float) -> list[ReasonSentence]:
    """Return the themes that add so much to the estimate and that this version has words for, the largest first."""
    speaker, said = Speaker(score, evidence, lang), []
    for theme in themes(score.reasons):
        if theme.contribution < least:
            continue
        with suppress(MissingWords):
            said.append(speaker.say(theme))
    return said


def _texts(speaker: Speaker, weightiest_first: Sequence[ThemeReason]) -> Iterator[str]:
    for theme in weightiest_first:
        # A stored score may tell of a signal that this version no longer has; its other reasons are still told.
        with suppress(MissingWords):
            # Plain blanks: a CRM searches and wraps these.
            yield speaker.short(theme).replace(NBSP, " ")
