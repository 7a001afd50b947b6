"""The stored figures of the newest run in words: what the store has goes in, every declared figure comes out."""

from __future__ import annotations

from serving.store import StoredFigures
from serving.words.figure_words import FigureInWords, figures_in_words
from serving.words.formats import Lang


def in_words(stored: StoredFigures | None, lang: Lang, met_nobody: bool = False) -> tuple[FigureInWords, ...]:
    """Return every figure of what a caller may see; one that is not known has a reason.

    `met_nobody` says that an account manager was asked for of whose accounts the caller sees none.
    """
    if stored is None:
        return figures_in_words(None, None, lang, "no_run")
    absent = ("no_manager" if met_nobody else "no_accounts") if stored.stored else "not_stored"
    return figures_in_words(stored.record, stored.run["as_of"], lang, absent)
