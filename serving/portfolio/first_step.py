"""What to do first about a listed account: a row of the portfolio goes in, one step in words comes out.

It names contacts by role: a list and a mail are read in more places than a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.reports.steps_to_take import steps_of
from serving.store.score_tables import score_of
from serving.words.formats import NBSP, Formats, Lang
from serving.words.short_reasons import sentences_of


def first_step(row: Mapping[str, Any], lang: Lang) -> str:
    """Return the first step that the account's report advises, with whom it means; empty where it advises none."""
    score, evidence = score_of(row), row["evidence"] or {}
    if score.band == "unknown":
        return ""
    formats = Formats(lang, score.currency)
    steps = steps_of(score, evidence, sentences_of(score, evidence, lang), formats, named=False)
    if not steps:
        return ""
    who = f" ({'; '.join(steps[0].who)})" if steps[0].who else ""
    return f"{steps[0].text}{who}".replace(NBSP, " ")
